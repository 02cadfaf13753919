"""One model call: its stream becomes items. The calls it asks for are returned, not run."""

from collections.abc import Callable

from msgspec import Struct

from codewhale.domain import events as e
from codewhale.domain.messages import (
    CallReady,
    Finished,
    FinishReason,
    ModelRequest,
    ReasoningDelta,
    ReasoningSealed,
    Rerouted,
    TextDelta,
    UsageReported,
    Waiting,
)
from codewhale.domain.records import Item, ToolCall, Usage
from codewhale.domain.usage import Rate, RateAt, charge
from codewhale.engine.purse import UNLIMITED, Purse
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.shapes import Shapes
from codewhale.engine.speaker import Speaker
from codewhale.llm.provider import Provider


def no_rate(moment: str) -> Rate | None:
    """For a model whose price nobody knows."""
    del moment


def no_other(provider: str, model: str) -> RateAt:
    """For a provider that never hands a call to another route."""
    del provider, model
    return no_rate


class Caller(Struct, frozen=True, kw_only=True):
    """The model to be called and its prices; `other` gives those of a route that a call was handed to. `shapes` takes the
    measure of the requests; None: they are not the conversation's. `purse` allows each call and counts it."""

    provider: Provider
    rate: RateAt
    other: Callable[[str, str], RateAt] = no_other
    shapes: Shapes | None = None
    purse: Purse = UNLIMITED


class StepResult(Struct, frozen=True, kw_only=True):
    """What one model call gave: its finished items (reasoning, text), the calls in model order, why it ended."""

    items: tuple[Item, ...]
    calls: tuple[ToolCall, ...]
    finish: FinishReason


Heard = TextDelta | ReasoningDelta | ReasoningSealed | CallReady | Waiting
"""What a listener is given. `Waiting` only when the answer begins anew: what was heard of it is void."""


async def run_step(recorder: TurnRecorder, caller: Caller, request: ModelRequest) -> StepResult:
    """Call the model once. Raises `ProviderError`; what was said before it stays open for the recorder to close."""
    speaker = Speaker(recorder)
    calls: list[ToolCall] = []

    def hear(event: Heard) -> None:
        match event:
            case TextDelta():
                speaker.say("agent_message", event.text)
            case ReasoningDelta():
                speaker.say("agent_reasoning", event.text)
            case ReasoningSealed():
                speaker.seal(event.carried)
            case CallReady():
                calls.append(event.call)
            case Waiting():
                speaker.again()

    try:
        finish = await listen(recorder, caller, request, hear, speaker.stop)
    finally:
        speaker.over()
    return StepResult(items=tuple(speaker.items), calls=tuple(calls), finish=finish)


async def listen(
    recorder: TurnRecorder,
    caller: Caller,
    request: ModelRequest,
    hear: Callable[[Heard], None],
    end: Callable[[], None] = lambda: None,
) -> FinishReason:
    """Give what the model says to `hear`, then call `end`, and record what the call used and cost, however it ended. Raises
    `BudgetSpent` before anything is sent where a budget does not allow the call."""
    call = _Call(recorder, caller, request)
    try:
        if call.held.durable is not None:
            await call.held.durable
        async for event in caller.provider.stream(call.held.request):
            if isinstance(event, Waiting) and event.partial:
                hear(event)
            match event:
                case UsageReported() | Finished() | Waiting() | Rerouted():
                    call.take(event)
                case _:
                    hear(event)
        end()
    finally:
        call.record()
    return call.finish or "unknown"


class _Call:
    """What is known of one model call besides what the model says."""

    def __init__(self, recorder: TurnRecorder, caller: Caller, request: ModelRequest) -> None:
        clock = recorder.ports.clock
        self.finish: FinishReason | None = None
        self._recorder = recorder
        self._caller = caller
        self._usage: Usage | None = None
        self._provider, self._model = caller.provider.name, request.model
        self._began, self._moment = clock.monotonic(), clock.now()
        self._rate = caller.rate(self._moment)
        self._shape = caller.shapes.of(request) if caller.shapes is not None else None
        self.held = caller.purse.reserve(recorder, request, self._rate)

    def take(self, event: UsageReported | Finished | Waiting | Rerouted) -> None:
        """The next word about the call. Raises `BudgetSpent` when it goes where it costs too much."""
        match event:
            case UsageReported():
                self._usage = event.usage
            case Finished():
                self.finish = event.reason
            case Waiting():
                self._recorder.note(_waiting(event))
            case Rerouted():
                self._provider, self._model = event.provider, event.model
                self._rate = self._caller.other(event.provider, event.model)(self._moment)
                _tell(self._recorder, event)
                self._caller.purse.reprice(self.held, self._rate)

    def record(self) -> None:
        """The call is over."""
        usage = self._usage
        if usage is not None:
            self._recorder.add_usage(usage)
        cost = None if usage is None else charge(usage, self._rate)
        self._caller.purse.settle(self.held, usage, cost)
        self._recorder.append(
            e.StepCompleted(
                step=self._recorder.step,
                provider=self._provider,
                model=self._model,
                finish_reason=self.finish or "cut",
                duration_ms=int((self._recorder.ports.clock.monotonic() - self._began) * 1000),
                usage=usage,
                charge=cost,
                request=self._shape,
                reservation_id=self.held.reservation_id,
            )
        )


def _tell(recorder: TurnRecorder, event: Rerouted) -> None:
    """Say once in a turn that another route answers, and why."""
    told = f"{event.reason.rstrip(chr(46))}. {event.model} by {event.provider} answers instead."
    if told != recorder.rerouted:
        recorder.rerouted = told
        recorder.append(
            e.RouteChosen(cause="fallback", provider=event.provider, model=event.model, reason=event.reason)
        )
        recorder.note(told)


def _waiting(event: Waiting) -> str:
    what = "trying again" if event.attempt > 1 else "sending this one"
    begun = " The answer begins anew: what came of it is not part of the conversation." if event.partial else ""
    return (
        f"{event.reason.rstrip(chr(46))}; {what} in {event.delay:.1f} s (attempt {event.attempt} of {event.attempts})."
        f"{begun} Interrupt the turn to stop waiting."
    )
