"""How time passes around a model call, and who may call when. Tests bring their own time.

A `Lane` spaces the calls to one endpoint: a burst, then so many a second; a refusal holds everybody back, and who was held
goes on one by one. A `Patience` ends a silent read, sooner when the machine slept meanwhile: then the peer has hung up.
"""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from codewhale.domain.ports import Clock

LOOK_SECONDS = 15.0
"""How often a silent read looks whether the machine slept; also what a connection then gets to say something."""
SLEPT_SECONDS = 5.0
"""Less than this is no sleep that a connection would not survive."""


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None: ...


async def pause(seconds: float) -> None:
    """Back-off: the one wait that nothing but time can end."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    timer = loop.call_later(seconds, over.set_result, None)
    try:
        await over
    finally:
        timer.cancel()


def later(seconds: float, callback: Callable[[], None]) -> Timer:
    """Call back when `seconds` have passed."""
    return asyncio.get_running_loop().call_later(seconds, callback)


def asleep() -> float:
    """Seconds that this machine has been suspended for since it was started; 0 where that cannot be known. Clocks that
    people and servers set have no part in it."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC) - time.clock_gettime(time.CLOCK_UPTIME_RAW)
    return 0.0


class Pace(Struct, frozen=True, kw_only=True):
    """How waiting happens: `sleep` for back-off, `timer` for limits; `chance` gives a number from 0 to 1, `asleep` the
    seconds that the machine was suspended for so far."""

    sleep: Callable[[float], Awaitable[None]] = pause
    timer: Callable[[float, Callable[[], None]], Timer] = later
    chance: Callable[[], float] = lambda: int.from_bytes(os.urandom(4)) / 0xFFFFFFFF
    asleep: Callable[[], float] = asleep


class Lane:
    """The calls to one endpoint, whatever thread makes them: at most `burst` at once and `per_second` from then on."""

    def __init__(self, clock: Clock, per_second: float = 8.0, burst: int = 16) -> None:
        self._clock = clock
        self._interval = 1 / per_second
        self._tolerance = (burst - 1) * self._interval
        self._next = clock.monotonic()

    def place(self) -> float:
        """Take the next place; the seconds until it comes. A place that is not used is lost."""
        now = self._clock.monotonic()
        at = max(self._next - self._tolerance, now)
        self._next = max(self._next, now) + self._interval
        return at - now

    def hold(self, seconds: float) -> None:
        """The endpoint wants to be left alone: no place comes before, and after it they come one at a time."""
        self._next = max(self._next, self._clock.monotonic() + seconds + self._tolerance)


class Patience:
    """Calls `over` once, when `seconds` have passed without `end`. `slept` is how long the machine was suspended for
    meanwhile, as far as that was noticed."""

    def __init__(self, pace: Pace, seconds: float, over: Callable[[], None]) -> None:
        self.slept = 0.0
        self._pace = pace
        self._left = seconds
        self._over = over
        self._asleep = pace.asleep()
        self._timer = self._armed()

    def end(self) -> None:
        """What was waited for has come."""
        self._timer.cancel()

    def _armed(self) -> Timer:
        step = min(self._left, LOOK_SECONDS)
        self._left -= step
        return self._pace.timer(step, self._look)

    def _look(self) -> None:
        slept = self._pace.asleep() - self._asleep
        if not self.slept and slept > SLEPT_SECONDS:
            self.slept = slept
            self._left = min(self._left, LOOK_SECONDS)
        if self._left <= 0:
            self._over()
        else:
            self._timer = self._armed()
