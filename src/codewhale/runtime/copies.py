"""Copies of threads: forks, rewinds, and the thread that a session is resumed into. Pure: values in, values out.

A copy has the finished turns, items and tool calls under new ids, with their old times; a turn under way stays with the
original.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import InvalidInput
from codewhale.domain.ports import Ids
from codewhale.domain.records import OPEN_STATUSES, Item, Origin, OriginKind, Thread, Turn
from codewhale.domain.session_places import count_messages
from codewhale.domain.views import ThreadSnapshot


class Copy(Struct, frozen=True, kw_only=True):
    """A thread's copy: the new record, and its turns and items under new ids."""

    thread: Thread
    turns: tuple[Turn, ...]
    items: tuple[Item, ...]


class Rewind(Struct, frozen=True, kw_only=True):
    """Where to cut: the first turn that is left out, and what the person had said in it."""

    turn_id: str
    text: str | None


def forked(source: ThreadSnapshot, ids: Ids, *, now: str) -> Copy:
    """All of the thread."""
    return _copy(source, _renewed(source.thread, ids.new("thr"), now), ids, source.turns, "fork")


def rewound(source: ThreadSnapshot, ids: Ids, *, now: str, before: str) -> Copy:
    """The thread as it was before the turn `before`."""
    kept = source.turns[: [turn.id for turn in source.turns].index(before)]
    return _copy(source, _renewed(source.thread, ids.new("thr"), now), ids, kept, "rewind")


def resumed(source: ThreadSnapshot, into: Thread, ids: Ids) -> Copy:
    """All of the session, in the thread `into`."""
    return _copy(source, replace(into, session_id=source.thread.id), ids, source.turns, "resume")


def rewind(source: ThreadSnapshot, depth: int) -> Rewind:
    """Where to cut so that the last `depth` + 1 turns with something said by a person are gone, and all after them."""
    said: dict[str, Item] = {}
    for item in source.items:
        if item.kind == "user_message":
            said.setdefault(item.turn_id, item)
    turns = [turn.id for turn in source.turns if turn.id in said]
    if depth >= len(turns):
        raise InvalidInput(f"depth {depth} exceeds the {len(turns)} user turns of thread {source.thread.id}")
    turn_id = turns[-1 - depth]
    text = said[turn_id].detail or said[turn_id].summary
    return Rewind(turn_id=turn_id, text=text if text.strip() else None)


def _renewed(thread: Thread, thread_id: str, now: str) -> Thread:
    return replace(thread, id=thread_id, created_at=now, updated_at=now, archived=False, deleted_at=None)


def _copy(source: ThreadSnapshot, into: Thread, ids: Ids, kept: Sequence[Turn], kind: OriginKind) -> Copy:
    turn_ids: dict[str, str] = {}
    item_ids = _renamer(ids)
    turns: list[Turn] = []
    for turn in kept:
        if turn.status in OPEN_STATUSES:
            continue
        turn_ids[turn.id] = ids.new("turn")
        renamed = tuple(item_ids(i) for i in turn.item_ids)
        turns.append(replace(turn, id=turn_ids[turn.id], thread_id=into.id, item_ids=renamed))
    items = tuple(
        replace(item, id=item_ids(item.id), turn_id=turn_ids[item.turn_id])
        for item in source.items
        if item.turn_id in turn_ids
    )
    origin = Origin(kind=kind, session_id=source.thread.id, message_count=count_messages(items))
    thread = replace(into, latest_turn_id=turns[-1].id if turns else None, origin=origin)
    return Copy(thread=thread, turns=tuple(turns), items=items)


def _renamer(ids: Ids) -> Callable[[str], str]:
    known: dict[str, str] = {}

    def rename(old: str) -> str:
        if old not in known:
            known[old] = ids.new("item")
        return known[old]

    return rename
