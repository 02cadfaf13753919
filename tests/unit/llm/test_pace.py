"""Who may call when, and how long a silent read is waited for; no time passes."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from itertools import pairwise

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import Finished, ModelEvent, ModelRequest, TextDelta, Waiting
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.pace import Lane, Pace, asleep
from codewhale.testing.clocks import ManualClock
from codewhale.testing.manual_pace import ManualPace
from codewhale.testing.provider_kit import HELLO


def places(lane: Lane, count: int) -> list[float]:
    return [round(lane.place(), 3) for _ in range(count)]


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    lane = Lane(ManualClock(), per_second=8, burst=16)
    assert places(lane, 20) == [0.0] * 16 + [0.125, 0.25, 0.375, 0.5]


def test_a_lane_that_was_quiet_has_its_burst_again() -> None:
    clock = ManualClock()
    lane = Lane(clock, per_second=1, burst=2)
    assert places(lane, 3) == [0.0, 0.0, 1.0]
    clock.advance(10)
    assert places(lane, 3) == [0.0, 0.0, 1.0]


def test_after_a_refusal_all_wait_and_then_go_one_by_one() -> None:
    clock = ManualClock()
    lane = Lane(clock, per_second=8, burst=16)
    lane.hold(30)
    lane.hold(2)
    assert places(lane, 3) == [30.0, 30.125, 30.25]
    clock.advance(40)
    assert places(lane, 2) == [0.0, 0.0]


class SilentAdapter:
    """Says `hi`, then nothing, for as many attempts as told; then answers."""

    name = "acme"

    def __init__(self, silent: int) -> None:
        self._silent = silent

    async def attempt(self, request: ModelRequest) -> AsyncGenerator[Sequence[ModelEvent]]:
        yield ()
        yield (TextDelta("hi"),)
        self._silent -= 1
        if self._silent >= 0:
            await asyncio.Event().wait()
        yield (Finished("stop"),)

    async def close(self) -> None:
        pass


async def run(provider: GuardedProvider) -> list[ModelEvent | str]:
    events: list[ModelEvent | str] = []
    try:
        async for event in provider.stream(HELLO):
            events.append(event)  # noqa: PERF401 - what came before the error counts
    except ProviderError as error:
        events.append(error.message)
    return events


async def test_silence_is_waited_for_as_long_as_set_and_not_longer() -> None:
    pace = ManualPace()
    provider = GuardedProvider(SilentAdapter(1), Limits(idle_timeout=300, retries=0), pace.clock, pace.pace)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(run(provider))
        await pace.advance(299)
        assert not task.done()
        await pace.advance(1)
    assert task.result() == [TextDelta("hi"), "acme sent nothing for 300 s."]


async def test_a_connection_that_did_not_survive_the_machines_sleep_is_given_up_soon() -> None:
    pace = ManualPace()
    provider = GuardedProvider(SilentAdapter(1), Limits(idle_timeout=300), pace.clock, pace.pace)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(run(provider))
        await pace.advance(1)
        pace.suspend(3600)
        await pace.advance(30)
        await pace.advance(1)
    reason = "The connection to acme is silent, after this machine had slept for 3600 s"
    assert task.result() == [
        TextDelta("hi"),
        Waiting(attempt=2, attempts=4, delay=1.0, reason=reason, partial=True),
        TextDelta("hi"),
        Finished("stop"),
    ]


async def test_a_clock_that_is_set_changes_no_time_limit() -> None:
    pace = ManualPace()
    provider = GuardedProvider(SilentAdapter(1), Limits(idle_timeout=300, retries=0), pace.clock, pace.pace)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(run(provider))
        for jump in (-3 * 86400, 400 * 86400):
            pace.clock.jump(jump)
            await pace.advance(100)
            assert not task.done()
        await pace.advance(100)
    assert task.result()[-1] == "acme sent nothing for 300 s."


async def test_calls_to_one_endpoint_share_its_lane() -> None:
    pace = ManualPace(at_once=True)
    lane = Lane(pace.clock, per_second=2, burst=1)
    providers = [GuardedProvider(SilentAdapter(0), Limits(), pace.clock, pace.pace, lane) for _ in range(3)]
    told = [await run(provider) for provider in providers]
    assert [len(events) for events in told] == [2, 2, 2]
    assert pace.delays == [0.5, 0.5]


class OverloadedAdapter:
    """Refuses always; `asked` has the times at which it was asked."""

    name = "acme"

    def __init__(self, pace: ManualPace) -> None:
        self.asked: list[float] = []
        self._pace = pace

    async def attempt(self, request: ModelRequest) -> AsyncGenerator[Sequence[ModelEvent]]:
        self.asked.append(self._pace.clock.monotonic())
        yield ()
        raise ProviderError("busy", category="overloaded")

    async def close(self) -> None:
        pass


async def test_ten_threads_that_are_refused_make_no_storm() -> None:
    pace = ManualPace()
    adapter = OverloadedAdapter(pace)
    lane = Lane(pace.clock)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        providers = [GuardedProvider(adapter, Limits(), pace.clock, pace.pace, lane) for _ in range(10)]
        tasks = [group.create_task(run(provider)) for provider in providers]
        await pace.advance(60)
    assert [task.result()[-1] for task in tasks] == ["busy. Tried 4 times."] * 10
    assert len(adapter.asked) == 40
    assert adapter.asked[:3] == [0.0, 1.0, 1.125]
    assert all(later - earlier >= 0.125 for earlier, later in pairwise(adapter.asked))


def test_the_machine_knows_how_long_it_slept() -> None:
    assert asleep() >= -1e-3
    assert Pace().asleep is asleep
