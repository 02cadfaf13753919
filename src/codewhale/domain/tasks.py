"""Background tasks: the durable core of one, how it changes, and what a caller may ask for (runtime-contract §2.7).

A task's stream has its id as `thread_id`; its events are `task.updated`. Everything else that a client sees of a task is
computed from the events of its thread (`task_record.py`, `work/tasks_record.py`), so nothing is kept twice.
"""

from typing import Literal

from msgspec import Struct

TASK_SUMMARY_LIMIT = 240
"""Most characters of a task's summaries."""

TaskStatus = Literal["queued", "running", "completed", "failed", "canceled"]
TerminalReason = Literal[
    "completed", "canceled", "cancel_timeout", "shutdown", "wall_timeout", "idle_timeout", "failed"
]
TaskChange = Literal["queued", "running", "runtime_link", "cancel_requested", "canceled", "finished", "recovered"]
"""What a `task.updated` is about. The first is `queued`, each task has one; `canceled`, `finished` (completed or failed) and
`recovered` (found running by a process that did not run it: failed) end it."""

TASK_STATUSES: tuple[TaskStatus, ...] = ("queued", "running", "completed", "failed", "canceled")
OPEN_TASKS: frozenset[TaskStatus] = frozenset({"queued", "running"})

TASK_INTERRUPTED = "Interrupted by process restart; prior process is not attached"


class Task(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The durable core. `duration_ms` is absent when nobody saw the end. `automation_id` and `occurrence_id` name what
    queued it, when that was not a person; `origin_thread_id` and `origin_turn_id` the turn that did."""

    schema_version: int
    id: str
    prompt: str
    model: str
    workspace: str
    mode: str
    allow_shell: bool
    trust_mode: bool
    auto_approve: bool
    status: TaskStatus
    created_at: str
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: int | None = None
    thread_id: str | None = None
    turn_id: str | None = None
    result_summary: str | None = None
    error: str | None = None
    terminal_reason: TerminalReason | None = None
    cancel_requested_at: str | None = None
    runtime_event_count: int = 0
    automation_id: str | None = None
    occurrence_id: str | None = None
    origin_thread_id: str | None = None
    origin_turn_id: str | None = None


class NewTask(Struct, frozen=True, kw_only=True):
    """A task to queue; what is None comes from the runtime's settings. `auto_approve` None is false, whatever they say."""

    prompt: str
    model: str | None = None
    workspace: str | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None


class TaskLimits(Struct, frozen=True, kw_only=True):
    """How many tasks run at once, and seconds: that one may run, may go without any event (unless it waits for a person),
    and that its turn gets to stop once asked."""

    workers: int = 2
    wall: float = 1800.0
    idle: float = 120.0
    grace: float = 5.0


class TaskOrigin(Struct, frozen=True, kw_only=True):
    """What queues a task, when no person does: an automation and its occurrence, or a turn of a thread."""

    automation_id: str | None = None
    occurrence_id: str | None = None
    thread_id: str | None = None
    turn_id: str | None = None


class TaskFilter(Struct, frozen=True, kw_only=True):
    """Which tasks to list, newest first. None is no limit."""

    limit: int | None = None
    workspace: str | None = None


class TaskCounts(Struct, frozen=True, kw_only=True):
    """How many tasks there are in each status."""

    queued: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    canceled: int = 0


class TaskSummary(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One row of the task list."""

    id: str
    status: TaskStatus
    prompt_summary: str
    model: str
    mode: str
    created_at: str
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    workspace: str
    error: str | None = None
    thread_id: str | None = None
    turn_id: str | None = None


class TaskList(Struct, frozen=True, kw_only=True):
    """Rows and counts of one moment; the counts are over all tasks."""

    tasks: tuple[TaskSummary, ...]
    counts: TaskCounts
