"""`project_map`: the workspace as a tree of names, as deep as wanted, what git ignores left out."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.files import Files
from codewhale.workspace.plain import plain
from codewhale.workspace.walk import UNASKED, Entry, Walk, readable

MOST_LINES = 400
MOST_BESIDE = 60
"""Most names shown of one directory; a folder of a thousand pictures says no more than sixty of them."""


class ProjectMap(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How deep."""

    max_depth: Annotated[int, Meta(ge=1, le=12, description="Levels of directories (default 3).")] = 3


async def run(args: ProjectMap, ctx: ToolContext) -> ToolOutput:
    """The tree; where something is left out, a line says how much."""
    return await blocking(lambda stop: _map(ctx.files, args.max_depth, stop))


def _map(files: Files, depth: int, stop: Stop) -> ToolOutput:
    walk = Walk(files, ".", stop)
    lines: list[str] = []
    beside: dict[tuple[str, ...], int] = {}
    below: dict[tuple[str, ...], int] = {}
    entries = 0
    for entry in walk.tree():
        entries += 1
        if len(entry.parts) > depth:
            below[entry.parts[:depth]] = below.get(entry.parts[:depth], 0) + (not entry.is_dir)
            continue
        parent = entry.parts[:-1]
        beside[parent] = beside.get(parent, 0) + 1
        if beside[parent] <= MOST_BESIDE and len(lines) < MOST_LINES:
            lines.append(_line(entry))
    shown_lines = [*_with_counts(lines, below), *_left_out(beside, walk, len(lines))]
    text = "\n".join(shown_lines) or "The workspace is empty."
    return ToolOutput(text=text, metadata={"entries": entries, "ignored": walk.ignored, "truncated": walk.cut})


def _line(entry: Entry) -> str:
    mark = "/" if entry.is_dir else "@" if entry.is_link else ""
    closed = " (not looked into)" if entry.is_dir and entry.name in UNASKED else ""
    name = plain(readable(entry.name)).replace("\n", "?")
    return f"{'  ' * (len(entry.parts) - 1)}{name}{mark}{closed}\0{readable('/'.join(entry.parts))}"


def _with_counts(lines: list[str], below: dict[tuple[str, ...], int]) -> list[str]:
    counts = {readable("/".join(parts)): count for parts, count in below.items()}
    found: list[str] = []
    for line in lines:
        text, _, place = line.partition("\0")
        count = counts.get(place, 0)
        found.append(f"{text} ({count} file{'s' * (count != 1)})" if count else text)
    return found


def _left_out(beside: dict[tuple[str, ...], int], walk: Walk, shown: int) -> list[str]:
    notes: list[str] = []
    hidden = sum(beside.values()) - shown
    if hidden > 0:
        notes.append(f"[{hidden} more names are not shown: list_dir shows one directory in full]")
    if walk.ignored:
        notes.append(f"[{walk.ignored} ignored entries left out]")
    if walk.cut:
        notes.append("[the workspace is larger than what was looked at]")
    return notes


TOOLS = (
    Tool(
        name="project_map",
        description=(
            "Show the directories and files of the workspace as a tree. Honours .gitignore; directories end in /, links in @. "
            "Deeper ones are counted."
        ),
        arguments=ProjectMap,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
        paths=lambda _: [Touch(path=".", beneath=True)],
    ),
)
