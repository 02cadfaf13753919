"""`read_file`: text of a file, whole when it is small, else a numbered range with where to go on.

Small files are read on the loop: handing them to a thread costs several times the read itself.
"""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import blocking
from codewhale.workspace.window import MAX_LINES, USUAL_LINES, Window, read_window, window_of

_AT_ONCE = 256 * 1024


class ReadFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to read."""

    path: Annotated[str, Meta(description="File to read, relative to the workspace.")]
    start_line: Annotated[Annotated[int, Meta(ge=1)] | None, Meta(description="First line, from 1 (default 1).")] = None
    max_lines: Annotated[
        Annotated[int, Meta(ge=1)] | None, Meta(description="How many lines (default 200, at most 500).")
    ] = None


async def _run(args: ReadFile, context: ToolContext) -> ToolOutput:
    start, count = args.start_line or 1, min(args.max_lines or USUAL_LINES, MAX_LINES)
    read = context.files.read_up_to(args.path, _AT_ONCE)
    if read is not None:
        window = window_of(read, start, count)
    else:
        window = await blocking(lambda stop: read_window(context.files, args.path, start, count, stop))
    whole = args.start_line is None and args.max_lines is None
    return ToolOutput(text=_present(window, whole=whole), metadata=_metadata(window))


def _present(window: Window, *, whole: bool) -> str:
    if whole and window.complete and window.known:
        return window.text
    shown_lines = f"{window.first}-{window.last}" if window.lines else "none"
    head = f'<file path="{_attribute(window.path)}" total_lines="{window.total}" shown_lines="{shown_lines}"'
    head += f' truncated="{"true" if window.next_line else "false"}"'
    head += f' next_start_line="{window.next_line}">' if window.next_line else ">"
    body = [f"{window.first + at:6}| {line}" for at, line in enumerate(window.lines)]
    if not window.known:
        body.insert(0, "[neither UTF-8 nor UTF-16: shown byte by byte as Latin-1, other characters may be meant]")
    if not window.lines:
        body.append(f"[no content: the file ends after line {window.total}]")
    if window.next_line:
        body.append(f"[more follows: read on with start_line={window.next_line}]")
    return "\n".join([head, *body, "</file>"])


def _attribute(path: str) -> str:
    return shown(path).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")


def _metadata(window: Window) -> dict[str, object]:
    return {
        "path": window.path,
        "total_lines": window.total,
        "shown_lines": len(window.lines),
        "truncated": window.next_line is not None,
        "encoding": window.encoding,
        "line_ends": window.line_ends,
    }


TOOLS = (
    Tool(
        name="read_file",
        description=(
            "Read a text file of the workspace. Up to 200 lines and 16 KiB come back as they are; from longer files, or when "
            "a range is asked for, you get numbered lines and the line to go on from. The line numbers are not part of the "
            "file. Binary files are refused."
        ),
        arguments=ReadFile,
        effects=frozenset({"read"}),
        default="allow",
        run=_run,
        paths=lambda args: [Touch(path=args.path)],
        describe=lambda args: f"Read {shown(args.path)}",
    ),
)
