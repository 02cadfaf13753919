"""`remember`: a fact worth knowing in later conversations too, kept in the person's memory files, which they can read and
change. The files are not in the workspace, so whoever owns the settings writes them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext

Scope = Literal["project", "everywhere"]


class Remember(Wish[str], frozen=True, kw_only=True):
    """Keep `note` in the memory of `scope`, in place of the one entry that has the words `replaces` in it, if those are given;
    without a note that entry goes. Granted with the file's path."""

    note: str
    scope: Scope
    replaces: str = ""


class Args(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to keep."""

    note: Annotated[str, Meta(max_length=2000, description="One fact, in a sentence or two.")] = ""
    scope: Annotated[Scope, Meta(description="Where it holds: in this project (default) or everywhere.")] = "project"
    replaces: Annotated[
        str, Meta(max_length=2000, description="Words of the entry that this corrects; with no note, it is forgotten.")
    ] = ""


async def run(args: Args, ctx: ToolContext) -> ToolOutput:
    """Have it kept."""
    if not args.note.strip() and not args.replaces.strip():
        raise ToolError("Say what to remember in `note`.", category="invalid_input")
    path = await ctx.ask(Remember(note=args.note, scope=args.scope, replaces=args.replaces))
    done = "Remembered" if args.note.strip() else "Forgotten"
    return ToolOutput(text=f"{done}, in {path}.", metadata={"path": path})


TOOLS = (
    Tool(
        name="remember",
        description="Keep a fact about the person or the project for later conversations: preferences, decisions, how things "
        "are done here. Nothing secret, nothing that the files say anyway.",
        arguments=Args,
        effects=frozenset({"record"}),
        default="allow",
        run=run,
    ),
)
