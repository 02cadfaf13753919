"""Writes well-formed events without an engine: what a test of the store, the fold or a surface needs.

Every method gives the events of one step back, ready to append; their order is the order of the calls. Ids and times come
from the given ports, so two scribes with the same ports never collide.
"""

from typing import Literal

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.ports import Clock, Ids
from codewhale.domain.records import SCHEMA_VERSION, DeltaKind, Item, ItemKind, Thread, Turn, Usage, summarize
from codewhale.domain.requests import Answer, Question, UserInput
from codewhale.domain.usage import Charge

_End = Literal["completed", "failed", "interrupted"]
_ENDS: dict[_End, type[e.ItemCompleted | e.ItemFailed | e.ItemInterrupted]] = {
    "completed": e.ItemCompleted,
    "failed": e.ItemFailed,
    "interrupted": e.ItemInterrupted,
}


def new_thread(clock: Clock, ids: Ids) -> Thread:
    """A thread record as the runtime makes it with default settings."""
    now = clock.now()
    return Thread(
        schema_version=SCHEMA_VERSION,
        id=ids.new("thr"),
        created_at=now,
        updated_at=now,
        model="deepseek-chat",
        workspace="/work",
        mode="agent",
        allow_shell=False,
        trust_mode=False,
        auto_approve=False,
        archived=False,
        coherence_state="healthy",
    )


