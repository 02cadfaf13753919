"""The loop of one turn: model call, its tool calls, again, until the model is done.

A turn ends exactly once, in `run_turn`, as completed, failed or interrupted; the recorder closes what is open. New
behaviour enters as loop policies, tools or item kinds, not here. After a turn that did not complete the conversation in
memory is stale: the caller folds it anew from the log.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from msgspec import Struct, field
from msgspec.structs import replace

from codewhale.context.conversation import said, step_messages
from codewhale.context.estimate import Gauge
from codewhale.domain.errors import BudgetSpent, CodewhaleError
from codewhale.domain.messages import Effort, Message, ModelRequest, ToolSpec
from codewhale.domain.records import Item, Status, ToolCall
from codewhale.engine.asking import Asking
from codewhale.engine.keeping import Keeping
from codewhale.engine.middleware import LoopPolicy, LoopState, Stop
from codewhale.engine.pins import Header
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.room import CallRoom
from codewhale.engine.shapes import Shapes
from codewhale.engine.step import Caller, StepResult
from codewhale.store.port import Ticket
from codewhale.tools.activation import Activation


class Conversation(Struct, kw_only=True):
    """A thread's messages as the model has seen them, growing at the end, the call ids that are taken, the measures of
    its requests, and the tools that were found."""

    messages: list[Message]
    call_ids: set[str]
    header: Header = field(default_factory=Header)
    shapes: Shapes = field(default_factory=Shapes)
    gauge: Gauge = field(default_factory=Gauge)
    active: Activation


class Steers(Struct, kw_only=True):
    """Input given while the turn runs, in order, not yet in the conversation."""

    items: list[Item] = field(default_factory=list[Item])
    closed: bool = False


class TurnSetup(Struct, frozen=True, kw_only=True):
    """Everything a turn is run with; fixed for its length, but for the tools that are found in it."""

    caller: Caller
    model: str
    system: str
    tools: tuple[ToolSpec, ...]
    room: CallRoom
    policies: tuple[LoopPolicy, ...]
    max_output_tokens: int | None = None
    effort: Effort | None = None
    seconds: float | None = None
    keeping: Keeping | None = None

    @property
    def tools_now(self) -> tuple[ToolSpec, ...]:
        """What a request made now carries: those it began with, then what was found."""
        return (*self.tools, *self.room.catalogue.tail)


Prepare = Callable[[], Awaitable[tuple[TurnSetup, Conversation]]]
"""Gets the turn ready; what goes wrong in it ends the turn as failed."""


class TurnEnd(Exception):
    """The turn cannot go on: it ends as failed, with this error and code."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.error)
        self.stop = stop


async def run_turn(
    recorder: TurnRecorder, prepare: Prepare, steers: Steers, interrupt_reason: Callable[[], str | None]
) -> Ticket:
    """Run the turn to its end and record it, as `conclude` says."""

    async def work() -> None:
        setup, conversation = await prepare()
        watches = setup.room.watches
        watches.turn_started(recorder.turn)
        try:
            async with _within(setup.seconds):
                await _steps(recorder, setup, conversation, steers)
        except Exception as error:
            await watches.turn_ended(replace(recorder.turn, error=_words(error)), "failed")
            raise
        await watches.turn_ended(recorder.turn, "completed")

    return await conclude(recorder, work, steers, interrupt_reason)


async def conclude(
    recorder: TurnRecorder,
    work: Callable[[], Awaitable[None]],
    steers: Steers,
    interrupt_reason: Callable[[], str | None],
) -> Ticket:
    """Do the work of a turn and record its end, once; the ticket is that of `turn.completed`. Cancelling the task
    interrupts the turn. The cancellation is swallowed when `interrupt_reason` gives a reason (the turn was meant), else it
    goes on (the runtime is going away). Raises `StoreError` when the log takes no end any more."""
    try:
        await work()
        return recorder.finish("completed")
    except asyncio.CancelledError:
        reason = interrupt_reason()
        ticket = _abandon(recorder, steers, "interrupted", reason or "The runtime stopped.", "interrupted")
        if reason is None:
            raise
        return ticket
    except TurnEnd as end:
        return _abandon(recorder, steers, "failed", end.stop.error, end.stop.code)
    except CodewhaleError as error:
        return _abandon(recorder, steers, "failed", error.in_full(), error.code)
    except Exception as error:  # noqa: BLE001 - boundary: a broken turn ends as failed and says so
        return _abandon(recorder, steers, "failed", f"Internal error: {type(error).__name__}: {error}", "internal")


