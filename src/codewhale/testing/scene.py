"""A whole runtime for tests: scripted model, real engine and tools, a temporary workspace, time and ids that are exact.

async with scene(workspace, script) as stage:
thread = await stage.thread()
events = await stage.say(thread.id, "hello")
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager

from msgspec import Struct

from codewhale.domain.budgets import BudgetPlan
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import Event, TurnCompleted
from codewhale.domain.hooks import HookSettings
from codewhale.domain.language_servers import LspSettings
from codewhale.domain.laws import violations
from codewhale.domain.ports import SystemClock
from codewhale.domain.records import Thread
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.domain.usage import RateAt
from codewhale.engine.ports import Ports
from codewhale.engine.step import no_rate
from codewhale.runtime.budgets.door import BudgetDoor
from codewhale.runtime.edit_diagnostics import Diagnostics
from codewhale.runtime.group import task_group
from codewhale.runtime.hook_points import HookPoints
from codewhale.runtime.outside import Model, ModelSource, Outside
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.standing import Standing
from codewhale.runtime.surroundings import Surroundings
from codewhale.runtime.threads import Defaults
from codewhale.runtime.undo.wiring import Undo
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scripted_provider import ScriptedProvider
from codewhale.testing.waiters import ManualWaiter
from codewhale.workspace.processes import Processes
from codewhale.workspace.web.web import NOWHERE, Web

BOUND = 5.0
"""Seconds that a test waits for anything before it fails."""
MODEL = "scripted"


class Scene(Struct, frozen=True, kw_only=True):
    """What a test may use."""

    runtime: Runtime
    store: SqliteStore
    provider: ScriptedProvider
    workspace: str
    clock: ManualClock
    waiter: ManualWaiter

    async def thread(self, new: NewThread | None = None) -> Thread:
        """A new thread in the workspace, with the shell allowed and nothing approved by itself unless `new` says so."""
        return await self.runtime.create_thread(new or NewThread())

    async def say(self, thread_id: str, prompt: str, given: TurnInput | None = None) -> list[Event]:
        """Run a turn to its end; its events. Whoever must answer approvals does so beside it."""
        started = await self.runtime.start_turn(thread_id, given or TurnInput(prompt=prompt))
        return await self.turn(thread_id, started.turn.id)

    async def turn(self, thread_id: str, turn_id: str) -> list[Event]:
        """The events of a turn, waiting for its end."""
        return await self.until(thread_id, TurnCompleted.WIRE, turn_id)

    async def until(self, thread_id: str, event: str, turn_id: str | None = None) -> list[Event]:
        """The thread's events (of one turn, if given) up to the first one of this name."""
        found: list[Event] = []
        async with asyncio.timeout(BOUND), aclosing(self.runtime.events(thread_id)) as batches:
            async for batch in batches:
                for one in batch:
                    if turn_id is None or one.turn_id == turn_id:
                        found.append(one)
                        if one.event == event:
                            return found
        raise AssertionError("a stream of events does not end")

    def log(self, thread_id: str) -> list[Event]:
        """All events of a thread."""
        return self.store.read(thread_id, after=0, limit=1_000_000)


Stage = Callable[..., AbstractAsyncContextManager[Scene]]
"""A fixture that opens a scene for a script: `stage(script, defaults=None)`."""

SameLog = Callable[[Scene, str, str], None]
"""A fixture that compares a thread's log with a golden file: `same_log(scene, thread_id, case)`."""


class Extras(Struct, frozen=True, kw_only=True):
    """What stands around the turns: language servers, snapshots (their folder and limits), hooks, a folder for background
    processes, the web, what holds for all turns, the person's places, budgets and the price of the model. None of it by
    default, and no sandbox is asked for."""

    lsp: LspSettings = LspSettings(enabled=False)
    snapshots: tuple[str, SnapshotLimits] | None = None
    hooks: HookSettings = HookSettings()
    processes_dir: str | None = None
    web: Web = NOWHERE
    standing: Standing = Standing(unconfined=True)
    surroundings: Surroundings | None = None
    budgets: BudgetPlan | None = None
    rate: RateAt = no_rate
    models: ModelSource | None = None
    window: int | None = None
    """`models` is called instead of the scripted model in process, whose window in tokens is `window`."""


def _trusted(workspace: str, path: str, content: bytes) -> bool:
    """A project's hooks run where a line of the file says so."""
    del workspace, path
    return b"# trusted" in content


@asynccontextmanager
async def scene(
    workspace: str,
    script: str,
    *,
    environ: Mapping[str, str],
    defaults: Defaults | None = None,
    extras: Extras | None = None,
) -> AsyncGenerator[Scene, None]:
    """A runtime over an in-memory log. When it ends every thread's log must be well-formed. What stands around the
    turns is in `extras`."""
    more = extras or Extras()
    store = SqliteStore.in_memory()
    provider = ScriptedProvider.from_toml(script)
    clock = ManualClock()
    waiter = ManualWaiter(clock)
    processes = Processes(environ)
    diagnostics = Diagnostics(more.lsp, processes, lambda _: True, lambda bare, _: bare)
    undo = None if more.snapshots is None else Undo(*more.snapshots, processes, SystemClock())
    try:
        async with task_group() as group:
            points = HookPoints(more.hooks, store, processes, group, trusted=_trusted)
            runtime = Runtime(
                Ports(store=store, clock=clock, ids=SequentialIds()),
                defaults or Defaults(model=MODEL, workspace=workspace, allow_shell=True),
                Outside(
                    models=more.models
                    or (lambda model, _: Model(provider=provider, name=model, rate=more.rate, window=more.window)),
                    processes=processes,
                    waiter=waiter,
                    processes_dir=more.processes_dir,
                    standing=more.standing,
                    watchers=(*([undo.watch] if undo is not None else []), diagnostics.watch, points.watch),
                    hooks=points,
                    undo=undo,
                    diagnostics=diagnostics,
                    web=more.web,
                    surroundings=more.surroundings,
                    budgets=None if more.budgets is None else BudgetDoor(more.budgets, store),
                ),
                group,
            )
            try:
                yield Scene(
                    runtime=runtime,
                    store=store,
                    provider=provider,
                    workspace=workspace,
                    clock=clock,
                    waiter=waiter,
                )
            finally:
                runtime.stop()
                diagnostics.stop()
        await points.close()
        await diagnostics.close()
        await _settled(store)
        _check(store)
    finally:
        processes.close()
        store.close()


async def _settled(store: SqliteStore) -> None:
    """Everything appended so far is committed: an empty append comes back after all before it."""
    await store.append([])


def _check(store: SqliteStore) -> None:
    threads: dict[str, list[Event]] = {}
    for event in store.read(None, after=0, limit=1_000_000):
        threads.setdefault(event.thread_id, []).append(event)
    for thread_id, events in threads.items():
        broken = violations(events)
        assert not broken, f"{thread_id}: {broken}"
