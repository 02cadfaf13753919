"""`edit_file`: one passage of a file replaced by another; everything else keeps its bytes."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.changes import changed
from codewhale.workspace.edit import Edit, apply_edit
from codewhale.workspace.files import Files, Write
from codewhale.workspace.text import decode, require_ascii


class EditFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to replace by what."""

    path: Annotated[str, Meta(description="File to edit, relative to the workspace.")]
    search: Annotated[str, Meta(description="The text to replace, exactly as in the file, without line numbers.")]
    replace: Annotated[str, Meta(description="The text to put there; empty to delete.")]
    replace_all: Annotated[bool, Meta(description="Replace every occurrence instead of exactly one.")] = False
    fuzz: Annotated[
        bool, Meta(description="If there is no exact match, accept one that differs in indentation or kind of quotes.")
    ] = False


async def _run(args: EditFile, context: ToolContext) -> ToolOutput:
    return await blocking(lambda stop: _edit(context.files, args, stop))


def _edit(files: Files, args: EditFile, stop: Stop) -> ToolOutput:
    name = files.check_writable(args.path)
    read = files.read(args.path)
    form = decode(read.content, name)
    require_ascii(form, (args.search, args.replace), name)
    edit = Edit(search=args.search, replace=args.replace, replace_all=args.replace_all, fuzz=args.fuzz)
    edited = apply_edit(form.text, edit, name)
    files.write_all([Write(path=args.path, content=form.encode(edited.text), stamp=read.stamp)], lambda: not stop)
    places = f"line {edited.lines[0]}" if len(edited.lines) == 1 else f"{len(edited.lines)} places"
    said = f"Edited {shown(name)} at {places}."
    if edited.latitude:
        said += f" The match differed in {edited.latitude}."
    return changed(said, name, form.text, edited.text, replacements=len(edited.lines), fuzz=edited.latitude)


def _describe(args: EditFile) -> str:
    old, new = (text.count("\n") + bool(text and not text.endswith("\n")) for text in (args.search, args.replace))
    every = " everywhere" if args.replace_all else ""
    return f"Edit {shown(args.path)}: {old} line{'s' * (old != 1)} become {new}{every}"


TOOLS = (
    Tool(
        name="edit_file",
        description=(
            "Replace one passage of a text file. `search` must occur exactly once, whitespace included; add surrounding "
            "lines if it does not, or set replace_all. LF matches CR LF. Encoding, line ends and the rest of the file stay "
            "as they are. When nothing matches you are shown the closest region."
        ),
        arguments=EditFile,
        effects=frozenset({"write"}),
        default="ask",
        run=_run,
        describe=_describe,
        paths=lambda args: [Touch(path=args.path, write=True)],
    ),
)
