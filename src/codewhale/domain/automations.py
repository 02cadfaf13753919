"""Automations and their ledger of occurrences (runtime-contract §2.8, §4.15): what is on record and what may be asked for.

An automation's stream has its id as `thread_id`; its events are `automation.updated` and `occurrence.updated`. For every
due time there is one occurrence; what it came to is said once and never changed, except that a missed one may still run
after the clock was set back.
"""

from typing import Literal

from msgspec import Struct

AUTOMATION_VERSION = 1
NOTHING_TO_REPORT = "NOTHING_TO_REPORT"
"""What a watcher's run answers when its result need not be shown."""

AutomationStatus = Literal["active", "paused"]
Misfire = Literal["skip", "once", "all"]
Delivery = Literal["task", "watcher"]
Trigger = Literal["schedule", "manual"]
OccurrenceStatus = Literal[
    "queued", "running", "blocked_on_approval", "completed", "failed", "canceled", "missed", "skipped"
]
AutomationChange = Literal[
    "created", "updated", "paused", "resumed", "deleted", "scheduled", "run_ended", "schedule_failed"
]

OPEN_OCCURRENCES: frozenset[OccurrenceStatus] = frozenset({"queued", "running", "blocked_on_approval"})
NEVER_RAN: frozenset[OccurrenceStatus] = frozenset({"missed", "skipped"})


class Automation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule that queues tasks. `next_run_at` is absent while paused and when nothing is left to run; `anchor_at` is
    the instant that hourly rules count from, which no edit moves. `schedule_error` says why a rule cannot be followed."""

    schema_version: int
    id: str
    name: str
    prompt: str
    rrule: str
    cwds: tuple[str, ...]
    status: AutomationStatus
    created_at: str
    updated_at: str
    anchor_at: str
    timezone: str
    mode: str
    allow_shell: bool
    trust_mode: bool
    auto_approve: bool
    delivery_mode: Delivery
    misfire: Misfire
    misfire_cap: int
    max_age_secs: int | None = None
    next_run_at: str | None = None
    last_run_at: str | None = None
    schedule_error: str | None = None


class Occurrence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One due time and what became of it, or one run by hand. `through` is there when the row stands for all due times
    from `scheduled_for` up to it, which were too many to list. `suppressed`: a watcher had nothing to report."""

    schema_version: int
    id: str
    automation_id: str
    scheduled_for: str
    status: OccurrenceStatus
    created_at: str
    trigger: Trigger
    started_at: str | None = None
    ended_at: str | None = None
    task_id: str | None = None
    thread_id: str | None = None
    turn_id: str | None = None
    error: str | None = None
    through: str | None = None
    suppressed: bool = False


class NewAutomation(Struct, frozen=True, kw_only=True):
    """An automation to make. `timezone` is an IANA name, by default the server's own; work happens in `cwds[0]`, by default
    in the server's workspace; `max_age_secs` absent is no limit."""

    name: str
    prompt: str
    rrule: str
    cwds: tuple[str, ...] | None = None
    status: AutomationStatus | None = None
    timezone: str | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    delivery_mode: Delivery | None = None
    misfire: Misfire | None = None
    misfire_cap: int | None = None
    max_age_secs: int | None = None


class AutomationPatch(Struct, frozen=True, kw_only=True):
    """A change; null and absent are the same. `max_age_secs` 0 takes the limit away."""

    name: str | None = None
    prompt: str | None = None
    rrule: str | None = None
    cwds: tuple[str, ...] | None = None
    status: AutomationStatus | None = None
    timezone: str | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    delivery_mode: Delivery | None = None
    misfire: Misfire | None = None
    misfire_cap: int | None = None
    max_age_secs: int | None = None


class RulePreview(Struct, frozen=True, kw_only=True):
    """A rule that is not saved, and how many of its next runs to tell. An hourly rule counts from now."""

    rrule: str
    timezone: str | None = None
    n: int | None = None


class NextRun(Struct, frozen=True, kw_only=True):
    """A time at which a rule is due: in UTC, and as the clock on the wall of its time zone shows it."""

    scheduled_for: str
    local: str


class Preview(Struct, frozen=True, kw_only=True):
    """The next runs of a rule, soonest first; fewer than asked for when the rule ends."""

    rrule: str
    timezone: str
    runs: tuple[NextRun, ...]
