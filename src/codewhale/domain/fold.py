"""The fold: a thread as the sum of its events. Every surface, recovery and the model's context read this view.

`apply` mutates the view it is given (a thread can have 100,000 events, copying would be quadratic); `fold` starts a
fresh one. Applying an event at or below `view.seq` changes nothing, so replay from any cursor is safe.
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.records import Item, Thread, Turn, Usage, add_usage
from codewhale.domain.requests import ClientCall, Request


class ThreadView(Struct, kw_only=True):
    """Everything that a thread's events say: its record, turns and items in order of creation, what is open (started items by
    `live_text`, requests), usage by turn id."""

    thread: Thread | None = None
    turns: dict[str, Turn] = field(default_factory=dict[str, Turn])
    items: dict[str, Item] = field(default_factory=dict[str, Item])
    live_text: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    requests: dict[str, Request] = field(default_factory=dict[str, Request])
    usage: dict[str, Usage] = field(default_factory=dict[str, Usage])
    seq: int = 0

    @property
    def open_turn(self) -> Turn | None:
        """The turn under way, if any."""
        last = next(reversed(self.turns.values()), None)
        return last if last is not None and last.status == "in_progress" else None

    def text_of(self, item_id: str) -> str:
        """The item's text so far: its deltas while it is open, its detail after."""
        pieces = self.live_text.get(item_id)
        return "".join(pieces) if pieces else self.items[item_id].detail or ""

    def items_of(self, turn_id: str) -> list[Item]:
        """The turn's items in order of creation."""
        return [self.items[i] for i in self.turns[turn_id].item_ids if i in self.items]


def fold(events: Iterable[e.Event], view: ThreadView | None = None) -> ThreadView:
    """`view` (or a new one) after `events`, which must be in order."""
    view = view if view is not None else ThreadView()
    for event in events:
        apply(view, event)
    return view


def apply(view: ThreadView, event: e.Event) -> None:
    """Take one event into the view."""
    if event.seq <= view.seq:
        return
    view.seq = event.seq
    if event.event == e.ItemDelta.WIRE:
        _delta(view, event)
        return
    payload = event.decode()
    if isinstance(payload, _THREAD):
        _thread(view, payload)
    elif isinstance(payload, _TURN):
        _turn(view, event, payload)
    elif isinstance(payload, _ITEM):
        _item(view, payload)
    elif isinstance(payload, _REQUEST):
        _request(view, event, payload)
    elif isinstance(payload, e.StepCompleted) and payload.usage is not None and event.turn_id is not None:
        view.usage[event.turn_id] = add_usage(view.usage.get(event.turn_id), payload.usage)


_THREAD = (e.ThreadStarted, e.ThreadUpdated, e.ThreadForked, e.CoherenceChanged)
_TURN = (e.TurnStarted, e.TurnSteered, e.TurnCompleted)
_ITEM = (e.ItemStarted, e.ItemCompleted, e.ItemFailed, e.ItemInterrupted)
_REQUEST = (
    e.ApprovalRequired,
    e.ApprovalDecided,
    e.ApprovalTimeout,
    e.UserInputRequired,
    e.UserInputAnswered,
    e.UserInputCanceled,
    e.ToolCallRequested,
    e.ToolCallResolved,
    e.ToolCallCanceled,
    e.ToolCallTimeout,
)


def _delta(view: ThreadView, event: e.Event) -> None:
    pieces = view.live_text.get(event.item_id or "")
    if pieces is not None:
        pieces.append(msgspec.json.decode(event.payload, type=e.ItemDelta).delta)


def _thread(view: ThreadView, payload: e.ThreadStarted | e.ThreadUpdated | e.ThreadForked | e.CoherenceChanged) -> None:
    view.thread = payload.thread
    if isinstance(payload, (e.ThreadForked, e.ThreadUpdated)):
        view.turns.update((t.id, t) for t in payload.turns)
        view.items.update((i.id, i) for i in payload.items)


def _turn(view: ThreadView, event: e.Event, payload: e.TurnStarted | e.TurnSteered | e.TurnCompleted) -> None:
    if isinstance(payload, e.TurnSteered):
        turn = view.turns[payload.turn_id]
        view.turns[turn.id] = replace(turn, steer_count=turn.steer_count + 1)
        return
    view.turns[payload.turn.id] = payload.turn
    if view.thread is not None:
        view.thread = replace(view.thread, latest_turn_id=payload.turn.id, updated_at=event.timestamp)


def _item(view: ThreadView, payload: e.ItemStarted | e.ItemCompleted | e.ItemFailed | e.ItemInterrupted) -> None:
    item = payload.item
    known = item.id in view.items
    view.items[item.id] = item
    if isinstance(payload, e.ItemStarted):
        view.live_text[item.id] = []
    else:
        view.live_text.pop(item.id, None)
    turn = view.turns[item.turn_id]
    if not known and item.id not in turn.item_ids:
        view.turns[turn.id] = replace(turn, item_ids=(*turn.item_ids, item.id))


def _request(view: ThreadView, event: e.Event, payload: e.Payload) -> None:
    match payload:
        case e.ApprovalRequired():
            view.requests[payload.id] = Request(
                id=payload.id,
                kind="approval",
                thread_id=event.thread_id,
                turn_id=event.turn_id or "",
                item_id=payload.item_id or "",
                tool_name=payload.tool_name,
                description=payload.description,
                created_at=event.timestamp,
                expires_at=payload.expires_at,
            )
        case e.UserInputRequired():
            view.requests[payload.id] = Request(
                id=payload.id,
                kind="question",
                thread_id=event.thread_id,
                turn_id=event.turn_id or "",
                item_id=payload.item_id or "",
                tool_name="request_user_input",
                description=payload.request.questions[0].question if payload.request.questions else "",
                created_at=event.timestamp,
                user_input=payload.request,
            )
        case e.ApprovalDecided() | e.ApprovalTimeout():
            view.requests.pop(payload.approval_id, None)
        case e.ToolCallRequested():
            view.requests[payload.call_id] = Request(
                id=payload.call_id,
                kind="client_tool",
                thread_id=event.thread_id,
                turn_id=event.turn_id or "",
                item_id=payload.item_id or "",
                tool_name=payload.tool,
                description=f"{payload.tool} is run by the client",
                created_at=event.timestamp,
                expires_at=payload.expires_at,
                client_call=ClientCall(tool=payload.tool, arguments=payload.arguments, namespace=payload.namespace),
            )
        case e.UserInputAnswered() | e.UserInputCanceled():
            view.requests.pop(payload.id, None)
        case e.ToolCallResolved() | e.ToolCallCanceled() | e.ToolCallTimeout():
            view.requests.pop(payload.call_id, None)
        case _:
            pass
