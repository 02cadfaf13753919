"""Waiting on a clock that a test moves: nothing here waits for the machine's time.

`advance` moves a `ManualClock` and lets everything run that was due by then, limit by limit.
"""

import asyncio

from codewhale.testing.clocks import ManualClock

SETTLE = 50
"""Rounds of the event loop that what was woken gets before the next limit is looked at."""


class ManualWaiter:
    """`work.port.Waiter` on a `ManualClock`."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self._due: dict[asyncio.Event, float] = {}

    async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
        if woken.is_set():
            return True
        if seconds is None:
            return await woken.wait()
        over = asyncio.Event()
        self._due[over] = self._clock.monotonic() + seconds
        try:
            async with asyncio.TaskGroup() as group:
                waits = [group.create_task(woken.wait()), group.create_task(over.wait())]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            self._due.pop(over, None)
        return woken.is_set()

    @property
    def waiting(self) -> int:
        """How many wait for a limit now."""
        return len(self._due)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass; what falls due on the way is woken at its time and runs before more time passes."""
        end = self._clock.monotonic() + seconds
        while True:
            await self._settle()
            due = min(self._due.values(), default=end)
            due = min(due, end)
            self._clock.advance(max(due - self._clock.monotonic(), 0.0))
            now = self._clock.monotonic()
            over = [event for event, at in self._due.items() if at <= now]
            if not over:
                return
            for event in over:
                event.set()
                self._due.pop(event, None)

    async def _settle(self) -> None:
        for _ in range(SETTLE):
            await asyncio.sleep(0)  # noqa: TID251 - lets others run, waits for nothing


class StepWaiter:
    """`work.port.Waiter` that lets no time pass by itself: who waits is woken by its event, or by `look`, as if its
    seconds were over. For tests of who sleeps how long, and of clocks that jump."""

    def __init__(self) -> None:
        self._asleep: dict[asyncio.Event, tuple[float | None, asyncio.Event]] = {}
        self._news = asyncio.Event()

    async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
        if woken.is_set():
            return True
        over = asyncio.Event()
        self._asleep[woken] = (seconds, over)
        self._news.set()
        try:
            async with asyncio.TaskGroup() as group:
                waits = [group.create_task(woken.wait()), group.create_task(over.wait())]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            self._asleep.pop(woken, None)
        return woken.is_set()

    async def asleep(self, woken: asyncio.Event) -> float | None:
        """Wait until somebody waits for this event and it is not set; the seconds that they were ready to wait."""
        while True:
            self._news.clear()
            found = self._asleep.get(woken)
            if found is not None and not woken.is_set() and not found[1].is_set():
                return found[0]
            await self._news.wait()

    async def look(self, woken: asyncio.Event) -> float | None:
        """Let the sleeper look at the world again, and wait until it sleeps anew; the seconds of that sleep."""
        await self.asleep(woken)
        self._asleep[woken][1].set()
        return await self.asleep(woken)
