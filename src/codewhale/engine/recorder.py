"""Writes one turn into the log: the only place that makes item and turn events.

Every method is synchronous, so an item can be closed wherever control leaves. Deltas are coalesced (30 ms or 1 KiB) and
flushed before their item ends, so that the deltas of an item add up to its detail. Whatever is still open when the turn
ends is closed by `finish`: nothing can stay open for ever. Items hold no secrets: what is said again to the model is what
the log has.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.compactions import Compaction
from codewhale.domain.errors import StoreError
from codewhale.domain.lexical import structure_problem
from codewhale.domain.records import (
    SCHEMA_VERSION,
    DeltaKind,
    Item,
    ItemKind,
    Status,
    ToolCall,
    Turn,
    Usage,
    add_usage,
    summarize,
)
from codewhale.engine.endings import cut_off, summary_of
from codewhale.engine.ports import Ports
from codewhale.store.port import Ticket

COALESCE_SECONDS = 0.03
COALESCE_CHARS = 1024
PROGRESS_CHARS = 256 * 1024
"""Most characters of progress that one tool call may put into the log; its result is bounded elsewhere."""


class TurnRecorder:
    """The turn's events, in order, and what is open of it."""

    def __init__(self, ports: Ports, turn: Turn) -> None:
        self.ports = ports
        self._turn = turn
        self._item_ids: list[str] = list(turn.item_ids)
        self._open: dict[str, OpenItem] = {}
        self._requests: dict[str, Callable[[str], e.Payload]] = {}
        self._calls: set[str] = set()
        self._steers = 0
        self._usage: Usage | None = None
        self._began = ports.clock.monotonic()
        self.step = 0
        self._attempt: int | None = None
        self._noted: set[str] = set()
        self.rerouted: str | None = None
        self.counted: Usage | None = None

    @property
    def turn(self) -> Turn:
        """The turn's record as of now."""
        return replace(
            self._turn, item_ids=tuple(self._item_ids), steer_count=self._steers, usage=self._usage or self._turn.usage
        )

    def append(self, payload: e.Payload, *, item_id: str | None = None) -> Ticket:
        """Record one event of this turn."""
        return self.append_all([(payload, item_id)])

    def append_all(self, payloads: list[tuple[e.Payload, str | None]]) -> Ticket:
        """Record several events of this turn together."""
        now = self.ports.clock.now()
        return self.ports.store.append(
            [
                e.NewEvent(
                    timestamp=now,
                    thread_id=self._turn.thread_id,
                    turn_id=self._turn.id,
                    item_id=item_id,
                    payload=payload,
                )
                for payload, item_id in payloads
            ]
        )

    def begin(self, user_item: Item) -> Ticket:
        """`turn.started` with the user's message: the events a client is told about at once."""
        self._item_ids.append(user_item.id)
        return self.append_all(
            [
                (e.TurnStarted(turn=self.turn), None),
                (e.ItemStarted(item=user_item), user_item.id),
                (e.ItemCompleted(item=user_item), user_item.id),
                (e.TurnLifecycle(status="in_progress"), None),
            ]
        )

    def begin_unasked(self) -> Ticket:
        """`turn.started` of a turn that nobody asked for in words: what it is about is told to it before its first step."""
        return self.append_all([(e.TurnStarted(turn=self.turn), None), (e.TurnLifecycle(status="in_progress"), None)])

    def begin_compaction(self) -> Ticket:
        """`turn.started` of a turn that only compacts the context: there is no user message."""
        return self.append_all(
            [
                (e.TurnStarted(turn=self.turn, manual_compaction=True), None),
                (e.TurnLifecycle(status="in_progress"), None),
            ]
        )

    def steer(self, text: str) -> tuple[Item, Ticket]:
        """Record more input; the model sees it after the step under way."""
        self._steers += 1
        item = self.user_item(text, step=self.step)
        self._item_ids.append(item.id)
        said = item.detail or ""
        steered = e.TurnSteered(thread_id=self._turn.thread_id, turn_id=self._turn.id, input=said)
        return item, self.append_all([(steered, item.id), (e.ItemCompleted(item=item), item.id)])

    def told(self, text: str, source: str, beside: e.Payload | None = None) -> Item:
        """Record something that the model is told by `source`, a part of the runtime, as if a person had said it; in the same
        breath what is true `beside` it."""
        item = replace(self.user_item(text, step=self.step), metadata={"source": source})
        self._item_ids.append(item.id)
        completed: tuple[e.Payload, str | None] = (e.ItemCompleted(item=item), item.id)
        self.append_all([completed] if beside is None else [completed, (beside, None)])
        return item

    def user_item(self, text: str, *, step: int) -> Item:
        """A user message, born finished."""
        now = self.ports.clock.now()
        text = self.ports.redactor.text(text)
        return Item(
            schema_version=SCHEMA_VERSION,
            id=self.ports.ids.new("item"),
            turn_id=self._turn.id,
            kind="user_message",
            status="completed",
            summary=summarize(text),
            artifact_refs=(),
            detail=text,
            started_at=now,
            ended_at=now,
            step=step,
        )

    def open_item(self, kind: ItemKind, *, call: ToolCall | None = None, auto: bool | None = None) -> "OpenItem":
        """Start an item of the present step. `auto` is said of compactions: did the runtime begin it by itself."""
        if call is not None:
            call = self._shown(call)
        item = Item(
            schema_version=SCHEMA_VERSION,
            id=self.ports.ids.new("item"),
            turn_id=self._turn.id,
            kind=kind,
            status="in_progress",
            summary=f"{call.name} started" if call is not None else "",
            artifact_refs=(),
            detail=call.arguments if call is not None else "",
            started_at=self.ports.clock.now(),
            step=self.step,
            call=call,
            attempt=self._attempt,
        )
        self._item_ids.append(item.id)
        if call is not None:
            self._calls.add(call.id)
        opened = OpenItem(self, item, auto)
        self._open[item.id] = opened
        tool = None if call is None else e.ToolStart(id=call.id, name=call.name, input=_input(call.arguments))
        opened.started = self.append(e.ItemStarted(item=item, tool=tool, auto=auto), item_id=item.id)
        return opened

    def _shown(self, call: ToolCall) -> ToolCall:
        """The call as it may be kept; what runs is the call as it was asked for."""
        clean = self.ports.redactor.text
        name, arguments = clean(call.name), clean(call.arguments)
        return (
            call if (name, arguments) == (call.name, call.arguments) else replace(call, name=name, arguments=arguments)
        )

    def note(self, text: str, *, kind: ItemKind = "status") -> None:
        """A status or error item, born finished."""
        status: Status = "failed" if kind == "error" else "completed"
        item = replace(
            self.user_item(text, step=self.step), kind=kind, status=status, summary=summarize(text), step=None
        )
        self._item_ids.append(item.id)
        payload = e.ItemFailed(item=item) if kind == "error" else e.ItemCompleted(item=item)
        self.append(payload, item_id=item.id)

    def chose(self, model: str) -> None:
        """The turn goes to a model that nobody had named."""
        self._turn = replace(self._turn, effective_model=model)

    def note_once(self, text: str) -> None:
        """A status item, unless the turn has it already."""
        if text not in self._noted:
            self._noted.add(text)
            self.note(text)

    def add_usage(self, usage: Usage) -> None:
        """Count one model call's tokens into the turn."""
        self.counted = usage
        self._usage = add_usage(self._usage, usage)

    def request_opened(self, request_id: str, resolution: Callable[[str], e.Payload]) -> None:
        """Remember an open request and how to close it, given the reason, if the turn ends first."""
        self._requests[request_id] = resolution

    def request_resolved(self, request_id: str) -> None:
        """The request has its answer in the log."""
        self._requests.pop(request_id, None)

    @property
    def quiet(self) -> bool:
        """Whether no item is open."""
        return not self._open

    def closed(self, item_id: str) -> None:
        """An item has ended."""
        self._open.pop(item_id, None)

    def begin_step(self, step: int) -> None:
        """Items from here on belong to model call `step`."""
        self.step = step
        self._attempt = None
        self._calls.clear()

    def begin_again(self) -> None:
        """Items from here on belong to a further attempt at the present step."""
        self._attempt = (self._attempt or 1) + 1

    def calls_of_step(self) -> frozenset[str]:
        """Ids of the calls of the present step that have an item."""
        return frozenset(self._calls)

    def finish(self, status: Status, *, error: str | None = None, code: str | None = None) -> Ticket:
        """End the turn: open requests are denied, open items interrupted, then the one terminal event. After a `StoreError`
        the turn has no end in the log (recovery writes it), and nothing of it is recorded any more."""
        try:
            return self._finish(status, error, code)
        except StoreError:
            for opened in self._open.values():
                opened.drop()
            raise

    def _finish(self, status: Status, error: str | None, code: str | None) -> Ticket:
        for resolution in list(self._requests.values()):
            self.append(resolution(error or f"the turn ended: {status}"))
        self._requests.clear()
        for opened in list(self._open.values()):
            opened.interrupt(error)
        if status == "failed" and error is not None:
            self.note(error, kind="error")
        self._turn = replace(
            self.turn,
            status=status,
            ended_at=self.ports.clock.now(),
            duration_ms=int((self.ports.clock.monotonic() - self._began) * 1000),
            error=error,
            error_code=code,
        )
        return self.append(e.TurnCompleted(turn=self._turn))


