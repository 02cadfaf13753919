"""The region of a text most like a passage that was not found, and how it differs: for one good error message.

Bounded work: lines vote by their content without whitespace; only when none agrees are single lines compared by likeness,
and only so many. Pure.
"""

from collections import Counter

from msgspec import Struct

from codewhale.workspace.text import bare, split_lines

_MAX_LINES = 24
_MAX_LINE = 300
_MAX_LIKE = 3000
_MAX_VOTES = 50
_ENOUGH = 0.6
PLAIN = str.maketrans("‘’‚‛“”„‟′″‐‑‒–—―−\u00a0\u2007\u202f", "''''\"\"\"\"'\"-------   ")


"""Typographic quotes, dashes and spaces as what a keyboard has."""


class Region(Struct, frozen=True, kw_only=True):
    """`text`: numbered lines and the difference in words. `only_spelling`: indentation or punctuation is all that differs."""

    text: str
    only_spelling: bool


def closest_region(text: str, wanted: str) -> Region | None:
    """Where `wanted` was probably meant to be, or None when nothing is like it."""
    lines = [bare(line) for line in split_lines(text)]
    sought = [bare(line) for line in split_lines(wanted)]
    if not lines or not any(line.strip() for line in sought):
        return None
    start = _by_votes(lines, sought)
    if start is None:
        start = _by_likeness(lines, sought)
    if start is None:
        return None
    start = max(0, min(start, len(lines) - 1))
    region = lines[start : start + len(sought)]
    listing = [f"{start + 1 + at:6}| {_clip(line)}" for at, line in enumerate(region[:_MAX_LINES])]
    if len(region) > _MAX_LINES:
        listing.append(f"      | … {len(region) - _MAX_LINES} more lines")
    reason, spelling = _difference(region, sought, start)
    return Region(text="\n".join([*listing, reason]), only_spelling=spelling)


def _by_votes(lines: list[str], sought: list[str]) -> int | None:
    places: dict[str, list[int]] = {}
    for at, line in enumerate(sought):
        key = _key(line)
        if key:
            places.setdefault(key, []).append(at)
    votes: Counter[int] = Counter()
    for number, line in enumerate(lines):
        for at in places.get(_key(line), ())[:_MAX_VOTES]:
            votes[number - at] += len(_key(line))
    if not votes:
        return None
    best = max(votes.values())
    return min(start for start, count in votes.items() if count == best)


def _by_likeness(lines: list[str], sought: list[str]) -> int | None:
    from difflib import SequenceMatcher

    at, line = max(enumerate(sought), key=lambda pair: len(pair[1].strip()))
    target = line.strip()[:_MAX_LINE]
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(target)
    best, found = _ENOUGH, None
    for number, candidate in enumerate(lines[:_MAX_LIKE]):
        matcher.set_seq1(candidate.strip()[:_MAX_LINE])
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best and matcher.ratio() > best:
            best, found = matcher.ratio(), number - at
    return found


def _key(line: str) -> str:
    return "".join(line.translate(PLAIN).split())


def _clip(line: str) -> str:
    return line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + "…"


def _difference(region: list[str], sought: list[str], start: int) -> tuple[str, bool]:
    """In words, the first difference; and whether all differences are indentation alone, or punctuation alone."""
    pairs = list(zip(region, sought, strict=False))
    same_size = len(region) == len(sought)
    spelling = same_size and (
        all(a.strip() == b.strip() for a, b in pairs) or all(a.translate(PLAIN) == b.translate(PLAIN) for a, b in pairs)
    )
    for at, (have, want) in enumerate(pairs):
        if have != want:
            return f"Line {start + 1 + at}: {_why(have, want)}", spelling
    if not same_size:
        return f"The text ends there, but `search` goes on for {len(sought) - len(region)} more lines.", False
    return "The lines agree, so `search` differs in its first or last line's ends.", False


def _why(have: str, want: str) -> str:
    if have.strip() == want.strip():
        if have.rstrip() == want.rstrip():
            return f"only the space at the end differs: the file has {_tail(have)}, `search` has {_tail(want)}."
        return f"only the indentation differs: the file has {_lead(have)}, `search` has {_lead(want)}."
    if have.translate(PLAIN) == want.translate(PLAIN):
        return "only the kind of quotes, dashes or spaces differs (typographic or plain)."
    if have.split() == want.split():
        return "only the spaces inside the line differ."
    if have.casefold() == want.casefold():
        return "only upper and lower case differ."
    return f"the file has {_clip(have)!r}, `search` has {_clip(want)!r}."


def _lead(line: str) -> str:
    return _spaces(line[: len(line) - len(line.lstrip())])


def _tail(line: str) -> str:
    return _spaces(line[len(line.rstrip()) :])


def _spaces(space: str) -> str:
    tabs, blanks = space.count("\t"), space.count(" ")
    words = [
        f"{count} {word}{'' if count == 1 else 's'}" for count, word in ((tabs, "tab"), (blanks, "space")) if count
    ]
    return " and ".join(words) if words else "none" if not space else repr(space)
