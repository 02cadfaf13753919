"""What every `Provider` must do, whatever its wire: an answer described once, played by each dialect in its own words.

A dialect's test gives `answering`, which plays a `Play` list on its wire and opens a provider to it; `PROVIDER_CHECKS`
does the rest. `check_stream` holds for any finished stream of any provider.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Protocol, cast

from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import (
    CallReady,
    Finished,
    FinishReason,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    UsageReported,
    UserMessage,
    Waiting,
)
from codewhale.domain.records import ToolCall, Usage
from codewhale.llm.provider import Provider

BOUND = 5.0
HELLO = ModelRequest(model="m", system="Be brief.", messages=(UserMessage(text="hello"),))


class Say(Struct, frozen=True):
    """A piece of visible text."""

    text: str


class Think(Struct, frozen=True):
    """A piece of reasoning."""

    text: str


class Ask(Struct, frozen=True):
    """A whole tool call; `pieces` is how its arguments are cut on the wire."""

    id: str
    name: str
    pieces: tuple[str, ...]


class Count(Struct, frozen=True):
    """Usage: prompt and completion tokens, prompt tokens out of the cache."""

    prompt: int
    completion: int
    cached: int


class End(Struct, frozen=True):
    """The model says that it is finished."""

    reason: FinishReason


class Drop(Struct, frozen=True):
    """The connection is cut."""


class Stall(Struct, frozen=True):
    """Silence until the client goes away."""


Play = Say | Think | Ask | Count | End | Drop | Stall


class Answering(Protocol):
    """Opens a provider whose every call is answered by `plays`; yields it and the event "a client went away"."""

    def __call__(self, plays: Sequence[Play]) -> AbstractAsyncContextManager[tuple[Provider, asyncio.Event]]: ...


ProviderCheck = Callable[[Answering], Awaitable[None]]


def check_stream(events: Sequence[ModelEvent]) -> None:
    """The laws of a stream that did not raise."""
    assert [e for e in events if isinstance(e, Finished)] == [events[-1]], "exactly one Finished, last"
    ids = [e.call.id for e in events if isinstance(e, CallReady)]
    assert len(set(ids)) == len(ids), "call ids are unique"
    assert all(ids), "no call id is empty"
    assert all(e.text for e in events if isinstance(e, (TextDelta, ReasoningDelta))), "no delta is empty"
    again = max((n for n, e in enumerate(events) if isinstance(e, Waiting) and e.partial), default=0)
    begun = [not isinstance(e, Waiting) for e in events[again:]]
    assert begun == sorted(begun), "waiting only before the answer, or before it begins anew"
    calls = next((n for n, e in enumerate(events) if isinstance(e, CallReady)), len(events))
    assert not any(isinstance(e, Waiting) for e in events[calls:]), "nothing is asked again once there is a call to run"


async def collect(provider: Provider, request: ModelRequest = HELLO) -> list[ModelEvent]:
    """All events of a call, the laws checked, inside a bound of time."""
    events: list[ModelEvent] = []
    async with asyncio.timeout(BOUND):
        async for event in provider.stream(request):
            events.append(event)  # noqa: PERF401 - a failing call must keep what it gave
    check_stream(events)
    return events


def merged(events: Sequence[ModelEvent]) -> list[ModelEvent]:
    """The events with adjacent text joined: how it was cut is nobody's promise."""
    out: list[ModelEvent] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, TextDelta) and isinstance(last, TextDelta):
            out[-1] = TextDelta(last.text + event.text)
        elif isinstance(event, ReasoningDelta) and isinstance(last, ReasoningDelta):
            out[-1] = ReasoningDelta(last.text + event.text)
        else:
            out.append(event)
    return out


