"""A thread's history as records, and the events that tell it: what the engine would have recorded, with the old times.

So an imported thread needs no special event: its log is well-formed, stands alone, and replays like any other. The last event
gives the record as it stood, with reason `imported`.
"""

from collections.abc import Iterator

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.laws import BORN_FINISHED
from codewhale.domain.ports import Ids
from codewhale.domain.records import Item, Thread, Turn

UNKNOWN_PROVIDER = "unknown"


class Story(Struct, frozen=True, kw_only=True):
    """A thread with its turns in order, and the items of each in order. Nothing in it is open."""

    thread: Thread
    turns: tuple[tuple[Turn, tuple[Item, ...]], ...]

    @property
    def items(self) -> int:
        """How many items there are."""
        return sum(len(items) for _, items in self.turns)


def told(story: Story, *, now: str) -> list[e.NewEvent]:
    """The events of the thread, in order."""
    thread = story.thread
    begun = replace(thread, latest_turn_id=None, updated_at=thread.created_at)
    found = [_event(thread, thread.created_at, e.ThreadStarted(thread=begun))]
    for turn, items in story.turns:
        found += _turn(thread, turn, items)
    found.append(_event(thread, now, e.ThreadUpdated(thread=thread, reason="imported")))
    return found


def renamed(story: Story, ids: Ids) -> Story:
    """The same under new turn and item ids, for when the old ones are taken by another thread."""
    turns: list[tuple[Turn, tuple[Item, ...]]] = []
    for turn, items in story.turns:
        turn_id = ids.new("turn")
        moved = tuple(replace(item, id=ids.new("item"), turn_id=turn_id) for item in items)
        turns.append((replace(turn, id=turn_id, item_ids=tuple(item.id for item in moved)), moved))
    latest = turns[-1][0].id if turns else None
    return Story(thread=replace(story.thread, latest_turn_id=latest), turns=tuple(turns))


def _turn(thread: Thread, turn: Turn, items: tuple[Item, ...]) -> Iterator[e.NewEvent]:
    open_turn = replace(
        turn,
        status="in_progress",
        item_ids=(),
        ended_at=None,
        duration_ms=None,
        usage=None,
        error=None,
        error_code=None,
    )
    ended = turn.ended_at or turn.created_at
    yield _event(thread, turn.created_at, e.TurnStarted(turn=replace(open_turn, steer_count=0)), turn)
    for item in items:
        yield from _item(thread, turn, item)
    if turn.usage is not None and turn.created_at >= thread.created_at:  # an older one was copied: counted where it was
        yield _event(thread, ended, _step(thread, turn), turn)
    yield _event(thread, ended, e.TurnCompleted(turn=turn), turn)


def _step(thread: Thread, turn: Turn) -> e.StepCompleted:
    """One model call for the whole turn: the old records do not tell them apart."""
    return e.StepCompleted(
        step=1,
        provider=turn.effective_provider or thread.model_provider or UNKNOWN_PROVIDER,
        model=turn.effective_model or thread.model,
        finish_reason="stop",
        duration_ms=turn.duration_ms or 0,
        usage=turn.usage,
    )


def _item(thread: Thread, turn: Turn, item: Item) -> Iterator[e.NewEvent]:
    started = item.started_at or turn.created_at
    if item.kind not in BORN_FINISHED:
        call = item.call
        tool = None if call is None else e.ToolStart(id=call.id, name=call.name, input=_input(call.arguments))
        opened = replace(
            item,
            status="in_progress",
            summary="" if call is None else f"{call.name} started",
            detail="" if call is None else call.arguments,
            metadata=None,
            ended_at=None,
        )
        yield _event(thread, started, e.ItemStarted(item=opened, tool=tool), turn, item)
    ended: e.ItemCompleted | e.ItemFailed | e.ItemInterrupted
    match item.status:
        case "completed":
            ended = e.ItemCompleted(item=item)
        case "failed":
            ended = e.ItemFailed(item=item)
        case _:
            ended = e.ItemInterrupted(item=item)
    yield _event(thread, item.ended_at or started, ended, turn, item)


def _input(arguments: str) -> object:
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments


def _event(
    thread: Thread, at: str, payload: e.Payload, turn: Turn | None = None, item: Item | None = None
) -> e.NewEvent:
    return e.NewEvent(
        timestamp=at,
        thread_id=thread.id,
        turn_id=None if turn is None else turn.id,
        item_id=None if item is None else item.id,
        payload=payload,
    )
