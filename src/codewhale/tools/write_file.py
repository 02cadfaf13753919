"""`write_file`: a whole file, new or in place of the old one, whose encoding and line ends are kept."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.changes import changed
from codewhale.workspace.files import MAX_FILE, Files, Write
from codewhale.workspace.patching import fitted
from codewhale.workspace.text import Text, decode


class WriteFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to write."""

    path: Annotated[str, Meta(description="File to write, relative to the workspace. Missing directories are made.")]
    content: Annotated[str, Meta(max_length=MAX_FILE, description="The whole new content.")]


async def _run(args: WriteFile, context: ToolContext) -> ToolOutput:
    return await blocking(lambda stop: _write(context.files, args, stop))


def _write(files: Files, args: WriteFile, stop: Stop) -> ToolOutput:
    name = files.check_writable(args.path)
    if files.stamp(args.path) is None:
        form, before, stamp = Text(""), None, None
    else:
        read = files.read(args.path)
        form, stamp = decode(read.content, name), read.stamp
        before = form.text
    note = ""
    if not form.known and not args.content.isascii():
        form, note = Text(form.text), " The old file was neither UTF-8 nor UTF-16; the new one is UTF-8."
    after = fitted(form, args.content, before)
    if after == before and not note:
        return changed(f"{shown(name)} already has this content; nothing was written.", name, before, after)
    content = form.encode(after)
    files.write_all([Write(path=args.path, content=content, stamp=stamp)], lambda: not stop)
    if after != args.content and "\r\n" in after:
        note += " Its CR LF line ends were kept."
    verb = "Created" if before is None else "Replaced"
    return changed(f"{verb} {shown(name)}: {len(content):,} bytes.{note}", name, before, after)


TOOLS = (
    Tool(
        name="write_file",
        description=(
            "Create a text file or replace all of its content. Missing directories are made; an existing file keeps its "
            "encoding, line ends and mode. To change a part of a file use edit_file, which is shorter and safer."
        ),
        arguments=WriteFile,
        effects=frozenset({"write"}),
        default="ask",
        run=_run,
        paths=lambda args: [Touch(path=args.path, write=True)],
        describe=lambda args: f"Write {shown(args.path)} ({len(args.content):,} characters)",
    ),
)
