"""The one-shot stream of `POST /v1/stream` (runtime-contract §3.6) as a function of the turn's events. Pure.

A tool keeps one id (the model's call id) in started, progress and completed; `done` is always last.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from codewhale.domain import events as e
from codewhale.domain.commands import StartedTurn
from codewhale.domain.records import Item, Status, Usage
from codewhale.surfaces.http.present import sse

TOOL_KINDS = frozenset({"tool_call", "file_change", "command_execution"})
PASSED_ON = frozenset(
    {
        e.ApprovalRequired.WIRE,
        e.ApprovalDecided.WIRE,
        e.ApprovalTimeout.WIRE,
        e.UserInputRequired.WIRE,
        e.UserInputAnswered.WIRE,
        e.UserInputCanceled.WIRE,
        e.ToolCallRequested.WIRE,
        e.ToolCallResolved.WIRE,
        e.ToolCallCanceled.WIRE,
        e.ToolCallTimeout.WIRE,
        e.SandboxDenied.WIRE,
    }
)
"""Events whose payload goes to the reader unchanged, under the same name."""


class TurnOpened(Struct, frozen=True, kw_only=True):
    """`turn.started`: first, before anything of the turn."""

    thread_id: str
    turn_id: str
    model: str
    mode: str
    workspace: str


class MessageDelta(Struct, frozen=True, kw_only=True):
    """`message.delta`: more of the answer's text."""

    content: str


class ToolStarted(Struct, frozen=True, kw_only=True):
    """`tool.started`: a tool call begins; `id` is the call's id in all three tool events."""

    id: str
    item_id: str
    name: str
    input: object


class ToolProgress(Struct, frozen=True, kw_only=True):
    """`tool.progress`: output while it runs."""

    id: str
    item_id: str
    output: str


class ToolCompleted(Struct, frozen=True, kw_only=True):
    """`tool.completed`: the call ended, well or not (an interrupted one too)."""

    id: str
    item_id: str
    success: bool
    output: str


class Notice(Struct, frozen=True, kw_only=True):
    """`status` and `error`: a message for people."""

    message: str


class TurnClosed(Struct, frozen=True, kw_only=True):
    """`turn.completed`: how the turn ended."""

    usage: Usage | None
    status: Status
    error: str | None


class Done(Struct, frozen=True, kw_only=True):
    """`done`: last."""


class OneShot:
    """Presents the turn `started`; events of nothing else are ignored."""

    def __init__(self, started: StartedTurn, *, model: str, mode: str) -> None:
        self.finished = False
        self._started = started
        self._opened = TurnOpened(
            thread_id=started.thread.id,
            turn_id=started.turn.id,
            model=model,
            mode=mode,
            workspace=started.thread.workspace,
        )
        self._calls: dict[str, str] = {}

    def opening(self) -> list[bytes]:
        """The synthetic `turn.started`."""
        return [_frame("turn.started", self._opened)]

    def frames(self, batch: Sequence[e.Event]) -> list[bytes]:
        """The frames of a batch; after the turn's end nothing more."""
        out: list[bytes] = []
        for event in batch:
            if self.finished or event.turn_id != self._started.turn.id:
                continue
            if event.event in PASSED_ON:
                out.append(sse(event.event, bytes(event.payload)))
            else:
                out += self._frames_of(event)
        return out

    def failed(self, message: str) -> list[bytes]:
        """The log could not be read on: an error, then the end."""
        self.finished = True
        return [_frame("error", Notice(message=message)), _frame("done", Done())]

    def _frames_of(self, event: e.Event) -> list[bytes]:
        if event.event not in _MAPPED:
            return []
        match event.decode():
            case e.ItemDelta(delta=delta, kind="agent_message"):
                return [_frame("message.delta", MessageDelta(content=delta))]
            case e.ItemDelta(delta=delta, kind="tool_call"):
                item_id = event.item_id or ""
                progress = ToolProgress(id=self._calls.get(item_id, item_id), item_id=item_id, output=delta)
                return [_frame("tool.progress", progress)]
            case e.ItemStarted(item=item, tool=tool) if tool is not None:
                self._calls[item.id] = tool.id
                started = ToolStarted(id=tool.id, item_id=item.id, name=tool.name, input=tool.input)
                return [_frame("tool.started", started)]
            case e.ItemCompleted(item=item) | e.ItemFailed(item=item) | e.ItemInterrupted(item=item):
                return self._ended(item)
            case e.TurnCompleted(turn=turn):
                self.finished = True
                closed = TurnClosed(usage=turn.usage, status=turn.status, error=turn.error)
                return [_frame("turn.completed", closed), _frame("done", Done())]
            case _:
                return []

    def _ended(self, item: Item) -> list[bytes]:
        text = item.detail or item.summary
        if item.kind in TOOL_KINDS:
            call_id = self._calls.pop(item.id, item.id)
            ok = item.status == "completed"
            return [_frame("tool.completed", ToolCompleted(id=call_id, item_id=item.id, success=ok, output=text))]
        if item.kind in ("status", "error"):
            return [_frame(item.kind, Notice(message=text))]
        return []


_MAPPED = frozenset(
    {
        e.ItemDelta.WIRE,
        e.ItemStarted.WIRE,
        e.ItemCompleted.WIRE,
        e.ItemFailed.WIRE,
        e.ItemInterrupted.WIRE,
        e.TurnCompleted.WIRE,
    }
)


def _frame(event: str, payload: Struct) -> bytes:
    return sse(event, msgspec.json.encode(payload))
