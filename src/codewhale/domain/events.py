"""The closed vocabulary of the log: facts in the past tense, in the words of the published contract.

The envelope is `Event`; the variants are the payload structs, each knowing its wire name (`WIRE`). A new feature is a
new item kind, request kind or payload field, never a second vocabulary. Who may follow whom is in `laws.py`.
"""

from typing import ClassVar, Literal

import msgspec
from msgspec import Struct

from codewhale.domain.budgets import BudgetReserved
from codewhale.domain.context import ContextPinned, ContextTold
from codewhale.domain.decisions import CallDecided
from codewhale.domain.internal_events import (
    AutomationUpdated,
    OccurrenceUpdated,
    SnapshotTaken,
    StepCompleted,
    TaskUpdated,
)
from codewhale.domain.process_events import ProcessEnded, ProcessStarted, ProcessTold
from codewhale.domain.records import CoherenceState, DeltaKind, Item, Thread, Turn
from codewhale.domain.requests import Answer, ApprovalDecision, ResultContent, UserInput
from codewhale.domain.routing import RouteChosen


class ToolStart(Struct, frozen=True, kw_only=True):
    """The tool call behind an item, with its arguments decoded (a string when they were not valid JSON)."""

    id: str
    name: str
    input: object


class ThreadStarted(Struct, frozen=True, kw_only=True):
    """First event of a thread that was created empty."""

    WIRE: ClassVar[str] = "thread.started"
    thread: Thread


