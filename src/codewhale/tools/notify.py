"""`notify`: a desktop notification, where the machine has a program for it. The item holds it in any case, for surfaces that
can show one themselves."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.plain import plain


class Notify(Wish[str | None], frozen=True, kw_only=True):
    """Show it on the person's desktop; granted with the name of the program that did, None where there is none."""

    title: str
    body: str


class Notification(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the person shall read."""

    title: Annotated[str, Meta(min_length=1, max_length=80)]
    body: Annotated[str, Meta(max_length=200)] = ""


async def run(args: Notification, ctx: ToolContext) -> ToolOutput:
    """Show it; `metadata.notification` is what a surface may show."""
    title, body = (" ".join(plain(text).split()) for text in (args.title, args.body))
    program = await ctx.ask(Notify(title=title, body=body))
    how = f"shown by {program}" if program is not None else "in the conversation only: nothing here shows notifications"
    metadata: dict[str, object] = {"notification": {"title": title, "body": body}, "shown_by": program}
    return ToolOutput(text=f"Notification {how}.", metadata=metadata)


TOOLS = (
    Tool(
        name="notify",
        description="Send the person a desktop notification, for instance when long work is done. Not for ordinary answers.",
        arguments=Notification,
        effects=frozenset({"record"}),
        default="allow",
        run=run,
    ),
)
