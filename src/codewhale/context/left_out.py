"""What left a model's context, as a projection of the thread's items. Pure."""

from collections.abc import Sequence

from codewhale.context.conversation import in_force, project
from codewhale.context.pruning import about
from codewhale.domain.left_out import LeftOut, LeftOutItem, PastCompaction, Why
from codewhale.domain.records import Item

_SHOWN = frozenset({"user_message", "agent_message", "tool_call", "file_change", "command_execution"})
_WHAT = 120


def left_out(thread_id: str, items: Sequence[Item]) -> LeftOut:
    """The items that a summary or a line stands for, and the compactions that did it."""
    projection = project(items)
    seen = {
        item.id
        for turn in projection.turns.values()
        for group in (*turn.steps.values(), *turn.said.values())
        for item in group
    }
    standing = in_force(items)
    found: list[LeftOutItem] = []
    for item in items:
        if item.kind not in _SHOWN:
            continue
        if item.id not in seen:
            found.append(_gone(item, "summarized"))
        elif item.call is not None and item.call.id in projection.stubs:
            found.append(_gone(item, "pruned"))
    done = [item for item in items if item.kind == "context_compaction" and item.status == "completed"]
    return LeftOut(
        thread_id=thread_id,
        chars=sum(one.chars for one in found),
        items=tuple(found),
        compactions=tuple(_compaction(item, in_force=item in standing) for item in done),
        summary=projection.summary.detail if projection.summary is not None else None,
    )


def _gone(item: Item, why: Why) -> LeftOutItem:
    ended = item.call is not None and item.ended_at is not None
    return LeftOutItem(
        item_id=item.id,
        turn_id=item.turn_id,
        kind=item.kind,
        what=_what(item),
        chars=len(item.detail or ""),
        why=why,
        ref=item.call.id if ended and item.call is not None else None,
    )


def _what(item: Item) -> str:
    if item.call is not None:
        return f"{item.call.name} {about(item)}".strip()
    line = " ".join((item.detail or "")[: 2 * _WHAT].split())
    return line if len(line) <= _WHAT else line[: _WHAT - 1] + "…"


def _compaction(item: Item, *, in_force: bool) -> PastCompaction:
    done = item.compaction
    return PastCompaction(
        item_id=item.id,
        turn_id=item.turn_id,
        at=item.ended_at,
        act=done.act if done is not None else "summarized",
        in_force=in_force,
        tokens_before=done.tokens_before if done is not None else 0,
        tokens_after=done.tokens_after if done is not None else 0,
        results=len(done.pruned) if done is not None else 0,
    )
