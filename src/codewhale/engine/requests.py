"""Requests: the engine asks, the answer is an event. Waiting is reading the log, so nothing is lost with a process.

The desk only decides who may answer: a request is on it from before its event is announced until its first answer.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.requests import APPROVAL_TIMEOUT_SECS, Answer, RequestKind, UserInput
from codewhale.engine.recorder import OpenItem, TurnRecorder

P = TypeVar("P", bound=e.Payload)


class OpenRequest(Struct, frozen=True, kw_only=True):
    """A request that waits: whose turn asked, and what. `key` is the call's `approval_key`, for an approval."""

    kind: RequestKind
    recorder: TurnRecorder
    user_input: UserInput | None = None
    key: str | None = None


class RequestDesk:
    """The open requests of a runtime, by id. Taking one is atomic: the first taker answers, all others find nothing."""

    def __init__(self, known: Callable[[str], bool]) -> None:
        self._known = known
        self._open: dict[str, OpenRequest] = {}

    def count(self, kind: RequestKind) -> int:
        """How many requests of this kind wait, over all threads."""
        return sum(1 for request in self._open.values() if request.kind == kind)

    def place(self, opened: OpenItem, request: OpenRequest) -> str:
        """Register a request before it is announced. Its id is the call's, unless that was ever used for a request."""
        assert opened.item.call is not None
        wanted = opened.item.call.id
        taken = wanted in self._open or self._known(wanted)
        request_id = f"{wanted}~{opened.item.id}" if taken else wanted
        self._open[request_id] = request
        return request_id

    def look(self, request_id: str, kind: RequestKind) -> OpenRequest | None:
        """The open request of this id and kind."""
        found = self._open.get(request_id)
        return found if found is not None and found.kind == kind else None

    def take(self, request_id: str) -> OpenRequest | None:
        """Claim the request for answering it; None when it is unknown or already answered."""
        request = self._open.pop(request_id, None)
        if request is not None:
            request.recorder.request_resolved(request_id)
        return request

    def drop_turn(self, recorder: TurnRecorder) -> None:
        """The turn ended; its requests can no longer be answered."""
        for request_id in [r for r, open_ in self._open.items() if open_.recorder is recorder]:
            del self._open[request_id]


def approved(desk: RequestDesk, opened: OpenItem, recorder: TurnRecorder, ask: e.ApprovalRequired) -> None:
    """Record an approval that the thread's own settings give: asked and answered in one append."""
    required = _named(desk, opened, recorder, ask)
    desk.take(required.id)
    decided = e.ApprovalDecided(
        approval_id=required.id, decision="allow", remember=False, auto=True, reason=ask.matched_rule
    )
    recorder.append_all([(required, None), (decided, None)])


async def approval(
    desk: RequestDesk, opened: OpenItem, recorder: TurnRecorder, ask: e.ApprovalRequired, key: str | None = None
) -> str | None:
    """Put the call to a person and wait: None when allowed, else why not. No answer in time is a denial. A denial is remembered
    for `key`."""
    required = _named(desk, opened, recorder, ask, key)
    request_id = required.id
    recorder.request_opened(
        request_id,
        lambda reason: e.ApprovalDecided(
            approval_id=request_id, decision="deny", remember=False, auto=True, reason=reason
        ),
    )
    seq = await recorder.append(required)
    deadline = asyncio.timeout(APPROVAL_TIMEOUT_SECS)
    try:
        async with deadline:
            return await _decided(recorder, request_id, seq)
    except TimeoutError:
        if not deadline.expired():
            raise
    if desk.take(request_id) is None:  # an answer came in the same moment: it is in the log and it counts
        return await _decided(recorder, request_id, seq)
    recorder.append(e.ApprovalTimeout(approval_id=request_id, timeout_secs=APPROVAL_TIMEOUT_SECS))
    return f"nobody answered the approval within {APPROVAL_TIMEOUT_SECS} s"


def _named(
    desk: RequestDesk, opened: OpenItem, recorder: TurnRecorder, ask: e.ApprovalRequired, key: str | None = None
) -> e.ApprovalRequired:
    request_id = desk.place(opened, OpenRequest(kind="approval", recorder=recorder, key=key))
    return replace(ask, id=request_id, approval_id=request_id, item_id=opened.item.id)


async def question(
    desk: RequestDesk, opened: OpenItem, recorder: TurnRecorder, request: UserInput
) -> tuple[Answer, ...] | None:
    """Put questions to the person and wait; None when they were dismissed."""
    request_id = desk.place(opened, OpenRequest(kind="question", recorder=recorder, user_input=request))
    recorder.request_opened(
        request_id, lambda reason: e.UserInputCanceled(id=request_id, input_id=request_id, reason=reason)
    )
    seq = await recorder.append(e.UserInputRequired(id=request_id, request=request, item_id=opened.item.id))
    payload = await resolution(
        recorder, (e.UserInputAnswered, e.UserInputCanceled), lambda payload: payload.id == request_id, after=seq
    )
    return payload.answers if isinstance(payload, e.UserInputAnswered) else None


async def _decided(recorder: TurnRecorder, request_id: str, seq: int) -> str | None:
    payload = await resolution(recorder, (e.ApprovalDecided,), lambda p: p.approval_id == request_id, after=seq)
    return None if payload.decision == "allow" else payload.reason or "the person denied this call"


async def resolution(
    recorder: TurnRecorder, kinds: tuple[type[P], ...], matches: Callable[[P], bool], *, after: int
) -> P:
    """The first payload of these kinds in the turn's thread after `after` that matches: waiting is reading the log."""
    names = {kind.WIRE for kind in kinds}
    async with aclosing(recorder.ports.store.subscribe(recorder.turn.thread_id, after=after)) as log:
        async for batch in log:
            for event in batch:
                if event.event in names:
                    payload = event.decode()
                    if isinstance(payload, kinds) and matches(payload):
                        return payload
    raise AssertionError("a subscription does not end")
