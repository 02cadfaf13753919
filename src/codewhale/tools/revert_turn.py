"""`revert_turn`: the files as they were before the last turns that changed any. The conversation stays."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.snapshots import PatchResult
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext

MOST = 50


class TakeBack(Wish[PatchResult], frozen=True, kw_only=True):
    """Take back what the last `turns` turns that changed files did to them."""

    turns: int


class RevertTurn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far back: 1 is the latest turn that changed files, the one under way included."""

    turn_offset: Annotated[int, Meta(ge=1, le=MOST, description="1: the latest turn that changed files.")]


async def run(args: RevertTurn, ctx: ToolContext) -> ToolOutput:
    """Have it done; what was done, in words."""
    done = await ctx.ask(TakeBack(turns=args.turn_offset))
    metadata: dict[str, object] = {"files_restored": done.files_restored, "snapshot": done.snapshot_label}
    return ToolOutput(text=done.summary or "Nothing had to change.", metadata=metadata)


TOOLS = (
    Tool(
        name="revert_turn",
        description=(
            "Put the workspace's files back to before the last turns that changed any, shell effects included. Deleted "
            "files come back, new ones go. Refused when files changed since in another way. The conversation and git "
            "history stay as they are."
        ),
        arguments=RevertTurn,
        effects=frozenset({"write"}),
        default="ask",
        run=run,
        describe=lambda args: f"Undo the file changes of the last {args.turn_offset} turn(s)",
    ),
)
