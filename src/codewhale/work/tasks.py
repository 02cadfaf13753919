"""Task values: how one is made and how it ends. Pure: values in, values out."""

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import SCHEMA_VERSION, Turn, summarize
from codewhale.domain.tasks import (
    TASK_INTERRUPTED,
    TASK_SUMMARY_LIMIT,
    NewTask,
    Task,
    TaskLimits,
    TaskOrigin,
    TaskStatus,
    TerminalReason,
)
from codewhale.domain.text import whole_fields

NO_TEXT = "(no textual output)"

Cause = TerminalReason
"""Why a turn under way is asked to stop: `canceled`, `shutdown`, `wall_timeout` or `idle_timeout`."""


class TaskDefaults(Struct, frozen=True, kw_only=True):
    """What a new task gets where nothing was given."""

    model: str
    workspace: str
    allow_shell: bool = False


class Outcome(Struct, frozen=True, kw_only=True):
    """How a task ended."""

    status: TaskStatus
    reason: TerminalReason
    error: str | None = None
    result: str | None = None


def new_task(new: NewTask, defaults: TaskDefaults, *, task_id: str, now: str, origin: TaskOrigin | None = None) -> Task:
    """The record of a queued task. Nothing approves by itself unless `new` says so; a blank prompt is `InvalidInput`."""
    new = whole_fields(new)
    if not new.prompt.strip():
        raise InvalidInput("prompt is required")
    return Task(
        schema_version=SCHEMA_VERSION,
        id=task_id,
        prompt=new.prompt.strip(),
        model=(new.model or "").strip() or defaults.model,
        workspace=new.workspace or defaults.workspace,
        mode=(new.mode or "").strip() or "agent",
        allow_shell=defaults.allow_shell if new.allow_shell is None else new.allow_shell,
        trust_mode=bool(new.trust_mode),
        auto_approve=bool(new.auto_approve),
        status="queued",
        created_at=now,
        automation_id=origin.automation_id if origin else None,
        occurrence_id=origin.occurrence_id if origin else None,
        origin_thread_id=origin.thread_id if origin else None,
        origin_turn_id=origin.turn_id if origin else None,
    )


def canceled_in_queue(task: Task, *, now: str) -> Task:
    """The task after somebody took it out of the queue."""
    return replace(task, status="canceled", ended_at=now, terminal_reason="canceled", cancel_requested_at=now)


def recovered(task: Task, *, now: str, events: int) -> Task:
    """The task after a process found it running that does not run it. Nobody saw it end, so it has no duration."""
    return replace(
        task,
        status="failed",
        ended_at=now,
        error=TASK_INTERRUPTED,
        terminal_reason="failed",
        runtime_event_count=events,
    )


def ended(task: Task, outcome: Outcome, *, now: str, seconds: float, events: int) -> Task:
    """The task after it ran for `seconds`."""
    return replace(
        task,
        status=outcome.status,
        ended_at=now,
        duration_ms=round(seconds * 1000),
        result_summary=summarize(outcome.result, TASK_SUMMARY_LIMIT) if outcome.result is not None else None,
        error=outcome.error,
        terminal_reason=outcome.reason,
        runtime_event_count=events,
    )


def outcome_of(turn: Turn, text: str, cause: Cause | None, limits: TaskLimits) -> Outcome:
    """What the end of its turn means for a task. What the turn says counts: one that completed has completed, even when
    it was asked to stop; one that was interrupted by anybody is canceled, unless a limit or the shutdown did it."""
    match turn.status:
        case "completed":
            return Outcome(status="completed", reason="completed", result=text or NO_TEXT)
        case "interrupted" | "canceled":
            return stopped(cause or "canceled", limits)
        case _:
            return Outcome(status="failed", reason="failed", error=turn.error or "Task ended unexpectedly")


def stopped(cause: Cause, limits: TaskLimits, *, overdue: bool = False) -> Outcome:
    """The outcome of a task that was stopped. `overdue`: its turn had not ended when the time to stop was over."""
    late = f" Its turn did not stop within {limits.grace:g} s." if overdue else ""
    if cause == "canceled":
        if overdue:
            return Outcome(status="canceled", reason="cancel_timeout", error=f"Canceled.{late}")
        return Outcome(status="canceled", reason="canceled")
    return Outcome(status="failed", reason=cause, error=_WHY[cause].format(limits=limits) + late)


_WHY: dict[Cause, str] = {
    "shutdown": "Stopped: the runtime was shut down.",
    "wall_timeout": "Stopped: it ran for {limits.wall:g} s, the longest that a task may take.",
    "idle_timeout": "Stopped: nothing happened for {limits.idle:g} s.",
}
