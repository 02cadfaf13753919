"""Retries and limits around one adapter, so that every provider fails the same way and in bounded time.

A request is sent again only while nothing of an answer was yielded; the budget of attempts and of time only shrinks; each
wait is announced. Partial output before an error stays valid. Limits of time are counted on a clock that tests own.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing

from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import CallReady, ModelEvent, ModelRequest, ReasoningDelta, TextDelta, Waiting
from codewhale.domain.ports import Clock
from codewhale.llm.dialects.port import Adapter, Batches

WORTH_RETRYING = frozenset({"network", "timeout", "rate_limit", "overloaded", "server"})
"""`quota` is left out: no wait of ours refills an account."""


OPEN_TIMEOUT = 45.0


class Limits(Struct, frozen=True, kw_only=True):
    """Seconds, characters and attempts of one model call.

    `open_timeout` runs until the response head (None: the route's own, else 45), `idle_timeout` between reads,
    `wall_clock` over everything, waits included. A wait is `first_delay` doubled per retry up to `max_delay`, or what the
    provider asked for up to the same cap, plus up to `jitter` of it.
    """

    open_timeout: float | None = None
    idle_timeout: float = 300.0
    wall_clock: float = 1800.0
    max_chars: int = 10 * 1024 * 1024
    retries: int = 3
    first_delay: float = 1.0
    max_delay: float = 60.0
    jitter: float = 0.1


async def pause(seconds: float) -> None:
    """Back-off: the one wait that nothing but time can end."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    timer = loop.call_later(seconds, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


class Pace(Struct, frozen=True, kw_only=True):
    """How waiting happens: `sleep` seconds; `chance` gives a number from 0 to 1. Tests bring their own."""

    sleep: Callable[[float], Awaitable[None]] = pause
    chance: Callable[[], float] = lambda: int.from_bytes(os.urandom(4)) / 0xFFFFFFFF


class GuardedProvider:
    """A `Provider` over an adapter. One value serves any number of streams at once."""

    def __init__(self, adapter: Adapter, limits: Limits, clock: Clock, pace: Pace | None = None) -> None:
        self._adapter = adapter
        self._limits = limits
        self._clock = clock
        self._pace = pace or Pace()

    @property
    def name(self) -> str:
        return self._adapter.name

    async def close(self) -> None:
        await self._adapter.close()

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        limits = self._limits
        budget = _Budget(self.name, limits, self._clock)
        for attempt in range(1, limits.retries + 2):
            try:
                async with aclosing(self._adapter.attempt(request)) as batches:
                    batch = await _next(batches, budget, opened=False)
                    while batch is not None:
                        budget.take(batch)
                        for event in batch:
                            yield event
                        batch = await _next(batches, budget, opened=True)
                return
            except ProviderError as error:
                waiting = self._again(error, attempt, budget)
                if waiting is None:
                    raise
            yield waiting
            await self._pace.sleep(waiting.delay)

    def _again(self, error: ProviderError, attempt: int, budget: "_Budget") -> Waiting | None:
        """The wait before the next attempt, None when there is none."""
        limits = self._limits
        if budget.answered or error.category not in WORTH_RETRYING or attempt > limits.retries:
            return None
        asked = error.retry_after
        delay = limits.first_delay * 2 ** (attempt - 1) if asked is None else asked
        delay = min(delay, limits.max_delay)
        delay += delay * limits.jitter * self._pace.chance()
        if delay >= budget.left():
            return None
        return Waiting(attempt=attempt + 1, attempts=limits.retries + 1, delay=delay, reason=error.message)


class _Budget:
    """What one call may still use."""

    def __init__(self, name: str, limits: Limits, clock: Clock) -> None:
        self.answered = False
        self._name = name
        self._limits = limits
        self._clock = clock
        self._deadline = clock.monotonic() + limits.wall_clock
        self._chars = 0

    def left(self) -> float:
        """Seconds until the wall clock limit."""
        return self._deadline - self._clock.monotonic()

    def take(self, batch: Sequence[ModelEvent]) -> None:
        """Count what is about to be yielded."""
        if not batch:
            return
        self.answered = True
        for event in batch:
            if isinstance(event, (TextDelta, ReasoningDelta)):
                self._chars += len(event.text)
            elif isinstance(event, CallReady):
                self._chars += len(event.call.arguments)
        if self._chars > self._limits.max_chars:
            raise ProviderError(
                f"The answer of {self._name} is longer than {self._limits.max_chars} characters.",
                category="protocol",
                hint="Ask for less at once.",
            )

    def next_wait(self, *, opened: bool) -> float:
        """Seconds that the next read may take."""
        return max(min(self._limit(opened=opened), self.left()), 0.0)

    def expired(self, *, opened: bool) -> ProviderError:
        """Why a read was given up."""
        seconds = self._limit(opened=opened)
        if self.left() < seconds:
            what = f"did not finish within {self._limits.wall_clock:g} s"
        elif opened:
            what = f"sent nothing for {seconds:g} s"
        else:
            what = f"did not begin to answer within {seconds:g} s"
        return ProviderError(
            f"{self._name} {what}.",
            category="timeout",
            hint="Try again, choose another model, or raise the time limit.",
        )

    def _limit(self, *, opened: bool) -> float:
        return self._limits.idle_timeout if opened else self._limits.open_timeout or OPEN_TIMEOUT


async def _next(batches: Batches, budget: _Budget, *, opened: bool) -> Sequence[ModelEvent] | None:
    """The next batch within what is left, None at the end."""
    seconds = budget.next_wait(opened=opened)
    if seconds <= 0:
        raise budget.expired(opened=opened)
    try:
        async with asyncio.timeout(seconds):
            return await anext(batches, None)
    except TimeoutError as error:
        raise budget.expired(opened=opened) from error
