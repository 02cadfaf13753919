"""The family of a client's calls for background tasks. `runtime.tasks` implements it in the owning process,
`runtime.remote_tasks` over HTTP. Wherever a task is named, a unique beginning of its id will do: `NotFound` for none,
`InvalidInput` for several.
"""

from typing import Protocol

from codewhale.domain.task_record import TaskRecord, TaskText
from codewhale.domain.tasks import NewTask, TaskFilter, TaskList


class TaskClient(Protocol):
    """Commands and queries over tasks. Whatever a command returns is durable when it returns."""

    async def add(self, new: NewTask) -> TaskRecord:
        """Queue a task; its record as queued."""
        ...

    async def listed(self, filter: TaskFilter) -> TaskList: ...

    async def record(self, name: str) -> TaskRecord: ...

    async def cancel(self, name: str) -> TaskRecord:
        """Cancel it: at once when queued, by asking when running, without effect when over."""
        ...

    async def text(self, name: str, path: str) -> TaskText:
        """A text that the record names; `NotFound` when there is none of that name."""
        ...

    async def begun(self, name: str) -> TaskRecord:
        """The record once the task has a turn, or has ended without one; waits for that without bound."""
        ...

    async def ended(self, name: str) -> TaskRecord:
        """The record once the task has ended; waits for that without bound."""
        ...
