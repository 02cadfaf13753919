"""`note`: something worth keeping, appended to the person's notes file. The file is not in the workspace, so whoever owns the
settings writes it."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext


class AddNote(Wish[str], frozen=True, kw_only=True):
    """Append `content` to the notes; granted with the path of the file."""

    content: str


class Note(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to note."""

    content: Annotated[str, Meta(min_length=1, max_length=20_000, description="Text of the note.")]


async def run(args: Note, ctx: ToolContext) -> ToolOutput:
    """Have it appended."""
    path = await ctx.ask(AddNote(content=args.content))
    return ToolOutput(text=f"Noted in {path}.", metadata={"path": path})


TOOLS = (
    Tool(
        name="note",
        description="Append a note for the person to their notes file, which outlives this conversation.",
        arguments=Note,
        effects=frozenset({"record"}),
        default="allow",
        run=run,
    ),
)
