"""Old tasks as records: what was done, never something to do. One that had not ended counts as ended: nothing runs twice."""

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.records import SCHEMA_VERSION
from codewhale.domain.tasks import TASK_INTERRUPTED, Task, TaskChange, TaskStatus
from codewhale.runtime.importing.reading import maybe, moment, record
from codewhale.runtime.importing.records import checked

TASK_VERSION = 2
NOT_RUN = "It was still queued where it came from; queue it again if it is still wanted"


class OldTask(Struct, frozen=True, kw_only=True):
    """A task's file, as far as it is durable here: timeline and tool calls are those of its thread."""

    id: str
    prompt: str
    status: TaskStatus
    created_at: str
    model: str | None = None
    workspace: str | None = None
    schema_version: int | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: int | None = None
    thread_id: str | None = None
    turn_id: str | None = None
    result_summary: str | None = None
    error: str | None = None


def task_events(path: str, *, model: str, workspace: str) -> tuple[Task, list[e.NewEvent]]:
    """The task in a file after its end, and the events that say so. `Unreadable` when it is none."""
    old = record(path, OldTask, word="Task", supported=TASK_VERSION)
    queued = Task(
        schema_version=SCHEMA_VERSION,
        id=checked(old.id),
        prompt=old.prompt,
        model=old.model or model,
        workspace=old.workspace or workspace,
        mode=old.mode or "agent",
        allow_shell=old.allow_shell is True,
        trust_mode=old.trust_mode is True,
        auto_approve=old.auto_approve is True,
        status="queued",
        created_at=moment(old.created_at),
    )
    ended, change = _ended(queued, old)
    at = ended.ended_at or queued.created_at
    return ended, [
        e.NewEvent(timestamp=queued.created_at, thread_id=queued.id, payload=_updated(queued, "queued")),
        e.NewEvent(timestamp=at, thread_id=queued.id, payload=_updated(ended, change)),
    ]


def _ended(queued: Task, old: OldTask) -> tuple[Task, TaskChange]:
    task = replace(
        queued,
        started_at=maybe(old.started_at),
        ended_at=maybe(old.ended_at),
        duration_ms=old.duration_ms,
        thread_id=old.thread_id,
        turn_id=old.turn_id,
        result_summary=old.result_summary,
        error=old.error,
    )
    match old.status:
        case "queued":
            return replace(task, status="canceled", terminal_reason="canceled", error=NOT_RUN), "canceled"
        case "running":
            return replace(task, status="failed", terminal_reason="failed", error=TASK_INTERRUPTED), "recovered"
        case "canceled":
            return replace(task, status="canceled", terminal_reason="canceled"), "canceled"
        case "completed":
            return replace(task, status="completed", terminal_reason="completed"), "finished"
        case "failed":
            return replace(task, status="failed", terminal_reason="failed"), "finished"


def _updated(task: Task, change: TaskChange) -> e.TaskUpdated:
    return e.TaskUpdated(task=task, change=change)
