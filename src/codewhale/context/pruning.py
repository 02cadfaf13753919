"""Which old results of calls can be left out of a conversation, and the line that then stands for each. Pure; no model call.

A call keeps its result's place: pairs stay whole. Kept are the results of the latest steps, small ones, errors and what tells
of changed files. What goes first: a result that stands again later, then the oldest.
"""

import msgspec

from codewhale.context.conversation import Projection
from codewhale.domain.records import Item

SMALL = 400
"""Results of fewer characters stay."""
LATEST_STEPS = 4
"""Results of so many steps at the end stay."""
SUBJECT = 80
_TELLING = ("path", "command", "cmd", "pattern", "query", "url", "ref", "task_id", "id")


def prunable(projection: Projection, *, latest: int = LATEST_STEPS) -> list[Item]:
    """The calls whose results can go, in the order in which they go."""
    steps = projection.steps
    old = [item for step in steps[: max(len(steps) - latest, 0)] for item in step if _can_go(item, projection)]
    later: set[str] = set()
    twice: set[str] = set()
    for step in reversed(steps):
        for item in reversed(step):
            if item.call is not None and item.detail:
                if item.detail in later:
                    twice.add(item.id)
                later.add(item.detail)
    return [*(item for item in old if item.id in twice), *(item for item in old if item.id not in twice)]


def prune(projection: Projection, over: int, *, latest: int = LATEST_STEPS) -> dict[str, str]:
    """The lines that stand for results, by call id, so that the conversation has `over` characters less; as many as there are
    when that is not enough."""
    found: dict[str, str] = {}
    for item in prunable(projection, latest=latest):
        if over <= 0:
            break
        assert item.call is not None
        line = stub(item)
        found[item.call.id] = line
        over -= len(item.detail or "") - len(line)
    return found


def saved(projection: Projection, stubs: dict[str, str]) -> int:
    """Characters that these lines save."""
    return sum(
        len(item.detail or "") - len(stubs[item.call.id])
        for step in projection.steps
        for item in step
        if item.call is not None and item.call.id in stubs
    )


def stub(item: Item) -> str:
    """What stands for the result: what it was of, how large it is, and how to read it again."""
    assert item.call is not None
    subject = about(item)
    what = f"{item.call.name} {subject}".strip()
    return (
        f"[{what}: this result of {len(item.detail or ''):,} characters was left out to save room; "
        f"retrieve_tool_result with ref {item.call.id} reads it again]"
    )


def about(item: Item) -> str:
    """The argument of a call that tells most, on one line; nothing when there is none."""
    assert item.call is not None
    try:
        given = msgspec.json.decode(item.call.arguments, type=dict[str, object])
    except msgspec.DecodeError:
        return ""
    for key in _TELLING:
        value = given.get(key)
        if isinstance(value, str) and value.strip():
            line = " ".join(value[: 2 * SUBJECT].split())
            return line if len(line) <= SUBJECT else line[: SUBJECT - 1] + "…"
    return ""


def _can_go(item: Item, projection: Projection) -> bool:
    if item.call is None or item.status != "completed" or item.kind == "file_change":
        return False
    return len(item.detail or "") > SMALL and item.call.id not in projection.stubs


def kept_steps(projection: Projection, room: int, most: int) -> int:
    """How many of the latest steps, with what was said since, fit whole into `room` characters; at most `most`."""
    return sum(chars <= room for chars in projection.tails(most))
