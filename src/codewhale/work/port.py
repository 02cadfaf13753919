"""What background work needs from outside: turns, waiting that a test can control, and a queue for tasks.

The runtime is the `TurnRunner`, `work.tasks_pool.TaskPool` the `TaskQueue`.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from codewhale.domain.commands import NewThread, StartedTurn, TurnInput
from codewhale.domain.events import Event, NewEvent
from codewhale.domain.records import Thread, Turn
from codewhale.domain.tasks import NewTask, Task, TaskOrigin


class TurnRunner(Protocol):
    """Threads and turns, as `runtime.client.Client` has them."""

    async def create_thread(self, new: NewThread) -> Thread: ...

    async def start_turn(self, thread_id: str, given: TurnInput) -> StartedTurn: ...

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn: ...

    def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[Event], None]: ...


class Waiter(Protocol):
    """Waits for something or for time to pass, whichever is first."""

    async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
        """True when `woken` is set, False when `seconds` (None: for ever) have passed before. Does not clear it."""
        ...


class TimeoutWaiter:
    """The event loop's own time."""

    async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
        if woken.is_set():
            return True
        limit = asyncio.timeout(None if seconds is None else max(seconds, 0.0))
        try:
            async with limit:
                return await woken.wait()
        except TimeoutError:
            if not limit.expired():
                raise
            return False


TaskWatcher = Callable[[Task], Sequence[NewEvent]]
"""Told of a task's change before it is recorded; what it gives back is recorded in the same transaction. It may not
await, and is called again for the same change only after a restart."""


class TaskQueue(Protocol):
    """The queue that every task goes through. First in, first out."""

    async def enqueue(
        self,
        new: NewTask,
        *,
        origin: TaskOrigin | None = None,
        beside: Callable[[Task], Sequence[NewEvent]] | None = None,
    ) -> Task:
        """Queue a task; durable when this returns. `beside` gives events to record in the same transaction (one that is
        refused refuses the task too). Raises `InvalidInput`, `StoreError`."""
        ...

    async def cancel_task(self, task_id: str) -> Task:
        """Cancel by whole id: at once when queued, by asking when running, without effect when over. `NotFound`."""
        ...

    def watch(self, watcher: TaskWatcher) -> None:
        """Call `watcher` for each change of any task from now on (also when recovery ends one), in order."""
        ...
