"""A runtime with one automation that is due every minute, in a time that runs 600 times as fast, until it is killed.

Arguments: a folder, the real time that is the beginning, and `stop` to let everything come to its end and leave.
"""

import asyncio
import sys
import time

from codewhale.domain.automations import NewAutomation
from codewhale.domain.ports import RandomIds, timestamp
from codewhale.engine.ports import Ports
from codewhale.runtime.group import task_group
from codewhale.runtime.outside import Model, Outside
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.standing import Standing
from codewhale.runtime.threads import Defaults
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scripted_provider import ScriptedProvider
from codewhale.work.port import TimeoutWaiter
from codewhale.workspace.processes import Processes

SPEED = 600
BEGINNING = 1_767_225_600.0
SCRIPT = '[[turn]]\n[[turn.reply]]\ntext = "Done."\n'


class FastClock:
    """All clocks of this world."""

    def __init__(self, began: float) -> None:
        self._began = began

    def now(self) -> str:
        return self.later(0)

    def later(self, seconds: float) -> str:
        return timestamp(BEGINNING + (time.time() - self._began) * SPEED + seconds)

    def monotonic(self) -> float:
        return time.monotonic() * SPEED


class FastWaiter(TimeoutWaiter):
    """Sleeps as long as it seems there."""

    async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
        return await super().until(woken, None if seconds is None else seconds / SPEED)


async def main(folder: str, began: float, *, stop: bool) -> None:
    clock = FastClock(began)
    store = SqliteStore.open(f"{folder}/data", clock=clock)
    model = ScriptedProvider.from_toml(SCRIPT)
    processes = Processes({"PATH": "/usr/bin:/bin"})
    async with task_group() as group:
        runtime = Runtime(
            Ports(store=store, clock=clock, ids=RandomIds()),
            Defaults(model="scripted", workspace=folder),
            Outside(
                models=lambda name, _: Model(provider=model, name=name),
                processes=processes,
                waiter=FastWaiter(),
                standing=Standing(unconfined=True),
            ),
            group,
        )
        await runtime.recover()
        if not await runtime.automations.listed():
            new = NewAutomation(
                name="each minute", prompt="go", rrule="FREQ=CRON;EXPR=* * * * *", misfire="all", timezone="UTC"
            )
            await runtime.automations.create(new)
        runtime.tasks.start()
        if not stop:
            runtime.automations.start()
        print("ready", flush=True)
        if not stop:
            await asyncio.Event().wait()
        for row in store.automations.open_occurrences():
            if row.task_id is not None:
                await runtime.tasks.ended(row.task_id)
        runtime.stop()
    await store.append([])
    processes.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), stop=sys.argv[3:] == ["stop"]))