class Scribe:
    """The events of one thread. `open_items` are the ids of items under way, `open_requests` those of open requests."""

    def __init__(self, clock: Clock, ids: Ids, thread: Thread | None = None) -> None:
        self._clock = clock
        self._ids = ids
        self.thread = thread or new_thread(clock, ids)
        self.turn: Turn | None = None
        self.turns: list[Turn] = []
        self.items: dict[str, Item] = {}
        self.open_items: list[str] = []
        self.open_requests: list[str] = []
        self._said: dict[str, str] = {}

    def start(self) -> list[e.NewEvent]:
        """The thread begins."""
        return [self._event(e.ThreadStarted(thread=self.thread))]

    def update(self, **changes: object) -> list[e.NewEvent]:
        """The thread's record changes."""
        self.thread = replace(self.thread, updated_at=self._clock.now(), **changes)
        return [self._event(e.ThreadUpdated(thread=self.thread, changes=changes))]

    def ask(self, text: str) -> list[e.NewEvent]:
        """A turn begins with what a person says."""
        turn = Turn(
            schema_version=SCHEMA_VERSION,
            id=self._ids.new("turn"),
            thread_id=self.thread.id,
            status="in_progress",
            input_summary=summarize(text),
            created_at=self._clock.now(),
            item_ids=(),
            steer_count=0,
        )
        self.turn = turn
        started = self._event(e.TurnStarted(turn=turn))
        self.thread = replace(self.thread, latest_turn_id=turn.id, updated_at=started.timestamp)
        item = self._new_item("user_message", "completed", text)
        return [started, self._event(e.ItemCompleted(item=item), item.id)]

    def steer(self, text: str) -> list[e.NewEvent]:
        """More input for the turn under way."""
        turn = self._open_turn()
        self.turn = replace(turn, steer_count=turn.steer_count + 1)
        item = self._new_item("user_message", "completed", text)
        steered = e.TurnSteered(thread_id=turn.thread_id, turn_id=turn.id, input=text)
        return [self._event(steered, item.id), self._event(e.ItemCompleted(item=item), item.id)]

    def open(self, kind: ItemKind = "agent_message") -> list[e.NewEvent]:
        """An item begins; its id is the last of `open_items`."""
        item = self._new_item(kind, "in_progress", None)
        self.open_items.append(item.id)
        self._said[item.id] = ""
        return [self._event(e.ItemStarted(item=item), item.id)]

    def delta(self, text: str, item_id: str | None = None) -> list[e.NewEvent]:
        """More text of an open item (the last one unless named)."""
        item_id = item_id or self.open_items[-1]
        self._said[item_id] += text
        kind: DeltaKind = "agent_message" if self.items[item_id].kind == "agent_message" else "tool_call"
        return [self._event(e.ItemDelta(delta=text, kind=kind), item_id)]

    def close(self, item_id: str | None = None, end: _End = "completed") -> list[e.NewEvent]:
        """An open item (the last one unless named) ends with all that was said."""
        item_id = item_id or self.open_items[-1]
        self.open_items.remove(item_id)
        said = self._said.pop(item_id)
        item = replace(
            self.items[item_id], status=end, detail=said, summary=summarize(said), ended_at=self._clock.now()
        )
        self.items[item_id] = item
        return [self._event(_ENDS[end](item=item), item_id)]

    def say(self, *pieces: str) -> list[e.NewEvent]:
        """A whole agent message in pieces."""
        return [*self.open(), *(event for piece in pieces for event in self.delta(piece)), *self.close()]

    def request(self, kind: Literal["approval", "question"] = "approval") -> list[e.NewEvent]:
        """A request opens; its id is the last of `open_requests`."""
        request_id = self._ids.new("req")
        self.open_requests.append(request_id)
        if kind == "question":
            question = Question(header="Which", id="q1", question="Which one?", options=())
            return [self._event(e.UserInputRequired(id=request_id, request=UserInput(questions=(question,))))]
        approval = e.ApprovalRequired(
            id=request_id, approval_id=request_id, tool_name="exec_shell", description="run make"
        )
        return [self._event(approval)]

    def resolve(self, request_id: str | None = None, *, question: bool = False) -> list[e.NewEvent]:
        """An open request (the last one unless named) is resolved."""
        request_id = request_id or self.open_requests[-1]
        self.open_requests.remove(request_id)
        if question:
            answers = (Answer(id="q1", label="this", value="this"),)
            return [self._event(e.UserInputAnswered(id=request_id, input_id=request_id, answers=answers))]
        return [self._event(e.ApprovalDecided(approval_id=request_id, decision="allow", remember=False))]

    def step(
        self, usage: Usage | None = None, model: str = "deepseek-chat", charge: Charge | None = None
    ) -> list[e.NewEvent]:
        """A model call ended."""
        step = e.StepCompleted(
            step=1,
            provider="deepseek",
            model=model,
            finish_reason="stop",
            duration_ms=5,
            usage=usage,
            charge=charge,
        )
        return [self._event(step)]

    def end(self, status: _End = "completed") -> list[e.NewEvent]:
        """The turn ends; what is still open is closed first."""
        closing = [event for item_id in list(self.open_items) for event in self.close(item_id, "interrupted")]
        closing += [
            self._event(e.ApprovalDecided(approval_id=r, decision="deny", remember=False, auto=True))
            for r in self.open_requests
        ]
        self.open_requests.clear()
        turn = replace(self._open_turn(), status=status, ended_at=self._clock.now())
        self.turns.append(turn)
        completed = self._event(e.TurnCompleted(turn=turn))
        self.thread = replace(self.thread, updated_at=completed.timestamp)
        self.turn = None
        return [*closing, completed]

    def fork(self) -> tuple["Scribe", list[e.NewEvent]]:
        """A copy of the thread with all its ended turns, under new ids, and the one event that begins it."""
        turn_ids = {turn.id: self._ids.new("turn") for turn in self.turns}
        items = [item for item in self.items.values() if item.turn_id in turn_ids]
        item_ids = {item.id: self._ids.new("item") for item in items}
        copied = new_thread(self._clock, self._ids)
        thread = replace(
            self.thread,
            id=copied.id,
            created_at=copied.created_at,
            updated_at=copied.updated_at,
            latest_turn_id=turn_ids[self.turns[-1].id] if self.turns else None,
        )
        fork = Scribe(self._clock, self._ids, thread)
        fork.turns = [
            replace(t, id=turn_ids[t.id], thread_id=thread.id, item_ids=tuple(item_ids[i] for i in t.item_ids))
            for t in self.turns
        ]
        copies = [replace(item, id=item_ids[item.id], turn_id=turn_ids[item.turn_id]) for item in items]
        fork.items = {item.id: item for item in copies}
        forked = e.ThreadForked(
            thread=thread, source_thread_id=self.thread.id, turns=tuple(fork.turns), items=tuple(copies)
        )
        return fork, [fork._event(forked)]

    def _new_item(self, kind: ItemKind, status: Literal["in_progress", "completed"], text: str | None) -> Item:
        turn = self._open_turn()
        now = self._clock.now()
        item = Item(
            schema_version=SCHEMA_VERSION,
            id=self._ids.new("item"),
            turn_id=turn.id,
            kind=kind,
            status=status,
            summary=summarize(text or ""),
            artifact_refs=(),
            detail=text,
            started_at=now,
            ended_at=now if status == "completed" else None,
        )
        self.items[item.id] = item
        self.turn = replace(turn, item_ids=(*turn.item_ids, item.id))
        return item

    def _open_turn(self) -> Turn:
        if self.turn is None:
            raise ValueError(f"thread {self.thread.id} has no open turn")
        return self.turn

    def _event(self, payload: e.Payload, item_id: str | None = None) -> e.NewEvent:
        return e.NewEvent(
            timestamp=self._clock.now(),
            thread_id=self.thread.id,
            turn_id=self.turn.id if self.turn is not None else None,
            item_id=item_id,
            payload=payload,
        )
