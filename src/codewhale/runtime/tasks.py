"""Tasks in the owning process: `client_tasks.TaskClient` for surfaces, `work.port.TaskQueue` for automations.

Records are folded from the log when they are asked for. Every command first mends a log that has failed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from msgspec.structs import replace

from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.events import NewEvent, TaskUpdated
from codewhale.domain.ports import is_id
from codewhale.domain.task_record import TaskRecord, TaskText
from codewhale.domain.tasks import OPEN_TASKS, NewTask, Task, TaskChange, TaskFilter, TaskList, TaskOrigin
from codewhale.engine.ports import Ports
from codewhale.runtime.threads import Defaults
from codewhale.store.port import Store, Ticket
from codewhale.work.ledger import Ledger
from codewhale.work.port import TaskWatcher, TurnRunner, Waiter
from codewhale.work.tasks import TaskDefaults
from codewhale.work.tasks_pool import PoolSetup, TaskPool
from codewhale.work.tasks_record import ROOT, TaskSources, record_of, text_of

CHANGES = 1000
"""More changes than a task can have."""
SHOWN = 80


class Owner(TurnRunner, Protocol):
    """The runtime, as far as its tasks need it."""

    @property
    def defaults(self) -> Defaults: ...


def open_tasks(
    runtime: Owner, ports: Ports, waiter: Waiter, group: asyncio.TaskGroup, heal: Callable[[], Awaitable[None]]
) -> "RuntimeTasks":
    """The tasks of `runtime`; they run in `group`."""
    given = runtime.defaults
    setup = PoolSetup(
        turns=runtime,
        defaults=TaskDefaults(model=given.model, workspace=given.workspace, allow_shell=given.allow_shell),
        limits=given.tasks,
        waiter=waiter,
    )
    return RuntimeTasks(ports, TaskPool(ports, setup, group), heal)


class RuntimeTasks:
    """The tasks of one data directory. `ledger` follows those that automations queue, from the first on."""

    def __init__(self, ports: Ports, pool: TaskPool, heal: Callable[[], Awaitable[None]]) -> None:
        self._store: Store = ports.store
        self._pool = pool
        self._heal = heal
        self.ledger = Ledger(ports, self)

    async def add(self, new: NewTask) -> TaskRecord:
        task = await self.enqueue(new)
        return record_of(TaskSources(task=task, changes=((task.created_at, "queued"),)))

    async def listed(self, filter: TaskFilter) -> TaskList:
        return await asyncio.to_thread(self._store.tasks.listed, filter)

    async def record(self, name: str) -> TaskRecord:
        return record_of(await asyncio.to_thread(self._sources, self._resolve(name)))

    async def cancel(self, name: str) -> TaskRecord:
        task = await self.cancel_task(self._resolve(name))
        return await self.record(task.id)

    async def text(self, name: str, path: str) -> TaskText:
        sources = await asyncio.to_thread(self._sources, self._resolve(name))
        found = text_of(sources, path)
        if found is None:
            raise NotFound(f"Task {sources.task.id} has no artifact '{path[:SHOWN]}'")
        if not isinstance(found, str):
            digest, kept = found
            blob = await asyncio.to_thread(self._store.get_blob, digest)
            found = kept if blob is None else blob.decode("utf-8", "replace")
        return TaskText(path=ROOT + path.removeprefix(ROOT), text=found)

    async def begun(self, name: str) -> TaskRecord:
        return await self._once(name, lambda task: task.turn_id is not None or task.status not in OPEN_TASKS)

    async def ended(self, name: str) -> TaskRecord:
        return await self._once(name, lambda task: task.status not in OPEN_TASKS)

    async def _once(self, name: str, reached: Callable[[Task], bool]) -> TaskRecord:
        """The record once its task has come so far."""
        task_id = self._resolve(name)
        async with aclosing(self._store.subscribe(task_id, after=0)) as changes:
            async for batch in changes:
                payload = batch[-1].decode()
                if isinstance(payload, TaskUpdated) and reached(payload.task):
                    break
        return await self.record(task_id)

    async def enqueue(
        self,
        new: NewTask,
        *,
        origin: TaskOrigin | None = None,
        beside: Callable[[Task], Sequence[NewEvent]] | None = None,
    ) -> Task:
        """As `TaskQueue` says."""
        await self._heal()
        return await self._pool.enqueue(new, origin=origin, beside=beside)

    async def cancel_task(self, task_id: str) -> Task:
        """As `TaskQueue` says."""
        await self._heal()
        return await self._pool.cancel_task(task_id)

    def watch(self, watcher: TaskWatcher) -> None:
        """As `TaskQueue` says."""
        self._pool.watch(watcher)

    def recover(self) -> Ticket | None:
        """Take up what the log has; tasks of a process that is gone end as failed."""
        return self._pool.recover()

    def start(self, *, only: str | None = None) -> None:
        """Begin to run tasks (with `only`, that one): this process stays for as long as they may take."""
        self._pool.start(only=only)

    def stop(self) -> None:
        """Start no more and stop those that run."""
        self._pool.stop()

    def _resolve(self, name: str) -> str:
        found, count = self._store.tasks.matching(name) if is_id(name) else (None, 0)
        if count == 0:
            raise NotFound(f"Task not found: {name[:SHOWN]}")
        if found is None:
            raise InvalidInput(f"Ambiguous task prefix '{name}': matches {count} tasks")
        return found

    def _sources(self, task_id: str) -> TaskSources:
        task = self._store.tasks.get(task_id)
        assert task is not None
        changes = self._changes(task_id)
        thread = self._store.snapshot(task.thread_id) if task.thread_id is not None else None
        if thread is None or not thread.turns:
            return TaskSources(task=task, changes=changes)
        turn_id = thread.turns[0].id
        return TaskSources(
            task=replace(task, turn_id=turn_id),
            changes=changes,
            items=tuple(item for item in thread.items if item.turn_id == turn_id),
            requests=tuple(request for request in thread.requests if request.turn_id == turn_id),
            events=self._store.tasks.event_count(thread.thread.id) if task.status in OPEN_TASKS else 0,
        )

    def _changes(self, task_id: str) -> tuple[tuple[str, TaskChange], ...]:
        changes: list[tuple[str, TaskChange]] = []
        for event in self._store.read(task_id, after=0, limit=CHANGES):
            payload = event.decode()
            if isinstance(payload, TaskUpdated):
                changes.append((event.timestamp, payload.change))
        return tuple(changes)