def _words(error: Exception) -> str:
    return error.stop.error if isinstance(error, TurnEnd) else str(error)


def _abandon(recorder: TurnRecorder, steers: Steers, status: Status, error: str, code: str) -> Ticket:
    steers.closed = True
    return recorder.finish(status, error=error, code=code)


async def _steps(recorder: TurnRecorder, setup: TurnSetup, conversation: Conversation, steers: Steers) -> None:
    asking = Asking(recorder, setup, steers, _request)
    step = 0
    while True:
        step += 1
        _ask(setup.policies, LoopState(step=step, usage=recorder.turn.usage))
        conversation.messages += [said(item) for item in steers.items]
        steers.items.clear()
        recorder.begin_step(step)
        try:
            result = await asking.step(conversation)
        except BudgetSpent:
            if step > 1:
                request = lambda: _request(asking.setup, conversation)  # noqa: E731
                from codewhale.engine.last_words import last_words  # noqa: PLC0415 - start-up: few turns run out of it

                await last_words(recorder, setup.caller, conversation.messages, request)
            raise
        calls = _unique(result.calls, conversation.call_ids)
        items = await _ran(recorder, setup.room, calls) if calls else []
        conversation.messages += step_messages([*result.items, *items])
        for item in items:
            conversation.active.see(item)
        if not calls and not steers.items:
            steers.closed = True
            _judge(recorder, result)
            return


def _within(seconds: float | None) -> AbstractAsyncContextManager[None]:
    if seconds is None:
        return nullcontext()
    from codewhale.engine.last_words import within  # noqa: PLC0415 - start-up: few turns have a limit of time

    return within(seconds)


async def _ran(recorder: TurnRecorder, room: CallRoom, calls: list[ToolCall]) -> list[Item]:
    from codewhale.engine.call import run_calls  # noqa: PLC0415 - start-up: the first call loads what judges and runs calls

    return await run_calls(recorder, room, calls)


def _ask(policies: tuple[LoopPolicy, ...], state: LoopState) -> None:
    for policy in policies:
        stop = policy.before_step(state)
        if stop is not None:
            raise TurnEnd(stop)


def _request(setup: TurnSetup, conversation: Conversation) -> ModelRequest:
    return ModelRequest(
        model=setup.model,
        system=setup.system,
        messages=tuple(conversation.messages),
        tools=setup.tools_now,
        max_output_tokens=setup.max_output_tokens,
        effort=setup.effort,
    )


def _unique(calls: tuple[ToolCall, ...], taken: set[str]) -> list[ToolCall]:
    """The calls with ids that no other call of the thread has, so that results cannot be mixed up."""
    found: list[ToolCall] = []
    for call in calls:
        name, number = call.id, 1
        while name in taken:
            number += 1
            name = f"{call.id}_{number}"
        taken.add(name)
        found.append(call if name == call.id else replace(call, id=name))
    return found


def _judge(recorder: TurnRecorder, result: StepResult) -> None:
    """An answer that is cut, filtered or empty is not a success that looks like one."""
    if result.finish == "content_filter":
        raise TurnEnd(Stop(error="The provider's content filter stopped the answer.", code="content_filter"))
    if not any(item.kind == "agent_message" and item.detail for item in result.items):
        raise TurnEnd(Stop(error="The model ended its turn without an answer.", code="empty_answer"))
    if result.finish == "length":
        recorder.note("The answer reached the model's output limit and may be cut off.")
    elif result.finish == "unknown":
        recorder.note("The stream ended without saying that the answer is whole; it may be cut off.")
