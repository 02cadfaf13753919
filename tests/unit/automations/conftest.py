"""`works` opens a runtime with its scheduler and its tasks, over a log on disk that can be opened again; the clock moves only
when told, and nobody sleeps for real."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codewhale.domain.automations import OPEN_OCCURRENCES, Automation, NewAutomation, Occurrence
from codewhale.domain.laws import violations
from codewhale.domain.ports import RandomIds
from codewhale.engine.ports import Ports
from codewhale.runtime.group import task_group
from codewhale.runtime.outside import Model, Outside
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.standing import Standing
from codewhale.runtime.threads import Defaults
from codewhale.store.check import check
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock
from codewhale.testing.scripted_provider import ScriptedProvider
from codewhale.testing.waiters import StepWaiter
from codewhale.work.schedule import instant
from codewhale.workspace.processes import Processes

BOUND = 10.0
SCRIPT = '[[turn]]\n[[turn.reply]]\ntext = "Done."\n'


class Works:
    """A runtime at work."""

    def __init__(self, runtime: Runtime, store: SqliteStore, clock: ManualClock, waiter: StepWaiter) -> None:
        self.runtime = runtime
        self.store = store
        self.clock = clock
        self.waiter = waiter
        self.automations = runtime.automations
        self._woken = runtime.tasks.ledger.changed

    async def add(self, rrule: str, **fields: Any) -> Automation:
        given: dict[str, Any] = {"name": "Sweep", "prompt": "sweep", "timezone": "UTC", **fields}
        return await self.automations.create(NewAutomation(rrule=rrule, **given))

    async def pass_time(self, seconds: float) -> None:
        """Time passes, and the scheduler looks."""
        self.clock.advance(seconds)
        await self.waiter.look(self._woken)

    async def set_clock(self, to: str) -> None:
        """Somebody sets the wall clock, and the scheduler looks."""
        self.clock.jump((instant(to) - instant(self.clock.now())).total_seconds())
        await self.waiter.look(self._woken)

    async def asleep(self) -> float | None:
        return await self.waiter.asleep(self._woken)

    def rows(self, automation: Automation) -> list[Occurrence]:
        """The ledger, oldest first."""
        return self.store.automations.occurrences(automation.id, None)[::-1]

    async def settled(self, automation: Automation) -> list[Occurrence]:
        """The ledger once no run is open; wakes with every row that changes."""
        ledger = self.runtime.tasks.ledger
        async with asyncio.timeout(BOUND):
            subscription = self.store.subscribe(automation.id, after=0)
            async for _ in subscription:
                rows = self.rows(automation)
                waits = any(row.automation_id == automation.id for row in ledger.open.values())
                if rows and not waits and not any(row.status in OPEN_OCCURRENCES for row in rows):
                    break
            await subscription.aclose()
        return self.rows(automation)

    async def until(self, automation: Automation, status: str) -> Occurrence:
        """The first row that has this status, as soon as there is one."""
        async with asyncio.timeout(BOUND):
            subscription = self.store.subscribe(automation.id, after=0)
            async for _ in subscription:
                found = [row for row in self.rows(automation) if row.status == status]
                if found:
                    await subscription.aclose()
                    return found[0]
        raise AssertionError("a subscription does not end")

    async def now(self, automation: Automation) -> Automation:
        return await self.automations.get(automation.id)


Open = Callable[..., AbstractAsyncContextManager[Works]]


@pytest.fixture
def works(tmp_path: Path) -> Open:
    """`works(clock=..., script=..., working=True)`; opened again, it finds what was there."""

    @asynccontextmanager
    async def opened(
        clock: ManualClock | None = None, *, script: str = SCRIPT, working: bool = True
    ) -> AsyncGenerator[Works, None]:
        clock = clock or ManualClock()
        waiter = StepWaiter()
        store = SqliteStore.open(str(tmp_path / "data"), clock=clock)
        model = ScriptedProvider.from_toml(script)
        processes = Processes({"PATH": "/usr/bin:/bin"})
        try:
            async with asyncio.timeout(30), task_group() as group:
                runtime = Runtime(
                    Ports(store=store, clock=clock, ids=RandomIds()),
                    Defaults(model="scripted", workspace=str(tmp_path)),
                    Outside(
                        models=lambda name, _: Model(provider=model, name=name),
                        processes=processes,
                        waiter=waiter,
                        standing=Standing(unconfined=True),
                    ),
                    group,
                )
                await runtime.recover()
                found = Works(runtime, store, clock, waiter)
                if working:
                    runtime.tasks.start()
                    runtime.automations.start()
                    await found.asleep()
                yield found
                runtime.stop()
            await store.append([])
            for stream in {event.thread_id for event in store.read(None, after=0, limit=1_000_000)}:
                assert violations(store.read(stream, after=0, limit=1_000_000)) == []
            assert check(store) == []
        finally:
            processes.close()
            store.close()

    return opened
