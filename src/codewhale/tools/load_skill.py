"""`load_skill`: instructions for a kind of work, kept by the person or the project outside of the conversation until they are
needed. Loading runs nothing, and what is loaded is text; the runtime knows where skills lie, so it is asked."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext


class LoadSkill(Wish[str], frozen=True, kw_only=True):
    """What the skill says, or another file of it, as the model may see it."""

    name: str
    file: str = ""


class ListSkills(Wish[str], frozen=True, kw_only=True):
    """All skills that can be loaded, in words."""


class Args(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which skill."""

    name: Annotated[str, Meta(max_length=200, description="The skill, exactly as it is listed.")] = ""
    file: Annotated[str, Meta(max_length=1000, description="Another file of the skill, as its text names it.")] = ""
    list: Annotated[bool, Meta(description="Name all skills instead.")] = False


async def run(args: Args, ctx: ToolContext) -> ToolOutput:
    """Have it read."""
    if args.list:
        return ToolOutput(text=await ctx.ask(ListSkills()))
    if not args.name:
        raise ToolError("Say the `name` of the skill, or `list`.", category="invalid_input")
    text = await ctx.ask(LoadSkill(name=args.name, file=args.file))
    return ToolOutput(text=text, metadata={"skill": args.name})


TOOLS = (
    Tool(
        name="load_skill",
        description="Read a skill: instructions for a kind of work. Gives its text and names its other files, which `file` reads.",
        arguments=Args,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
    ),
)
