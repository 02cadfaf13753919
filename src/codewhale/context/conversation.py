"""The model's messages as a projection of a thread's items.

`messages` refolds everything; `step_messages` makes the part of one step, so that a running turn can append without
refolding. Both give the same bytes: the request prefix never changes from step to step, over resume and restart.
Every tool call has exactly one result, whatever happened to it. What came before the last completed compaction is
replaced by its detail; the items themselves stay in the log.
"""

from collections.abc import Iterable

from msgspec import Struct, field

from codewhale.domain.messages import AssistantMessage, Message, Reasoned, ToolMessage, UserMessage
from codewhale.domain.records import Item

UNKNOWN_OUTCOME = "The call did not finish; whether it had an effect is unknown. Check before you repeat it."
_STEP_KINDS = frozenset({"agent_message", "agent_reasoning", "tool_call", "file_change", "command_execution"})


class _Turn(Struct):
    steps: dict[int, list[Item]] = field(default_factory=dict[int, list[Item]])
    said: dict[int, list[Item]] = field(default_factory=dict[int, list[Item]])


def messages(items: Iterable[Item]) -> list[Message]:
    """All messages of a thread, oldest first. `items` are in order of creation; those of a turn are together."""
    turns: dict[str, _Turn] = {}
    found: list[Message] = []
    for item in items:
        if item.kind == "context_compaction" and item.status == "completed" and item.detail:
            turns.clear()
            found = [UserMessage(text=item.detail)]
            continue
        turn = turns.setdefault(item.turn_id, _Turn())
        if item.kind == "user_message":
            turn.said.setdefault(item.step or 0, []).append(item)
        elif item.kind in _STEP_KINDS:
            turn.steps.setdefault(item.step or 0, []).append(item)
    for turn in turns.values():
        for step in sorted(turn.steps.keys() | turn.said.keys()):
            found += step_messages(turn.steps.get(step, ()))
            found += [said(item) for item in turn.said.get(step, ())]
    return found


def said(item: Item) -> UserMessage:
    """A user message's item as the model sees it."""
    return UserMessage(text=item.detail or "")


def step_messages(items: Iterable[Item]) -> list[Message]:
    """The assistant message of one step and the results of its calls; nothing for a step that only reasoned."""
    text: list[str] = []
    reasoning: list[str] = []
    reasoned: list[Reasoned] = []
    calls: list[Item] = []
    for item in items:
        if item.call is not None:
            calls.append(item)
        elif item.kind == "agent_message":
            text.append(item.detail or "")
        elif item.kind == "agent_reasoning":
            reasoning.append(item.detail or "")
            if item.carried is not None:
                before = sum(map(len, text))
                reasoned.append(Reasoned(text=item.detail or "", carried=item.carried, at=before))
    spoken = "".join(text)
    if not spoken and not calls:
        return []
    answer = AssistantMessage(
        text=spoken,
        reasoning="".join(reasoning),
        calls=tuple(item.call for item in calls if item.call is not None),
        reasoned=tuple(reasoned),
    )
    return [answer, *(_result(item) for item in calls)]


def _result(item: Item) -> ToolMessage:
    assert item.call is not None
    finished = item.status in ("completed", "failed", "interrupted", "canceled")
    text = item.detail if finished and item.detail else UNKNOWN_OUTCOME if not finished else "(no output)"
    return ToolMessage(call_id=item.call.id, name=item.call.name, text=text)
