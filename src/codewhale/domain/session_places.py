"""In which messages of a session an item stands: enough to count messages without making them. Pure, and cheap to import."""

from collections.abc import Iterable

from msgspec import Struct

from codewhale.domain.records import OPEN_STATUSES, Item

SPOKEN = frozenset({"agent_message", "agent_reasoning"})


class Places(Struct, frozen=True, kw_only=True):
    """In which messages an item stands: one of its own, its step's assistant message, its step's results."""

    own: bool = False
    step: str | None = None
    results: bool = False


def places(item: Item) -> Places:
    """Where an ended item stands; in no message at all when it shows nothing."""
    if item.kind == "user_message":
        return Places(own=True)
    if item.call is not None:
        return Places(step=f"{item.turn_id}:{item.step or 0}", results=True)
    if item.kind in SPOKEN and item.detail:
        return Places(step=f"{item.turn_id}:{item.step or 0}")
    return Places()


def count_messages(items: Iterable[Item]) -> int:
    """How many messages the ended items make."""
    own = 0
    parts: set[tuple[str, bool]] = set()
    for item in items:
        if item.status in OPEN_STATUSES:
            continue
        where = places(item)
        own += where.own
        if where.step is not None:
            parts.add((where.step, False))
            if where.results:
                parts.add((where.step, True))
    return own + len(parts)
