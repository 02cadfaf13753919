"""What tools wish for about background tasks. Granted by `runtime/wishes/tasks.py`; another workspace's tasks are not to be
had, and a task that a turn queues may never do more than that turn."""

from codewhale.domain.task_record import Attempt, TaskRecord
from codewhale.domain.tasks import NewTask, TaskList
from codewhale.domain.wishes import Wish


class OwnTask(Wish[str | None], frozen=True, kw_only=True):
    """The id of the task whose turn this call is of; None in any other turn."""


class QueueTask(Wish[TaskRecord], frozen=True, kw_only=True):
    """Queue a task on behalf of the turn. `workspace` is a checked, absolute folder or None for the turn's own. The record
    says what the task was really given."""

    new: NewTask


class ListTasks(Wish[TaskList], frozen=True, kw_only=True):
    """The newest tasks of the workspace."""

    limit: int


class ReadTask(Wish[TaskRecord], frozen=True, kw_only=True):
    """A task of the workspace by its id or the unique beginning of one."""

    name: str


class CancelTask(Wish[TaskRecord], frozen=True, kw_only=True):
    """Cancel a task of the workspace: at once when queued, by asking when running."""

    name: str


class ListAttempts(Wish[tuple[Attempt, ...]], frozen=True, kw_only=True):
    """The attempts of a task of the workspace, or with None those that this thread recorded."""

    task: str | None


class ReadPatch(Wish[str], frozen=True, kw_only=True):
    """The patch of one of those attempts, whole; `ToolError` when it kept none."""

    task: str | None
    attempt: Attempt
