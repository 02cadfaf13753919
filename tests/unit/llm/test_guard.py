"""Retries, waits and limits around an adapter that plays what it is told; no time passes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import pytest

from codewhale.domain.errors import ProviderCategory, ProviderError
from codewhale.domain.messages import CallReady, Finished, ModelEvent, ModelRequest, ReasoningDelta, TextDelta, Waiting
from codewhale.domain.records import ToolCall
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.pace import Pace, pause
from codewhale.testing.chat_player import Waits
from codewhale.testing.clocks import ManualClock
from codewhale.testing.provider_kit import HELLO

Attempt = Sequence[tuple[ModelEvent, ...] | ProviderError | float]
ANSWER: Attempt = ((), (TextDelta("hi"),), (), (Finished("stop"),))


class PlayedAdapter:
    """Plays one script per attempt; a float moves the clock."""

    name = "acme"

    def __init__(self, *attempts: Attempt, clock: ManualClock | None = None) -> None:
        self.attempts = 0
        self.closed = False
        self._scripts = attempts
        self._clock = clock or ManualClock()

    async def attempt(self, request: ModelRequest) -> AsyncGenerator[Sequence[ModelEvent]]:
        script = self._scripts[min(self.attempts, len(self._scripts) - 1)]
        self.attempts += 1
        for step in script:
            if isinstance(step, ProviderError):
                raise step
            if isinstance(step, tuple):
                yield step
            else:
                self._clock.advance(step)

    async def close(self) -> None:
        self.closed = True


def failed(category: ProviderCategory, retry_after: float | None = None) -> Attempt:
    return (ProviderError("no", category=category, retry_after=retry_after),)


async def run(provider: GuardedProvider) -> tuple[list[ModelEvent], ProviderError | None]:
    events: list[ModelEvent] = []
    try:
        async for event in provider.stream(HELLO):
            events.append(event)  # noqa: PERF401 - what came before the error counts
    except ProviderError as error:
        return events, error
    return events, None


def guarded(adapter: PlayedAdapter, waits: Waits, limits: Limits | None = None) -> GuardedProvider:
    return GuardedProvider(adapter, limits or Limits(), waits.clock, waits.pace)


@pytest.mark.parametrize("category", ["network", "timeout", "rate_limit", "overloaded", "server"])
async def test_what_may_pass_is_tried_again_with_growing_visible_waits(category: ProviderCategory) -> None:
    waits = Waits()
    adapter = PlayedAdapter(failed(category), failed(category), failed(category), ANSWER)
    events, error = await run(guarded(adapter, waits))
    assert error is None
    assert events == [
        Waiting(attempt=2, attempts=4, delay=1.0, reason="no"),
        Waiting(attempt=3, attempts=4, delay=2.0, reason="no"),
        Waiting(attempt=4, attempts=4, delay=4.0, reason="no"),
        TextDelta("hi"),
        Finished("stop"),
    ]
    assert waits.delays == [1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    "category",
    [
        "authentication",
        "authorization",
        "quota",
        "invalid_request",
        "context_length",
        "content_policy",
        "model_not_found",
    ],
)
async def test_what_will_not_change_is_not_tried_again(category: ProviderCategory) -> None:
    adapter = PlayedAdapter(failed(category))
    events, error = await run(guarded(adapter, Waits()))
    assert (events, error and error.category, adapter.attempts) == ([], category, 1)


async def test_the_budget_of_attempts_ends() -> None:
    adapter = PlayedAdapter(failed("server"))
    events, error = await run(guarded(adapter, Waits()))
    assert (len(events), error is not None, adapter.attempts) == (3, True, 4)


CUT = ProviderError("cut", category="network")


async def test_an_answer_that_broke_off_begins_anew_inside_the_same_budget() -> None:
    adapter = PlayedAdapter(((), (TextDelta("I beg"),), CUT), failed("server"), ANSWER)
    events, error = await run(guarded(adapter, Waits()))
    assert error is None
    assert events == [
        TextDelta("I beg"),
        Waiting(attempt=2, attempts=4, delay=1.0, reason="cut", partial=True),
        Waiting(attempt=3, attempts=4, delay=2.0, reason="no"),
        TextDelta("hi"),
        Finished("stop"),
    ]


async def test_an_answer_that_always_breaks_off_is_an_error_that_says_how_often_it_was_tried() -> None:
    adapter = PlayedAdapter(((), (ReasoningDelta("hm"),), CUT))
    events, error = await run(guarded(adapter, Waits()))
    assert [event for event in events if not isinstance(event, Waiting)] == [ReasoningDelta("hm")] * 4
    assert (error and error.message, adapter.attempts) == ("cut. Tried 4 times.", 4)


@pytest.mark.parametrize("given", [CallReady(ToolCall(id="a", name="b", arguments="{}")), Finished("stop")])
async def test_nothing_is_tried_again_once_it_could_be_acted_on(given: ModelEvent) -> None:
    adapter = PlayedAdapter(((), (given,), CUT))
    events, error = await run(guarded(adapter, Waits()))
    assert (events, error and error.message, adapter.attempts) == ([given], "cut", 1)


async def test_what_came_before_counts_toward_the_size_of_an_answer_that_begins_anew() -> None:
    adapter = PlayedAdapter(((), (TextDelta("x" * 60),), CUT))
    events, error = await run(guarded(adapter, Waits(), Limits(max_chars=100)))
    assert (len(events), error and error.category) == (2, "protocol")


@pytest.mark.parametrize(("asked", "waited"), [(0.0, 0.0), (2.0, 2.0), (59.0, 59.0), (86400.0, 60.0)])
async def test_what_the_provider_asks_for_is_honoured_up_to_the_cap(asked: float, waited: float) -> None:
    waits = Waits()
    await run(guarded(PlayedAdapter(failed("rate_limit", asked), ANSWER), waits))
    assert waits.delays == [waited]


async def test_jitter_spreads_upwards_only() -> None:
    waits = Waits(chance=1.0)
    await run(guarded(PlayedAdapter(failed("server"), failed("rate_limit", 10.0), ANSWER), waits))
    assert waits.delays == [1.1, 11.0]


async def test_ten_threads_make_no_storm() -> None:
    adapter = PlayedAdapter(failed("overloaded"))
    provider = guarded(adapter, Waits())
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(provider)) for _ in range(10)]
    assert all(task.result()[1] is not None for task in tasks)
    assert adapter.attempts == 40


async def test_no_wait_goes_beyond_the_wall_clock() -> None:
    clock = ManualClock()
    adapter = PlayedAdapter((95.0, ProviderError("late", category="server")), clock=clock)
    provider = GuardedProvider(adapter, Limits(wall_clock=100, first_delay=10), clock, Waits().pace)
    events, error = await run(provider)
    assert (events, error and error.message, adapter.attempts) == ([], "late", 1)


@pytest.mark.parametrize(
    "flood",
    [TextDelta("x" * 60), ReasoningDelta("x" * 60), CallReady(ToolCall(id="a", name="b", arguments="x" * 60))],
)
async def test_an_answer_without_end_is_cut(flood: ModelEvent) -> None:
    adapter = PlayedAdapter(((), (flood,), (flood,), (Finished("stop"),)))
    events, error = await run(guarded(adapter, Waits(), Limits(max_chars=100)))
    assert (events, error and error.category) == ([flood], "protocol")


async def test_cancel_works_while_waiting() -> None:
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await pause(3600)

    provider = GuardedProvider(PlayedAdapter(failed("server")), Limits(), ManualClock(), Pace(sleep=sleep))
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(run(provider))
        await waiting.wait()
        task.cancel()
    assert task.cancelled()


async def test_closing_reaches_the_adapter() -> None:
    adapter = PlayedAdapter(ANSWER)
    await guarded(adapter, Waits()).close()
    assert adapter.closed


async def test_the_default_pace_waits_and_draws() -> None:
    pace = Pace()
    async with asyncio.timeout(5):
        await pace.sleep(0)
    assert 0.0 <= pace.chance() <= 1.0
