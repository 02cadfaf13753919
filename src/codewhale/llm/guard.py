"""Retries and limits around one adapter, so that every provider fails the same way and in bounded time.

A request is sent again while nothing of its answer was acted on: before its calls were given out. What a broken answer said
stays said, marked as superseded; the new answer begins from nothing. The budget of attempts and of time only shrinks, each
wait is announced, and calls to one endpoint keep their distance. Limits of time are counted on a clock that tests own.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import (
    CallReady,
    Finished,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    Waiting,
)
from codewhale.domain.ports import Clock
from codewhale.llm.dialects.port import Adapter, Batches
from codewhale.llm.pace import SLEPT_SECONDS, Lane, Pace, Patience

WORTH_RETRYING = frozenset({"network", "timeout", "rate_limit", "overloaded", "server"})
"""`quota` is left out: no wait of ours refills an account."""
HOLDS_ALL = frozenset({"rate_limit", "overloaded"})
"""Refusals that speak to every caller of the endpoint."""

OPEN_TIMEOUT = 45.0
TOLD_SECONDS = 1.0
"""A wait for one's place that is shorter than this is nobody's concern."""


class Limits(Struct, frozen=True, kw_only=True):
    """Seconds, characters and attempts of one model call.

    `open_timeout` runs until the response head (None: the route's own, else 45), `idle_timeout` between reads,
    `wall_clock` over everything, waits included. A wait is `first_delay` doubled per retry up to `max_delay`, or what the
    provider asked for up to the same cap, plus up to `jitter` of it. Calls to one endpoint: `burst` at once, then
    `per_second`.
    """

    open_timeout: float | None = None
    idle_timeout: float = 300.0
    wall_clock: float = 1800.0
    max_chars: int = 10 * 1024 * 1024
    retries: int = 3
    first_delay: float = 1.0
    max_delay: float = 60.0
    jitter: float = 0.1
    per_second: float = 8.0
    burst: int = 16


class GuardedProvider:
    """A `Provider` over an adapter. One value serves any number of streams at once; `lane` is shared by all providers of one
    endpoint."""

    def __init__(
        self, adapter: Adapter, limits: Limits, clock: Clock, pace: Pace | None = None, lane: Lane | None = None
    ) -> None:
        self._adapter = adapter
        self._limits = limits
        self._clock = clock
        self._pace = pace or Pace()
        self._lane = lane or Lane(clock, limits.per_second, limits.burst)

    @property
    def name(self) -> str:
        return self._adapter.name

    async def close(self) -> None:
        await self._adapter.close()

    async def stream(self, request: ModelRequest) -> AsyncIterator[ModelEvent]:
        budget = _Budget(self.name, self._limits, self._clock)
        while True:
            place = self._place(budget)
            if place is not None:
                if place.delay >= TOLD_SECONDS:
                    yield place
                await self._pace.sleep(place.delay)
            slept = self._pace.asleep()
            try:
                async with aclosing(self._adapter.attempt(request)) as batches:
                    batch = await self._next(batches, budget, opened=False)
                    while batch is not None:
                        budget.take(batch)
                        for event in batch:
                            yield event
                        batch = await self._next(batches, budget, opened=True)
                return
            except ProviderError as error:
                waiting = self._again(error, budget, self._pace.asleep() - slept)
                if waiting is None:
                    raise budget.spent(error) from error.__cause__
            yield waiting
            await self._pace.sleep(waiting.delay)

    def _place(self, budget: "_Budget") -> Waiting | None:
        """The wait for this call's place among those to its endpoint, None when it can be made now."""
        delay = self._lane.place()
        if delay <= 0:
            return None
        reason = f"Calls to {self.name} are spaced out"
        if delay >= budget.left():
            raise ProviderError(
                f"{reason}, and there was no place for this one within {self._limits.wall_clock:g} s.",
                category="rate_limit",
                hint="Run fewer threads at once.",
            )
        return Waiting(attempt=budget.attempt, attempts=self._limits.retries + 1, delay=delay, reason=reason)

    def _again(self, error: ProviderError, budget: "_Budget", slept: float) -> Waiting | None:
        """The wait before the next attempt, None when there is none."""
        limits = self._limits
        asked = error.retry_after
        if error.category in HOLDS_ALL:
            self._lane.hold(min(limits.first_delay if asked is None else asked, limits.max_delay))
        if budget.acted or error.category not in WORTH_RETRYING or budget.attempt > limits.retries:
            return None
        delay = limits.first_delay * 2 ** (budget.attempt - 1) if asked is None else asked
        delay = min(delay, limits.max_delay)
        delay += delay * limits.jitter * self._pace.chance()
        if delay >= budget.left():
            return None
        partial = budget.next_attempt()
        reason = error.message
        if slept > SLEPT_SECONDS:
            reason = f"{reason.rstrip(chr(46))}, after this machine had slept for {slept:.0f} s"
        return Waiting(attempt=budget.attempt, attempts=limits.retries + 1, delay=delay, reason=reason, partial=partial)

    async def _next(self, batches: Batches, budget: "_Budget", *, opened: bool) -> Sequence[ModelEvent] | None:
        """The next batch within what is left, None at the end."""
        seconds = budget.next_wait(opened=opened)
        if seconds <= 0:
            raise budget.expired(opened=opened)
        limit = asyncio.timeout(None)
        patience = Patience(self._pace, seconds, lambda: limit.reschedule(0.0))
        try:
            async with limit:
                return await anext(batches, None)
        except TimeoutError as error:
            if patience.slept:
                raise budget.cut_by_sleep() from error
            raise budget.expired(opened=opened) from error
        finally:
            patience.end()


class _Budget:
    """What one call may still use, and what came of it."""

    def __init__(self, name: str, limits: Limits, clock: Clock) -> None:
        self.attempt = 1
        self.acted = False
        self._spoke = False
        self._name = name
        self._limits = limits
        self._clock = clock
        self._deadline = clock.monotonic() + limits.wall_clock
        self._chars = 0

    def left(self) -> float:
        """Seconds until the wall clock limit."""
        return self._deadline - self._clock.monotonic()

    def next_attempt(self) -> bool:
        """Begin anew; whether the attempt before had said something."""
        spoke, self._spoke = self._spoke, False
        self.attempt += 1
        return spoke

    def take(self, batch: Sequence[ModelEvent]) -> None:
        """Count what is about to be yielded."""
        if not batch:
            return
        self._spoke = True
        for event in batch:
            if isinstance(event, (TextDelta, ReasoningDelta)):
                self._chars += len(event.text)
            elif isinstance(event, CallReady):
                self._chars += len(event.call.arguments)
            self.acted = self.acted or isinstance(event, (CallReady, Finished))
        if self._chars > self._limits.max_chars:
            raise ProviderError(
                f"The answer of {self._name} is longer than {self._limits.max_chars} characters.",
                category="protocol",
                hint="Ask for less at once.",
            )

    def next_wait(self, *, opened: bool) -> float:
        """Seconds that the next read may take."""
        return max(min(self._limit(opened=opened), self.left()), 0.0)

    def spent(self, error: ProviderError) -> ProviderError:
        """The last error, with how often it was tried."""
        if self.attempt == 1:
            return error
        return ProviderError(
            f"{error.message.rstrip(chr(46))}. Tried {self.attempt} times.",
            category=error.category,
            status=error.status,
            retry_after=error.retry_after,
            hint=error.hint,
        )

    def cut_by_sleep(self) -> ProviderError:
        """The connection said nothing any more after the machine had slept."""
        return ProviderError(
            f"The connection to {self._name} is silent.",
            category="network",
            hint="The machine was asleep during the call; try again.",
        )

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
