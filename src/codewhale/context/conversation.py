"""The model's messages as a projection of a thread's items.

`messages` refolds everything; `step_messages` makes the part of one step, so that a running turn can append without
refolding. Both give the same bytes: the request prefix never changes from step to step, over resume and restart.
Every tool call has exactly one result. A completed compaction's detail replaces what came before it, but for the steps that it
kept; results that were pruned are one line each; a compaction that was taken back counts for nothing. Items stay in the log.
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct, field

from codewhale.context.estimate import size
from codewhale.domain.messages import AssistantMessage, Message, Reasoned, ToolMessage, UserMessage
from codewhale.domain.records import Item

UNKNOWN_OUTCOME = "The call did not finish; whether it had an effect is unknown. Check before you repeat it."
_STEP_KINDS = frozenset({"agent_message", "agent_reasoning", "tool_call", "file_change", "command_execution"})
_NONE: Mapping[str, str] = {}


class _Turn(Struct):
    steps: dict[int, list[Item]] = field(default_factory=dict[int, list[Item]])
    said: dict[int, list[Item]] = field(default_factory=dict[int, list[Item]])

    def since(self, step: int) -> "_Turn":
        """From this step on."""
        return _Turn(
            steps={number: items for number, items in self.steps.items() if number >= step},
            said={number: items for number, items in self.said.items() if number >= step},
        )


class Projection(Struct, kw_only=True):
    """What is left of a thread's items for its model: the summary that stands for the rest, the turns after it, and the lines
    that stand for results, by call id."""

    summary: Item | None = None
    turns: dict[str, _Turn] = field(default_factory=dict[str, _Turn])
    stubs: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def steps(self) -> list[list[Item]]:
        """The items of each step that the model sees something of, in order."""
        return [turn.steps[step] for turn, step in self._places()]

    @property
    def said_ids(self) -> frozenset[str]:
        """The ids of the user messages among them."""
        return frozenset(item.id for turn in self.turns.values() for items in turn.said.values() for item in items)

    @property
    def messages(self) -> list[Message]:
        """What the model is sent."""
        found: list[Message] = [] if self.summary is None else [said(self.summary)]
        for turn in self.turns.values():
            for step in sorted(turn.steps.keys() | turn.said.keys()):
                found += step_messages(turn.steps.get(step, ()), self.stubs)
                found += [said(item) for item in turn.said.get(step, ())]
        return found

    def tails(self, most: int) -> list[int]:
        """Characters of the latest step, of the latest two and so on, each with what was said since; at most so many."""
        found: list[int] = []
        chars = 0
        for turn in reversed(self.turns.values()):
            for step in sorted(turn.steps.keys() | turn.said.keys(), reverse=True):
                sent = step_messages(turn.steps.get(step, ()), self.stubs)
                chars += size([*sent, *map(said, turn.said.get(step, ()))])
                if sent:
                    found.append(chars)
                if len(found) >= most:
                    return found
        return found

    def take(self, item: Item) -> None:
        """The next item that is no compaction."""
        turn = self.turns.setdefault(item.turn_id, _Turn())
        if item.kind == "user_message":
            turn.said.setdefault(item.step or 0, []).append(item)
        elif item.kind in _STEP_KINDS:
            turn.steps.setdefault(item.step or 0, []).append(item)

    def summarize(self, item: Item) -> None:
        """`item` stands for everything but the latest steps from here on."""
        self.summary = item
        kept = item.compaction.kept_steps if item.compaction is not None else 0
        places = self._places()[-kept:] if kept else []
        if not places:
            self.turns = {}
            return
        first, step = places[0]
        ids = list(self.turns)
        at = next(number for number, turn_id in enumerate(ids) if self.turns[turn_id] is first)
        self.turns = {turn_id: self.turns[turn_id] for turn_id in ids[at:]}
        self.turns[ids[at]] = first.since(step)

    def _places(self) -> list[tuple[_Turn, int]]:
        return [
            (turn, step)
            for turn in self.turns.values()
            for step in sorted(turn.steps)
            if step_messages(turn.steps[step], self.stubs)
        ]


def project(items: Iterable[Item]) -> Projection:
    """The projection. `items` are in order of creation; those of a turn are together."""
    items = list(items)
    standing = {item.id for item in in_force(items)}
    found = Projection()
    for item in items:
        if item.kind != "context_compaction":
            found.take(item)
        elif item.id in standing and item.summarizes:
            found.summarize(item)
        elif item.id in standing and item.compaction is not None:
            found.stubs.update(item.compaction.pruned)
    return found


def in_force(items: Iterable[Item]) -> list[Item]:
    """The compactions that nobody has taken back, oldest first."""
    standing: list[Item] = []
    for item in items:
        if item.kind != "context_compaction" or item.status != "completed":
            continue
        if item.compaction is not None and item.compaction.act == "restored":
            del standing[-1:]
        elif item.summarizes or item.compaction is not None:
            standing.append(item)
    return standing


def messages(items: Iterable[Item]) -> list[Message]:
    """All messages of a thread, oldest first. `items` are in order of creation; those of a turn are together."""
    return project(items).messages


def said(item: Item) -> UserMessage:
    """A user message's item as the model sees it."""
    return UserMessage(text=item.detail or "")


def step_messages(items: Iterable[Item], stubs: Mapping[str, str] = _NONE) -> list[Message]:
    """The assistant message of one step and the results of its calls, or what stands for those; nothing for a step that only
    reasoned. Of a model call that was made more than once only the last attempt that gave something counts."""
    items = _of_last_attempt(list(items))
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
    return [answer, *(_result(item, stubs) for item in calls)]


def _of_last_attempt(items: list[Item]) -> list[Item]:
    last = max((item.attempt or 1 for item in items if item.kind != "agent_reasoning"), default=1)
    return [item for item in items if (item.attempt or 1) == last]


def _result(item: Item, stubs: Mapping[str, str]) -> ToolMessage:
    assert item.call is not None
    if item.call.id in stubs:
        return ToolMessage(call_id=item.call.id, name=item.call.name, text=stubs[item.call.id])
    finished = item.status in ("completed", "failed", "interrupted", "canceled")
    text = item.detail if finished and item.detail else UNKNOWN_OUTCOME if not finished else "(no output)"
    return ToolMessage(call_id=item.call.id, name=item.call.name, text=text)
