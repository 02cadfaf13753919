"""Facts that the log keeps for itself: model calls, tasks, schedules, snapshots. The published stream leaves them out."""

from typing import ClassVar

from msgspec import Struct

from codewhale.domain.automations import Automation, AutomationChange, Occurrence
from codewhale.domain.context import RequestShape
from codewhale.domain.records import Usage
from codewhale.domain.tasks import Task, TaskChange
from codewhale.domain.usage import Charge


class StepCompleted(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One model call ended (ours; the HTTP stream leaves it out): who served it, what it used, and the receipt of what it
    cost at the price that held when it began (absent when that price is not known). `request` is what it was sent, where
    that belongs to the conversation; `reservation_id` names what a budget held back for it."""

    WIRE: ClassVar[str] = "step.completed"
    step: int
    provider: str
    model: str
    finish_reason: str
    duration_ms: int
    usage: Usage | None = None
    charge: Charge | None = None
    request: RequestShape | None = None
    reservation_id: str | None = None


class TaskUpdated(Struct, frozen=True, kw_only=True):
    """A background task changed (ours, on a stream of its own: the event's `thread_id` is the task's id): the task after
    it. The first is `queued`; none follows one that ended it."""

    WIRE: ClassVar[str] = "task.updated"
    task: Task
    change: TaskChange


class AutomationUpdated(Struct, frozen=True, kw_only=True):
    """An automation changed (ours, on a stream of its own: the event's `thread_id` is its id): the automation after it. The
    first is `created`; none follows `deleted`, which ends the schedule but neither a run under way nor the ledger."""

    WIRE: ClassVar[str] = "automation.updated"
    automation: Automation
    change: AutomationChange


class OccurrenceUpdated(Struct, frozen=True, kw_only=True):
    """A row of an automation's ledger after a change (ours, on the automation's stream). The first one claims the due time:
    the store refuses a second claim."""

    WIRE: ClassVar[str] = "occurrence.updated"
    occurrence: Occurrence


class SnapshotTaken(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The workspace's files were saved around a turn (ours; the HTTP stream leaves it out, and it may follow the end of its
    turn). `missing` are the paths that the snapshot has not got."""

    WIRE: ClassVar[str] = "snapshot.taken"
    snapshot_id: str
    label: str
    turn_id: str
    workspace: str
    files: int
    missing: tuple[str, ...] = ()