class OpenItem:
    """An item that has started. Exactly one of `complete`, `fail`, `interrupt` ends it; later calls do nothing."""

    def __init__(self, recorder: TurnRecorder, item: Item, auto: bool | None = None) -> None:
        self.item = item
        self._auto = auto
        self._counts: tuple[int | None, int | None] = (None, None)
        self.started: Ticket | None = None
        self.running = False
        self._recorder = recorder
        self._pieces: list[str] = []
        self._clean = recorder.ports.redactor.stream()
        self._unsent: list[str] = []
        self._unsent_chars = 0
        self._progress_left = PROGRESS_CHARS
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def delta(self, text: str) -> None:
        """More text of a message."""
        self._queue(text)

    def progress(self, text: str) -> None:
        """What a running tool shows; not part of its result."""
        if self._ended or self._progress_left <= 0 or not text:
            return
        kept = text[: self._progress_left]
        self._progress_left -= len(kept)
        with suppress(StoreError):  # the tool need not know; the item's end meets the same failure
            self._queue(kept if self._progress_left > 0 else kept + "\n[further progress is not shown]\n")

    def complete(self, detail: str | None = None, *, metadata: dict[str, object] | None = None) -> Item:
        """The item ended well; `detail` defaults to the sum of the deltas."""
        return self._end("completed", detail, metadata)

    def replaced(self, *, before: int, after: int, compaction: Compaction) -> None:
        """What a compaction did: so many messages of the model's conversation became so many."""
        self._counts = (before, after)
        self.item = replace(self.item, compaction=compaction)

    def fail(self, detail: str, *, metadata: dict[str, object] | None = None) -> Item:
        """The item ended badly, and why."""
        return self._end("failed", detail, metadata)

    def interrupt(self, reason: str | None = None) -> Item:
        """The item was cut off: a message keeps what it had, a call says that its outcome is not known."""
        if self.item.call is None:
            return self._end("interrupted", None, None)
        return self._end("interrupted", cut_off(self.item, reason or "Interrupted.", ran=self.running), None)

    def drop(self) -> None:
        """Record nothing more, not even an end."""
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _queue(self, text: str) -> None:
        self._unsent.append(text)
        self._unsent_chars += len(text)
        if self._unsent_chars >= COALESCE_CHARS:
            self._flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._due)

    def _due(self) -> None:
        with suppress(StoreError):  # a timer has nobody to raise to; the item's end meets the same failure
            self._flush()

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._unsent and not self._ended:
            text = self._clean.feed("".join(self._unsent))
            self._unsent.clear()
            self._unsent_chars = 0
            self._send(text)

    def _send(self, text: str) -> None:
        if text:
            kind: DeltaKind = "tool_call"
            if self.item.kind in ("agent_message", "agent_reasoning"):
                kind = "agent_message" if self.item.kind == "agent_message" else "agent_reasoning"
                self._pieces.append(text)
            self._recorder.append(e.ItemDelta(delta=text, kind=kind), item_id=self.item.id)

    def _end(self, status: Status, detail: str | None, metadata: dict[str, object] | None) -> Item:
        if self._ended:
            return self.item
        self._flush()
        self._send(self._clean.end())
        self._ended = True
        detail = "".join(self._pieces) if detail is None else self._recorder.ports.redactor.text(detail)
        self.item = replace(
            self.item,
            status=status,
            summary=summary_of(self.item, status, detail),
            detail=detail,
            metadata=metadata,
            ended_at=self._recorder.ports.clock.now(),
        )
        self._recorder.closed(self.item.id)
        payload: e.Payload
        match status:
            case "completed":
                before, after = self._counts
                payload = e.ItemCompleted(item=self.item, auto=self._auto, messages_before=before, messages_after=after)
            case "failed":
                payload = e.ItemFailed(item=self.item, auto=self._auto)
            case _:
                payload = e.ItemInterrupted(item=self.item)
        self._recorder.append(payload, item_id=self.item.id)
        return self.item


def _input(arguments: str) -> object:
    """The arguments as a value, or as they stand when they are none that a reader should have to take apart."""
    if structure_problem(arguments) is not None:
        return arguments
    try:
        return msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return arguments
