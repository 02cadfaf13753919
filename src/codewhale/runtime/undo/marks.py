"""Which snapshots belong to which turn, read from the snapshots themselves. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from codewhale.runtime.undo.labels import POST_TURN, POST_UNDO, PRE_TURN
from codewhale.workspace.snapshot.records import Snapshot


class Mark(Struct, frozen=True, kw_only=True):
    """A turn that may have written: the states before and after it. `after` None: the turn is under way, or was cut off
    before its end could be kept."""

    turn_id: str
    before: Snapshot
    after: Snapshot | None


def marks(snapshots: Sequence[Snapshot]) -> list[Mark]:
    """The turns with a state before them, the oldest first."""
    before: dict[str, Snapshot] = {}
    after: dict[str, Snapshot] = {}
    for each in snapshots:
        note = each.note
        if note.label.startswith(PRE_TURN):
            before[note.turn_id] = each
        elif note.label.startswith(POST_TURN):
            after[note.turn_id] = each
    return [Mark(turn_id=turn, before=each, after=after.get(turn)) for turn, each in before.items()]


def taken_back(snapshots: Iterable[Snapshot]) -> set[str]:
    """The turns whose changes are undone at present."""
    gone: set[str] = set()
    for each in snapshots:
        gone |= set(each.note.undone)
        gone -= set(each.note.redone)
    return gone


def brought_back(snapshots: Iterable[Snapshot], turn_ids: Iterable[str]) -> tuple[str, ...]:
    """The turns that come back when these turns, which may have undone them, are undone."""
    owners = set(turn_ids)
    return tuple(
        turn
        for each in snapshots
        if each.note.turn_id in owners and each.note.label.startswith(POST_UNDO)
        for turn in each.note.undone
        if turn not in owners
    )