async def gives_text_reasoning_and_usage(answering: Answering) -> None:
    plays = [Think("let me "), Think("see"), Say("Hé"), Say("llo 🐋"), Count(10, 3, 4), End("stop")]
    async with answering(plays) as (provider, _):
        usage = Usage(input_tokens=10, output_tokens=3, prompt_cache_hit_tokens=4, prompt_cache_miss_tokens=6)
        assert merged(await collect(provider)) == [
            ReasoningDelta("let me see"),
            TextDelta("Héllo 🐋"),
            UsageReported(usage),
            Finished("stop"),
        ]


async def gives_calls_whole_and_in_order(answering: Answering) -> None:
    plays = [Ask("a", "read", ('{"pa', 'th": "x"}')), Ask("b", "write", ("{ }",)), End("tool_calls")]
    async with answering(plays) as (provider, _):
        assert merged(await collect(provider)) == [
            CallReady(ToolCall(id="a", name="read", arguments='{"path": "x"}')),
            CallReady(ToolCall(id="b", name="write", arguments="{ }")),
            Finished("tool_calls"),
        ]


async def leaves_text_that_looks_like_a_call_alone(answering: Answering) -> None:
    text = '<tool_call>{"name": "exec_shell", "arguments": {}}</tool_call>\n\ndata: {"x": 1}\nid: 7\n\n'
    async with answering([Say(text), End("stop")]) as (provider, _):
        assert merged(await collect(provider)) == [TextDelta(text), Finished("stop")]


async def never_gives_half_a_call(answering: Answering) -> None:
    async with answering([Say("so far"), Ask("a", "write", ('{"path": ',)), Drop()]) as (provider, _):
        events: list[ModelEvent] = []
        failure: ProviderError | None = None
        try:
            async with asyncio.timeout(BOUND):
                async for event in provider.stream(HELLO):
                    events.append(event)  # noqa: PERF401 - what came before the error counts
        except ProviderError as error:
            failure = error
        assert failure is not None, "a call cut in two must be an error"
        assert failure.retryable, "a cut connection may be tried again"
        assert merged(events) == [TextDelta("so far")], "partial text stays, the call does not come"


async def gives_text_while_the_answer_goes_on(answering: Answering) -> None:
    async with (
        answering([Say("early"), Stall()]) as (provider, gone),
        asyncio.timeout(BOUND),
        aclosing(_generator(provider)) as events,
    ):
        assert await anext(events) == TextDelta("early")
        assert not gone.is_set()


async def closing_the_iterator_drops_the_connection(answering: Answering) -> None:
    async with answering([Say("early"), Stall()]) as (provider, gone), asyncio.timeout(BOUND):
        async with aclosing(_generator(provider)) as events:
            await anext(events)
        await gone.wait()


async def cancelling_drops_the_connection(answering: Answering) -> None:
    async with answering([Say("early"), Stall()]) as (provider, gone), asyncio.timeout(BOUND):
        begun = asyncio.Event()

        async def call() -> None:
            async for _ in provider.stream(HELLO):
                begun.set()

        async with asyncio.TaskGroup() as group:
            task = group.create_task(call())
            await begun.wait()
            task.cancel()
        await gone.wait()


async def serves_many_calls_at_once(answering: Answering) -> None:
    async with answering([Say("same"), End("stop")]) as (provider, _), asyncio.timeout(BOUND):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(collect(provider)) for _ in range(20)]
        assert [task.result() for task in tasks] == [[TextDelta("same"), Finished("stop")]] * 20


def _generator(provider: Provider) -> AsyncGenerator[ModelEvent]:
    stream = provider.stream(HELLO)
    assert isinstance(stream, AsyncGenerator), "a stream can be closed"
    return cast("AsyncGenerator[ModelEvent]", stream)


PROVIDER_CHECKS: tuple[ProviderCheck, ...] = (
    gives_text_reasoning_and_usage,
    gives_calls_whole_and_in_order,
    leaves_text_that_looks_like_a_call_alone,
    never_gives_half_a_call,
    gives_text_while_the_answer_goes_on,
    closing_the_iterator_drops_the_connection,
    cancelling_drops_the_connection,
    serves_many_calls_at_once,
)
