"""A context report as text: bars for what fills the window, a block for each request whose cache was missed. Pure."""

from collections.abc import Iterable

from codewhale.domain.context_report import ContextReport, Piece, SentRequest

WIDTH = 24
SMALL = 256
"""Tokens: a miss below this is the size of the provider's blocks."""
_TITLES = {"part": "System text", "tool": "Tools", "messages": "Messages"}


def filling(report: ContextReport) -> str:
    """What the next request is made of."""
    whole = report.window or max(report.tokens, 1)
    window = (
        f" of {report.window:,} ({report.tokens / whole:.1%})" if report.window else "; the model's window is not known"
    )
    lines = [
        f"{report.thread_id}  {report.model}{f' by {report.provider}' if report.provider else ''}",
        f"about {report.tokens:,} tokens{window}, {report.chars_per_token:g} characters each",
        f"[{_bar(report.tokens, whole, 60)}]",
    ]
    last = report.requests[-1] if report.requests else None
    if last is not None and last.input_tokens is not None:
        lines.insert(2, f"the last request had {last.input_tokens:,}, as the provider counted")
    for kind, title in _TITLES.items():
        found = [piece for piece in report.pieces if piece.kind == kind]
        if found:
            lines += ["", f"{title}: {sum(piece.tokens for piece in found):,}", *_rows(found, whole)]
    if not report.pieces:
        lines.append("Nothing was sent yet.")
    if report.largest:
        lines += ["", "Largest messages:"]
        lines += [f"  {one.tokens:>9,}  {one.name} (message {one.number})" for one in report.largest]
    return "\n".join(lines) + "\n"


def _rows(pieces: Iterable[Piece], whole: int) -> list[str]:
    ordered = sorted(pieces, key=lambda piece: -piece.tokens)
    return [
        f"  {piece.tokens:>9,}  {piece.tokens / whole:>6.1%}  {_bar(piece.tokens, whole, WIDTH)}  {piece.name}"
        + (f" ({piece.count})" if piece.count > 1 else "")
        for piece in ordered
    ]


def _bar(part: int, whole: int, width: int) -> str:
    filled = min(round(part * width / whole), width) if whole else 0
    return ("#" * (filled or (1 if part else 0))).ljust(width, ".")


def difference(report: ContextReport, *, every: bool) -> str:
    """What each request had in common with the one before, and what the cache had."""
    if not report.requests:
        return "No request of this conversation is on record.\n"
    shown = [one for one in report.requests if every or one.differs or (one.missed or 0) >= SMALL]
    lines = [line for one in shown for line in _request(one)]
    if len(shown) < len(report.requests):
        more = _requests(len(report.requests) - len(shown))
        lines.append(f"{more} missed nothing to speak of, or nobody told (--all shows them).")
    return "\n".join([*lines, *_sums(report.requests)]) + "\n"


def _request(one: SentRequest) -> list[str]:
    counted = f"{one.input_tokens:,} tokens in" if one.input_tokens is not None else f"{one.chars:,} characters"
    hit = "the provider tells no hits" if one.hit is None else f"hit {one.hit:,}"
    lines = [f"{one.at}  step {one.step}  {one.model}: {counted}; the cache should have had {one.expected:,}, {hit}"]
    if one.differs:
        lines.append(f"    differs first in: {one.differs}")
    if one.cause:
        lines.append(f"    because: {one.cause}{' (declared)' if one.declared else ''}")
    if one.missed and one.lost_usd is not None:
        lines.append(f"    missed {one.missed:,} tokens, which cost ${one.lost_usd:.6f} more")
    return lines


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"


def _sums(requests: tuple[SentRequest, ...]) -> list[str]:
    known = [one for one in requests if one.hit is not None and one.input_tokens]
    if not known:
        return [f"{_requests(len(requests))}; no provider told of cache hits."]
    tokens, hits = sum(one.input_tokens or 0 for one in known), sum(one.hit or 0 for one in known)
    missed, lost = sum(one.missed or 0 for one in known), sum(one.lost_usd or 0.0 for one in known)
    return [
        f"{_requests(len(requests))}: {tokens:,} tokens in, {hits:,} of them from the cache ({hits / tokens:.1%}); "
        f"{missed:,} missed that it should have had"
        + (f", ${lost:.6f}" if any(one.lost_usd is not None for one in known) else " (price not known)")
    ]
