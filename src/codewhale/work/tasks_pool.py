"""The queue of tasks and the few that run at once.

Taking a task from the queue, canceling it there and recording that are done without an await, so a task is taken once or
canceled, never both. A free place is filled when a task is queued or ends: there are no idle workers to wake. The record
of a task says `running` before anything of it is done, so after a crash nothing is ever done twice.
"""

import asyncio
from collections.abc import Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import CodewhaleError, NotFound, StoreError
from codewhale.domain.tasks import NewTask, Task, TaskChange, TaskLimits, TaskOrigin
from codewhale.engine.ports import Ports
from codewhale.store.port import Ticket
from codewhale.work.port import TaskWatcher, TurnRunner, Waiter
from codewhale.work.tasks import (
    Outcome,
    TaskDefaults,
    canceled_in_queue,
    ended,
    new_task,
    recovered,
    stopped,
)
from codewhale.work.tasks_run import Around, TaskRun


class PoolSetup(Struct, frozen=True, kw_only=True):
    """What a pool is made with."""

    turns: TurnRunner
    defaults: TaskDefaults
    limits: TaskLimits
    waiter: Waiter


class TaskPool:
    """`work.port.TaskQueue`. Tasks run from `start` until `stop`, in `group`."""

    def __init__(self, ports: Ports, setup: PoolSetup, group: asyncio.TaskGroup) -> None:
        self._ports = ports
        self._setup = setup
        self._group = group
        self._around = Around(
            turns=setup.turns, clock=ports.clock, waiter=setup.waiter, limits=setup.limits, record=self._record
        )
        self._queue: dict[str, None] = {}
        self._running: dict[str, TaskRun] = {}
        self._ending: dict[str, Ticket] = {}
        self._watchers: list[TaskWatcher] = []
        self._open = False
        self._only: str | None = None

    def watch(self, watcher: TaskWatcher) -> None:
        """Call `watcher` for each change from now on."""
        self._watchers.append(watcher)

    def recover(self) -> Ticket | None:
        """Take up what the log has: the queue, and running tasks of a process that is gone, which end as failed."""
        self._queue.clear()
        last: Ticket | None = None
        for task_id, status in self._ports.store.tasks.open():
            if task_id in self._running or self._is_ending(task_id):
                continue  # it knows its own state better than the log does yet
            if status == "queued":
                self._queue[task_id] = None
            elif (task := self._ports.store.tasks.get(task_id)) is not None:
                count = self._ports.store.tasks.event_count(task.thread_id) if task.thread_id else 0
                last = self._record(recovered(task, now=self._ports.clock.now(), events=count), "recovered")
        self._fill()
        return last

    def start(self, *, only: str | None = None) -> None:
        """Begin to run what is queued; with `only`, that task and no other."""
        self._open, self._only = True, only
        self._fill()

    def stop(self) -> None:
        """Take nothing more from the queue and stop what runs; the group ends when it has stopped."""
        self._open = False
        for run in self._running.values():
            run.stop("shutdown")

    async def enqueue(
        self,
        new: NewTask,
        *,
        origin: TaskOrigin | None = None,
        beside: Callable[[Task], Sequence[e.NewEvent]] | None = None,
    ) -> Task:
        """As `TaskQueue` says."""
        ports = self._ports
        task = new_task(new, self._setup.defaults, task_id=ports.ids.new("task"), now=ports.clock.now(), origin=origin)
        ticket = self._record(task, "queued", beside(task) if beside is not None else ())
        self._queue[task.id] = None
        admission = self._group.create_task(self._admit(task.id, ticket))
        await asyncio.wait({admission})  # goes on when the caller is cancelled: the task is in the log
        await ticket
        return task

    async def cancel_task(self, task_id: str) -> Task:
        """As `TaskQueue` says."""
        task = self._ports.store.tasks.get(task_id)
        if task is None:
            raise NotFound(f"Task not found: {task_id}")
        run = self._running.get(task_id)
        if run is not None:
            await self._cancel_run(run)
            return run.task
        if task_id not in self._queue:
            return task
        del self._queue[task_id]
        canceled = canceled_in_queue(task, now=self._ports.clock.now())
        await self._record(canceled, "canceled")
        return canceled

    async def _admit(self, task_id: str, ticket: Ticket) -> None:
        """Once it is durable it may run; what was refused leaves the queue."""
        try:
            await ticket
        except StoreError:
            self._queue.pop(task_id, None)
        else:
            self._fill()

    async def _cancel_run(self, run: TaskRun) -> None:
        if run.task.cancel_requested_at is not None:
            return
        requested = replace(run.task, cancel_requested_at=self._ports.clock.now())
        run.task = requested
        run.stop("canceled")
        await self._record(requested, "cancel_requested")

    def _fill(self) -> None:
        while self._open and self._queue and len(self._running) < self._setup.limits.workers:
            task_id = self._only or next(iter(self._queue))
            task = self._ports.store.tasks.get(task_id) if task_id in self._queue else None
            if task is None:
                return  # not yet durable: whoever queues it fills again when it is
            started = replace(task, status="running", started_at=self._ports.clock.now())
            try:
                self._record(started, "running")
            except StoreError:
                return  # the log has failed; when it is mended, `recover` goes on
            del self._queue[task_id]
            run = self._running[task_id] = TaskRun(started, self._around)
            self._group.create_task(self._run(run))

    async def _run(self, run: TaskRun) -> None:
        try:
            outcome = await run.carry()
        except asyncio.CancelledError:
            self._open = False  # the group is going away and takes no more
            self._end(run, stopped("shutdown", self._setup.limits))
            raise
        except CodewhaleError as error:
            outcome = _failed(error.message) if run.stopping is None else stopped(run.stopping, self._setup.limits)
        except Exception as error:  # noqa: BLE001 - boundary: a broken task ends as failed and says so
            outcome = _failed(f"Internal error: {type(error).__name__}: {error}")
        self._end(run, outcome)

    def _end(self, run: TaskRun, outcome: Outcome) -> None:
        self._running.pop(run.task.id, None)
        task = ended(run.task, outcome, now=self._ports.clock.now(), seconds=run.seconds, events=run.events)
        self._is_ending(task.id)
        try:
            self._ending[task.id] = self._record(task, "canceled" if task.status == "canceled" else "finished")
        except StoreError:
            return  # the log has failed; `recover` ends the task when it is mended
        self._fill()

    def _is_ending(self, task_id: str) -> bool:
        """Whether its end is on the way to the log. Forgets those that have arrived, or never will."""
        self._ending = {one: ticket for one, ticket in self._ending.items() if ticket.outcome is None}
        return task_id in self._ending

    def _record(self, task: Task, change: TaskChange, beside: Sequence[e.NewEvent] = ()) -> Ticket:
        now = self._ports.clock.now()
        events = [
            e.NewEvent(timestamp=now, thread_id=task.id, payload=e.TaskUpdated(task=task, change=change)),
            *beside,
        ]
        for watcher in self._watchers:
            events += watcher(task)
        return self._ports.store.append(events)


def _failed(error: str) -> Outcome:
    return Outcome(status="failed", reason="failed", error=error)
