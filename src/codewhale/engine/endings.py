"""What is said of an item that has ended: its summary, and what the model reads where a call has no result."""

from codewhale.domain.records import Item, ItemKind, Status, summarize
from codewhale.tools.registry import known

EFFECTFUL: frozenset[ItemKind] = frozenset({"command_execution", "file_change"})
"""Kinds of items whose calls may have changed something."""


def cut_off(item: Item, reason: str, *, ran: bool) -> str:
    """What the model reads as the result of a call that has none; `ran` says whether the tool had begun."""
    if not ran:
        return f"Not run. {reason}"
    if item.kind in EFFECTFUL or (item.call is not None and not known(item.call.name)):
        return f"{reason} It was running: what it has done by then is unknown. Check before you repeat it."
    return f"{reason} It was running and changes nothing."


def summary_of(item: Item, status: Status, detail: str) -> str:
    """The line that lists show."""
    if item.call is None:
        return summarize(detail)
    match status:
        case "completed":
            return summarize(f"{item.call.name}: {detail}")
        case "failed":
            return summarize(f"{item.call.name} failed: {detail}")
        case _:
            return f"{item.call.name} interrupted"
