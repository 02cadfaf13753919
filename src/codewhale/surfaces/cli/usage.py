"""`codewhale usage`: what model calls used and cost, as a table or as JSON."""

import argparse

import msgspec

from codewhale.domain.errors import InvalidInput
from codewhale.domain.usage import GROUPINGS, UsageQuery, UsageReport, UsageTotals
from codewhale.domain.usage_query import usage_query
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, say, write_lines, write_text

_HEADS = ("turns", "input", "cached", "output", "reasoning", "cost")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since", metavar="TIME", help="turns begun at or after this: 2026-01-31, or with a time in RFC 3339"
    )
    parser.add_argument(
        "--until", metavar="TIME", help="turns begun at or before this; a date means its whole day (UTC)"
    )
    parser.add_argument("--group-by", choices=GROUPINGS, default="day", help="one line per what (default: day)")
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Print the sums."""
    query = _query(args)
    settings = settings_of(args)
    if not store_exists(settings):
        say(f"Nothing was used yet in {settings.runtime_dir}.")
        return 0
    report = with_client(settings, "usage", lambda client: client.introspection.usage(query))
    if args.json:
        write_lines([msgspec.json.encode(report)])
    else:
        write_text(clean(table(report)))
    return 0


def table(report: UsageReport) -> str:
    """One line per bucket, the sum below, and what has no price."""
    if not report.buckets:
        return "No model was called in this time.\n"
    rows = [(bucket.key, *_cells(bucket)) for bucket in report.buckets]
    rows = [(report.group_by, *_HEADS), *rows, ("total", *_cells(report.totals))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADS) + 1)]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    return "\n".join([*lines, *_notes(report)]) + "\n"


def _cells(sums: UsageTotals) -> tuple[str, ...]:
    counts = (sums.turns, sums.input_tokens, sums.cached_tokens, sums.output_tokens, sums.reasoning_tokens)
    return (*(f"{count:,}" for count in counts), _dollars(sums))


def _dollars(sums: UsageTotals) -> str:
    if sums.turns and not sums.priced_turns and not sums.cost_usd:
        return "unknown"
    exact = f"${sums.cost_usd:,.4f}" if sums.cost_usd < 1 else f"${sums.cost_usd:,.2f}"
    return exact if sums.cost_complete else f"≥ {exact}"


def _notes(report: UsageReport) -> list[str]:
    notes = [""] if report.unpriced_reasons else []
    for found in report.unpriced_reasons:
        why = "no price is known" if found.reason == "no_price" else "the provider told no token counts"
        calls = "call" if found.steps == 1 else "calls"
        notes.append(f"Not in the cost: {found.steps:,} {calls} of {found.model} ({found.provider}): {why}.")
    return notes


def _query(args: argparse.Namespace) -> UsageQuery:
    try:
        return usage_query(args.group_by, _time(args.since, "T00:00:00Z"), _time(args.until, "T23:59:59.999Z"))
    except InvalidInput as error:
        raise UsageError(error.message, hint="for example --since 2026-01-31, or 2026-01-31T08:00:00Z") from error


def _time(text: str | None, rest: str) -> str | None:
    """A bare date is a whole day."""
    return text + rest if text is not None and len(text) == len("2026-01-31") else text
