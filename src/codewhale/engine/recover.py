"""Recovery: the events that close what a crash left open. Pure and idempotent: after them there is nothing to close.

A call that was running is never run again: its outcome is unknown and the model is told so.
"""

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.coherence import coherence
from codewhale.domain.fold import ThreadView
from codewhale.domain.ports import Clock
from codewhale.domain.records import OPEN_STATUSES, Item, summarize
from codewhale.domain.requests import Request
from codewhale.engine.endings import cut_off

RESTARTED = "Interrupted by process restart"


def closing_events(view: ThreadView, clock: Clock) -> list[e.NewEvent]:
    """The events that end the thread's open turn: requests denied, items interrupted, one terminal event. In order."""
    turn = view.open_turn
    if turn is None or view.thread is None:
        return []
    now = clock.now()
    payloads: list[tuple[e.Payload, str | None]] = [
        (_denied(request), None) for request in view.requests.values() if request.turn_id == turn.id
    ]
    asked = {request.item_id for request in view.requests.values() if request.kind == "approval"}
    payloads += [
        (_ended(view, item, now, waiting=item.id in asked), item.id)
        for item in view.items_of(turn.id)
        if item.id in view.live_text
    ]
    if view.thread.coherence_state == "refreshing_context":
        crowded = replace(view.thread, coherence_state="getting_crowded", updated_at=now)
        payloads.append((coherence(crowded, RESTARTED), None))
    ended = replace(
        turn, status="interrupted", ended_at=now, error=RESTARTED, error_code="restart", usage=view.usage.get(turn.id)
    )
    payloads.append((e.TurnCompleted(turn=ended, recovered=True), None))
    return [
        e.NewEvent(timestamp=now, thread_id=view.thread.id, turn_id=turn.id, item_id=item_id, payload=payload)
        for payload, item_id in payloads
    ]


def _denied(request: Request) -> e.Payload:
    if request.kind == "question":
        return e.UserInputCanceled(id=request.id, input_id=request.id, reason=RESTARTED)
    if request.kind == "client_tool":
        return e.ToolCallCanceled(call_id=request.id, reason=RESTARTED)
    return e.ApprovalDecided(approval_id=request.id, decision="deny", remember=False, auto=True, reason=RESTARTED)


def _ended(view: ThreadView, item: Item, now: str, *, waiting: bool) -> e.Payload:
    if item.status not in OPEN_STATUSES:
        return e.ItemCompleted(item=item)
    return e.ItemInterrupted(item=_interrupted(view, item, now, waiting=waiting))


def _interrupted(view: ThreadView, item: Item, now: str, *, waiting: bool) -> Item:
    if item.call is None:
        text = view.text_of(item.id)
        return replace(item, status="interrupted", detail=text, summary=summarize(text), ended_at=now)
    return replace(
        item,
        status="interrupted",
        summary=f"{item.call.name} interrupted",
        detail=cut_off(item, f"{RESTARTED}.", ran=not waiting),
        ended_at=now,
    )
