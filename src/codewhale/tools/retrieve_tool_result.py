"""`retrieve_tool_result`: a part of an earlier output that was too long to be shown whole: its summary, head, tail, lines, or
what a word is found in."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.kept_outputs import KeptOutput, ReadOutput
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext

Mode = Literal["summary", "head", "tail", "lines", "query"]
SUMMARY_LINES = 10


class RetrieveToolResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which output, and which part of it."""

    ref: Annotated[str, Meta(min_length=1, max_length=200, description="Call id, or sha256:… from a shortened output.")]
    mode: Mode = "summary"
    query: Annotated[str | None, Meta(description="Text to look for, in any case; for mode query.")] = None
    lines: Annotated[str | None, Meta(description="Range such as 10-40; for mode lines.")] = None
    start_line: Annotated[int, Meta(ge=1)] | None = None
    end_line: Annotated[int, Meta(ge=1)] | None = None
    line_count: Annotated[
        int, Meta(ge=1, le=500, description="Lines of head, tail or from start_line (default 40).")
    ] = 40
    max_bytes: Annotated[int, Meta(ge=256, le=131_072)] = 8192
    max_matches: Annotated[int, Meta(ge=1, le=100)] = 20
    context_lines: Annotated[int, Meta(ge=0, le=5)] = 1


async def run(args: RetrieveToolResult, ctx: ToolContext) -> ToolOutput:
    """The part, numbered, with a line above it that says of what."""
    kept = await ctx.ask(ReadOutput(ref=args.ref))
    lines = kept.text.splitlines()
    parts = _parts(args, len(lines), lines)
    head = f"[{kept.tool}, call {kept.call_id}: {len(lines)} lines, {kept.bytes:,} bytes]"
    if not parts:
        return ToolOutput(text=f"{head}\n{_nothing(args)}", metadata=_metadata(kept, len(lines)))
    return ToolOutput(text=_text(head, parts, lines, args.max_bytes), metadata=_metadata(kept, len(lines)))


def _parts(args: RetrieveToolResult, total: int, lines: Sequence[str]) -> list[tuple[int, int]]:
    """Ranges of lines, from 1, both ends included, in order and apart."""
    match args.mode:
        case "summary":
            ranges = [(1, SUMMARY_LINES), (max(total - SUMMARY_LINES + 1, SUMMARY_LINES + 1), total)]
        case "head":
            ranges = [(1, args.line_count)]
        case "tail":
            ranges = [(max(total - args.line_count + 1, 1), total)]
        case "lines":
            ranges = [_range(args)]
        case "query":
            ranges = _around(_hits(args, lines), args.context_lines)
    return [(start, min(end, total)) for start, end in ranges if start <= min(end, total)]


def _range(args: RetrieveToolResult) -> tuple[int, int]:
    if args.lines is not None:
        first, _, last = args.lines.partition("-")
        if not first.strip().isdecimal() or not (last.strip() or first.strip()).isdecimal():
            raise ToolError(f"`lines` is a range such as 10-40, not {args.lines[:40]!r}.", category="invalid_input")
        return max(int(first), 1), int(last.strip() or first)
    start = args.start_line or 1
    return start, args.end_line or start + args.line_count - 1


def _hits(args: RetrieveToolResult, lines: Sequence[str]) -> list[int]:
    if not args.query:
        raise ToolError("Mode query needs `query`.", category="invalid_input")
    wanted = args.query.casefold()
    found = [number for number, line in enumerate(lines, 1) if wanted in line.casefold()]
    return found[: args.max_matches]


def _around(hits: Sequence[int], context: int) -> list[tuple[int, int]]:
    ranges: list[tuple[int, int]] = []
    for hit in hits:
        start, end = max(hit - context, 1), hit + context
        if ranges and start <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], end)
        else:
            ranges.append((start, end))
    return ranges


def _text(head: str, parts: Sequence[tuple[int, int]], lines: Sequence[str], limit: int) -> str:
    shown = [head]
    left = limit
    for at, (start, end) in enumerate(parts):
        if at:
            shown.append("…")
        for number in range(start, end + 1):
            line = f"{number:6}| {lines[number - 1]}"
            size = len(line.encode("utf-8", "replace")) + 1
            if size > left:
                shown.append(line.encode("utf-8", "replace")[:left].decode("utf-8", "ignore"))
                shown.append(f"[cut at {limit} bytes in line {number}: go on with mode lines, or raise max_bytes]")
                return "\n".join(shown)
            left -= size
            shown.append(line)
    return "\n".join(shown)


def _nothing(args: RetrieveToolResult) -> str:
    return f"Nothing in it contains {args.query!r}." if args.mode == "query" else "There are no lines in that range."


def _metadata(kept: KeptOutput, lines: int) -> dict[str, object]:
    return {"tool": kept.tool, "call_id": kept.call_id, "lines": lines, "bytes": kept.bytes}


TOOLS = (
    Tool(
        name="retrieve_tool_result",
        description=(
            "Read a part of an earlier tool output of this conversation that was shown shortened: summary (first and last "
            "lines), head, tail, lines or query."
        ),
        arguments=RetrieveToolResult,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
    ),
)
