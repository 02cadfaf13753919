"""`list_dir`: what is in one directory."""

from itertools import islice
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.files import Files
from codewhale.workspace.walk import Entry, Walk, readable

_MAX_LISTED = 1000


class ListDir(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which directory."""

    path: Annotated[str, Meta(description="Directory to list (default: the workspace).")] = "."


async def _run(args: ListDir, context: ToolContext) -> ToolOutput:
    return await blocking(lambda stop: _list(context.files, args.path, stop))


def _list(files: Files, path: str, stop: Stop) -> ToolOutput:
    walk = Walk(files, path, stop)
    entries = list(walk.level())
    listed = [_line(entry) for entry in islice(entries, _MAX_LISTED)]
    text = msgspec.json.encode(listed).decode()
    cut = walk.cut or len(entries) > len(listed)
    if cut:
        text += f"\nOnly the first {len(listed)} of {'more than ' * walk.cut}{len(entries)} entries are shown."
    if walk.ignored and not entries:
        text += f"\n{walk.ignored} entries are hidden by .gitignore."
    return ToolOutput(text=text, metadata={"entries": len(listed), "ignored": walk.ignored, "truncated": cut})


def _line(entry: Entry) -> dict[str, object]:
    line: dict[str, object] = {"name": readable(entry.name), "is_dir": entry.is_dir}
    if entry.is_link:
        line["is_link"] = True
    return line


TOOLS = (
    Tool(
        name="list_dir",
        description=(
            "List one directory as a JSON array of names, in name order, each with whether it is a directory. Honours "
            ".gitignore, also outside git, and leaves out .git. Links are named, not followed."
        ),
        arguments=ListDir,
        effects=frozenset({"read"}),
        default="allow",
        run=_run,
        paths=lambda args: [Touch(path=args.path)],
        describe=lambda args: f"List {shown(args.path)}",
    ),
)
