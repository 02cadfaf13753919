"""A `Pace` on a clock that a test moves: back-off, time limits and the machine's sleep, none of it real.

`advance` lets what is under way go on, then moves the clock from one thing that falls due to the next.
"""

import asyncio
from collections.abc import Callable

from codewhale.llm.pace import Pace
from codewhale.testing.clocks import ManualClock

SETTLE = 50
"""Rounds of the event loop that what is under way gets before time passes."""


class _TickingClock(ManualClock):
    """A clock that moves when it is looked at."""

    def __init__(self, step: float) -> None:
        super().__init__()
        self._step = step

    def monotonic(self) -> float:
        if self._step:
            self.advance(self._step)
        return super().monotonic()


class _Due:
    """A timer that has not fired."""

    def __init__(self, at: float, callback: Callable[[], None], among: "set[_Due]") -> None:
        self.at = at
        self.callback = callback
        self._among = among
        among.add(self)

    def cancel(self) -> None:
        self._among.discard(self)


class ManualPace:
    """`delays` are the back-offs that were asked for; with `at_once` they are over at once and the clock has moved. `tick` is how
    much time passes by itself whenever somebody looks at the clock."""

    def __init__(self, *, at_once: bool = False, tick: float = 0.0) -> None:
        self.clock = _TickingClock(tick)
        self.delays: list[float] = []
        self.sleeping = asyncio.Event()
        self._at_once = at_once
        self._due: set[_Due] = set()
        self._suspended = 0.0
        self.pace = Pace(sleep=self._sleep, timer=self._timer, chance=lambda: 0.0, asleep=lambda: self._suspended)

    def suspend(self, seconds: float) -> None:
        """The machine slept: monotonic time stood still."""
        self._suspended += seconds

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; what falls due on the way happens at its time."""
        end = self.clock.monotonic() + seconds
        while True:
            await settled()
            first = min(self._due, key=lambda due: due.at, default=None)
            at = end if first is None else min(first.at, end)
            self.clock.advance(max(at - self.clock.monotonic(), 0.0))
            if first is None or first.at > end:
                await settled()
                return
            first.cancel()
            first.callback()

    async def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        if self._at_once:
            self.clock.advance(seconds)
            return
        over = asyncio.Event()
        due = self._timer(seconds, over.set)
        self.sleeping.set()
        try:
            await over.wait()
        finally:
            due.cancel()

    def _timer(self, seconds: float, callback: Callable[[], None]) -> _Due:
        return _Due(self.clock.monotonic() + seconds, callback, self._due)


async def settled() -> None:
    """Everything that is under way has gone as far as it goes without time."""
    for _ in range(SETTLE):
        await asyncio.sleep(0)  # noqa: TID251 - lets others run, waits for nothing
