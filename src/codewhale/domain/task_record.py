"""A task as clients see it (runtime-contract §2.7): the durable core and what the events of its thread add to it.

Fields with a default are left out when they hold it; all others are always present. `detail_path`s name texts of the task
(`artifacts/…`), which are read one at a time.
"""

from typing import Literal

from msgspec import Struct

from codewhale.domain.tasks import TaskStatus, TerminalReason

TIMELINE_LIMIT = 256
TIMELINE_HEAD = 8
"""Entries of a timeline: at most so many, of which so many are its first; a marker says how many are left out."""

ARTIFACT_BYTES = 1200
"""From this size on a text is an artifact of its own."""

TimelineKind = Literal[
    "queued",
    "running",
    "runtime_link",
    "status",
    "message",
    "tool_started",
    "tool_progress",
    "tool_completed",
    "patch_ref",
    "error",
    "runtime_event",
    "cancel_requested",
    "canceled",
    "finished",
    "result_ref",
    "recovered",
    "checklist",
    "gate",
    "pr_attempt",
    "artifact",
    "github",
    "omitted",
]
CallStatus = Literal["running", "success", "failed", "canceled"]


class TimelineEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened; `summary` has at most 240 characters."""

    timestamp: str
    kind: TimelineKind
    summary: str
    detail_path: str | None = None


class TaskToolCall(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool call; `id` is the model's."""

    id: str
    name: str
    status: CallStatus
    started_at: str
    ended_at: str | None
    duration_ms: int | None
    input_summary: str | None = None
    output_summary: str | None = None
    detail_path: str | None = None
    patch_ref: str | None = None


class ChecklistItem(Struct, frozen=True, kw_only=True):
    """One line; `id` counts from 1, `status` is pending, in_progress or completed."""

    id: int
    content: str
    status: str


class Checklist(Struct, frozen=True, kw_only=True):
    """The latest list; `updated_at` is null while there is none."""

    items: tuple[ChecklistItem, ...] = ()
    completion_pct: int = 0
    in_progress_id: int | None = None
    updated_at: str | None = None


class Gate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A check that was run."""

    id: str
    gate: str
    command: str
    cwd: str
    exit_code: int | None
    status: str
    classification: str
    duration_ms: int
    summary: str
    recorded_at: str
    log_path: str | None = None


class Attempt(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of several tries at the same change."""

    id: str
    attempt_group_id: str
    attempt_index: int
    attempt_count: int
    summary: str
    changed_files: tuple[str, ...]
    verification: tuple[str, ...]
    selected: bool
    recorded_at: str
    base_ref: str | None = None
    base_sha: str | None = None
    head_ref: str | None = None
    head_sha: str | None = None
    patch_path: str | None = None


class TaskArtifact(Struct, frozen=True, kw_only=True):
    """A file that the task made or kept; `path` is relative to the task."""

    label: str
    path: str
    summary: str
    created_at: str


class GithubEvent(Struct, frozen=True, kw_only=True):
    """Something done on GitHub."""

    id: str
    action: str
    target: str
    number: int
    summary: str
    url: str | None
    recorded_at: str


class TaskRecord(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a task."""

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
    started_at: str | None
    ended_at: str | None
    duration_ms: int | None
    runtime_event_count: int
    checklist: Checklist
    gates: tuple[Gate, ...]
    attempts: tuple[Attempt, ...]
    artifacts: tuple[TaskArtifact, ...]
    github_events: tuple[GithubEvent, ...]
    tool_calls: tuple[TaskToolCall, ...]
    timeline: tuple[TimelineEntry, ...]
    result_summary: str | None = None
    result_detail_path: str | None = None
    error: str | None = None
    thread_id: str | None = None
    turn_id: str | None = None
    terminal_reason: TerminalReason | None = None
    cancel_requested_at: str | None = None
    automation_id: str | None = None
    occurrence_id: str | None = None
    origin_thread_id: str | None = None
    origin_turn_id: str | None = None


class TaskText(Struct, frozen=True, kw_only=True):
    """A text of a task, whole; `path` is the `detail_path` or `patch_ref` that names it."""

    path: str
    text: str