class ThreadUpdated(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A thread's settings changed: the record after it, and the changed fields (None = cleared). With reason
    `session_resume` a thread without turns got a history: the copied turns and items are in it, as in a fork."""

    WIRE: ClassVar[str] = "thread.updated"
    thread: Thread
    changes: dict[str, object] | None = None
    reason: str | None = None
    turns: tuple[Turn, ...] = ()
    items: tuple[Item, ...] = ()


class ThreadForked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First event of a thread that was copied; the copied turns and items are in it, so the stream stands alone."""

    WIRE: ClassVar[str] = "thread.forked"
    thread: Thread
    source_thread_id: str
    turns: tuple[Turn, ...] = ()
    items: tuple[Item, ...] = ()
    backtrack_depth_from_tail: int | None = None
    dropped_turn_id: str | None = None


class TurnStarted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Before any other event of the turn."""

    WIRE: ClassVar[str] = "turn.started"
    turn: Turn
    manual_compaction: bool = False


class TurnLifecycle(Struct, frozen=True, kw_only=True):
    """The engine has begun to work on the turn."""

    WIRE: ClassVar[str] = "turn.lifecycle"
    status: Literal["in_progress"]


class TurnSteered(Struct, frozen=True, kw_only=True):
    """More input for the turn under way; the event's item is completed right after, without being started."""

    WIRE: ClassVar[str] = "turn.steered"
    thread_id: str
    turn_id: str
    input: str


class TurnInterruptRequested(Struct, frozen=True, kw_only=True):
    """Somebody asked the turn to stop; may be repeated while it stops."""

    WIRE: ClassVar[str] = "turn.interrupt_requested"
    thread_id: str
    turn_id: str


class TurnCompleted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The one terminal event of a turn, whatever its outcome; nothing of the turn follows."""

    WIRE: ClassVar[str] = "turn.completed"
    turn: Turn
    recovered: bool = False


class ItemStarted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item begins; a tool call's item says which tool and with what."""

    WIRE: ClassVar[str] = "item.started"
    item: Item
    tool: ToolStart | None = None
    auto: bool | None = None


class ItemDelta(Struct, frozen=True, kw_only=True):
    """An increment of a started, unfinished item. Redundant once the item has ended."""

    WIRE: ClassVar[str] = "item.delta"
    delta: str
    kind: DeltaKind


class ItemCompleted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item ended well; the item holds its whole content."""

    WIRE: ClassVar[str] = "item.completed"
    item: Item
    auto: bool | None = None
    messages_before: int | None = None
    messages_after: int | None = None


class ItemFailed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An item ended badly; `detail` says why."""

    WIRE: ClassVar[str] = "item.failed"
    item: Item
    auto: bool | None = None


class ItemInterrupted(Struct, frozen=True, kw_only=True):
    """An item was cut off; it keeps what it had. For a call with effects the outcome is unknown and is said so."""

    WIRE: ClassVar[str] = "item.interrupted"
    item: Item


class ApprovalRequired(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call waits for a person. Open from this event on, so that the fastest answer finds it. Why it is asked stands in
    `matched_rule` and `reason`, what would confine it in `confined_by`, where its files really are in `targets`.
    `safety_level` is the verdict on a shell command (`safe`, `ask`). `seal` is the digest of exactly this call, the only one
    that an answer lets run."""

    WIRE: ClassVar[str] = "approval.required"
    id: str
    approval_id: str
    tool_name: str
    description: str
    item_id: str | None = None
    input: object = None
    expires_at: str | None = None
    matched_rule: str | None = None
    reason: str | None = None
    confined_by: str | None = None
    targets: tuple[str, ...] = ()
    safety_level: str | None = None
    safety_reason: str | None = None
    seal: str | None = None


class ApprovalDecided(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer; `auto` when the runtime gave it, with the reason in words."""

    WIRE: ClassVar[str] = "approval.decided"
    approval_id: str
    decision: ApprovalDecision
    remember: bool
    auto: bool = False
    reason: str | None = None


class ApprovalTimeout(Struct, frozen=True, kw_only=True):
    """Nobody answered in time: a denial."""

    WIRE: ClassVar[str] = "approval.timeout"
    approval_id: str
    timeout_secs: int


class UserInputRequired(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The model asks the person something."""

    WIRE: ClassVar[str] = "user_input.required"
    id: str
    request: UserInput
    item_id: str | None = None


class UserInputAnswered(Struct, frozen=True, kw_only=True):
    """The person answered; `id` and `input_id` are the same."""

    WIRE: ClassVar[str] = "user_input.answered"
    id: str
    input_id: str
    answers: tuple[Answer, ...]


class UserInputCanceled(Struct, frozen=True, kw_only=True):
    """The question went away unanswered (interrupt, restart, no person attached)."""

    WIRE: ClassVar[str] = "user_input.canceled"
    id: str
    input_id: str
    reason: str


class ToolCallRequested(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call of a tool that the client runs. Open from this event on; the client answers with its result."""

    WIRE: ClassVar[str] = "tool_call.requested"
    thread_id: str
    turn_id: str
    call_id: str
    tool: str
    arguments: object
    namespace: str | None = None
    item_id: str | None = None
    expires_at: str | None = None


class ToolCallResolved(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The client's result is in; the item ends with it."""

    WIRE: ClassVar[str] = "tool_call.resolved"
    call_id: str
    result_accepted: bool
    success: bool
    content: tuple[ResultContent, ...] = ()


class ToolCallCanceled(Struct, frozen=True, kw_only=True):
    """The call went away without a result (interrupt, restart)."""

    WIRE: ClassVar[str] = "tool_call.canceled"
    call_id: str
    reason: str


class ToolCallTimeout(Struct, frozen=True, kw_only=True):
    """The client gave no result in time: the call failed."""

    WIRE: ClassVar[str] = "tool_call.timeout"
    call_id: str
    timeout_secs: int


class SandboxDenied(Struct, frozen=True, kw_only=True):
    """The sandbox, not a person, refused something."""

    WIRE: ClassVar[str] = "sandbox.denied"
    tool_id: str
    tool_name: str
    reason: str


class CoherenceChanged(Struct, frozen=True, kw_only=True):
    """How crowded the context is."""

    WIRE: ClassVar[str] = "coherence.state"
    state: CoherenceState
    label: str
    description: str
    reason: str
    thread: Thread


Payload = (
    ThreadStarted
    | ThreadUpdated
    | ThreadForked
    | TurnStarted
    | TurnLifecycle
    | TurnSteered
    | TurnInterruptRequested
    | TurnCompleted
    | ItemStarted
    | ItemDelta
    | ItemCompleted
    | ItemFailed
    | ItemInterrupted
    | CallDecided
    | ApprovalRequired
    | ApprovalDecided
    | ApprovalTimeout
    | UserInputRequired
    | UserInputAnswered
    | UserInputCanceled
    | ToolCallRequested
    | ToolCallResolved
    | ToolCallCanceled
    | ToolCallTimeout
    | SandboxDenied
    | CoherenceChanged
    | StepCompleted
    | TaskUpdated
    | AutomationUpdated
    | OccurrenceUpdated
    | ContextPinned
    | ContextTold
    | SnapshotTaken
    | BudgetReserved
    | RouteChosen
    | ProcessStarted
    | ProcessEnded
    | ProcessTold
)

PAYLOADS: dict[str, type[Payload]] = {cls.WIRE: cls for cls in Payload.__args__}
"""Wire name to payload type, in the order of the union."""

INTERNAL: frozenset[str] = frozenset(
    {
        CallDecided.WIRE,
        StepCompleted.WIRE,
        TaskUpdated.WIRE,
        AutomationUpdated.WIRE,
        OccurrenceUpdated.WIRE,
        ContextPinned.WIRE,
        ContextTold.WIRE,
        SnapshotTaken.WIRE,
        BudgetReserved.WIRE,
        RouteChosen.WIRE,
        ProcessStarted.WIRE,
        ProcessEnded.WIRE,
        ProcessTold.WIRE,
    }
)
"""Kept in the log, left out of the published stream."""


class NewEvent(Struct, frozen=True, kw_only=True):
    """A fact about to be recorded: everything but its place in the log."""

    timestamp: str
    thread_id: str
    payload: Payload
    turn_id: str | None = None
    item_id: str | None = None


class Event(Struct, frozen=True, kw_only=True):
    """A recorded fact. `seq` is global and strictly increasing; `event` is the wire name; `payload` is its JSON, so that
    a surface can pass it on without decoding. `decode` gives the typed payload."""

    seq: int
    timestamp: str
    thread_id: str
    turn_id: str | None
    item_id: str | None
    event: str
    payload: msgspec.Raw

    def decode(self) -> Payload:
        """The typed payload; an unknown name is a `KeyError`, a wrong shape a `msgspec.ValidationError`."""
        return _decoder(self.event).decode(self.payload)


_DECODERS: dict[str, "msgspec.json.Decoder[Payload]"] = {}


def _decoder(name: str) -> "msgspec.json.Decoder[Payload]":
    found = _DECODERS.get(name)
    if found is None:
        found = _DECODERS[name] = msgspec.json.Decoder(PAYLOADS[name])
    return found


def recorded(seq: int, new: NewEvent) -> Event:
    """The event that `new` becomes at place `seq`."""
    return Event(
        seq=seq,
        timestamp=new.timestamp,
        thread_id=new.thread_id,
        turn_id=new.turn_id,
        item_id=new.item_id,
        event=new.payload.WIRE,
        payload=msgspec.Raw(msgspec.json.encode(new.payload)),
    )
