"""What a thread's model no longer sees, though the log has it (ours; `GET /v1/threads/{id}/context/left-out`)."""

from typing import Literal

from msgspec import Struct

from codewhale.domain.compactions import CompactionAct
from codewhale.domain.records import ItemKind

Why = Literal["summarized", "pruned"]


class LeftOutItem(Struct, frozen=True, kw_only=True):
    """An item that is not in the model's context any more: a summary stands for it, or a line for its result. `ref` is what
    `retrieve_tool_result` takes; null where there is no result."""

    item_id: str
    turn_id: str
    kind: ItemKind
    what: str
    chars: int
    why: Why
    ref: str | None = None


class PastCompaction(Struct, frozen=True, kw_only=True):
    """A compaction, and whether it still is in force; sizes in messages are the contract's, tokens are estimates."""

    item_id: str
    turn_id: str
    at: str | None
    act: CompactionAct
    in_force: bool
    tokens_before: int
    tokens_after: int
    results: int


class LeftOut(Struct, frozen=True, kw_only=True):
    """Items in the order of the conversation, and all compactions, oldest first. `summary` is the text that stands for the
    summarised part."""

    thread_id: str
    chars: int
    items: tuple[LeftOutItem, ...]
    compactions: tuple[PastCompaction, ...]
    summary: str | None = None
