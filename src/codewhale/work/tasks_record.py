"""A task's record as the fold of its own changes and of the turn that it ran. Pure; nothing of it is kept anywhere.

A text of `ARTIFACT_BYTES` or more is named by a `detail_path` and shown whole on request (`text_of`): it stays where it is,
in its item or blob. What a tool says in `metadata.task_updates` and cannot be understood is an `error` in the timeline.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter

from msgspec import Struct, field

from codewhale.domain.kept_outputs import kept_texts
from codewhale.domain.records import Item, summarize
from codewhale.domain.requests import Request
from codewhale.domain.task_record import (
    ARTIFACT_BYTES,
    TIMELINE_HEAD,
    TIMELINE_LIMIT,
    CallStatus,
    TaskRecord,
    TaskToolCall,
    TimelineEntry,
    TimelineKind,
)
from codewhale.domain.tasks import OPEN_TASKS, TASK_SUMMARY_LIMIT, Task, TaskChange
from codewhale.domain.times import millis_between
from codewhale.work.tasks_updates import Updates, take_updates

ROOT = "artifacts/"
RESULT = "result.txt"


class TaskSources(Struct, frozen=True, kw_only=True):
    """What a record is made of: the task, its changes with their times, the items of its turn and what waits in it, and
    how many events its thread has."""

    task: Task
    changes: tuple[tuple[str, TaskChange], ...]
    items: tuple[Item, ...] = ()
    requests: tuple[Request, ...] = ()
    events: int = 0


class _Told(Struct, kw_only=True):
    timeline: list[TimelineEntry] = field(default_factory=list[TimelineEntry])
    calls: list[TaskToolCall] = field(default_factory=list[TaskToolCall])
    updates: Updates = field(default_factory=Updates)

    def add(self, timestamp: str | None, kind: TimelineKind, text: str, path: str | None = None) -> None:
        self.timeline.append(
            TimelineEntry(
                timestamp=timestamp or "", kind=kind, summary=summarize(text, TASK_SUMMARY_LIMIT), detail_path=path
            )
        )


def record_of(sources: TaskSources) -> TaskRecord:
    """The record as of now."""
    task = sources.task
    told = _Told()
    _changes(told, sources, ("queued", "running", "runtime_link"))
    before = len(told.timeline)
    for number, item in enumerate(sources.items):
        _item(told, item, first=number == 0)
    for request in sources.requests:
        told.add(request.created_at, "status", f"Waiting for a person ({request.id}): {request.description}")
    _changes(told, sources, ("cancel_requested",))
    told.timeline[before:] = sorted(told.timeline[before:], key=attrgetter("timestamp"))
    _changes(told, sources, ("canceled", "finished", "recovered"))
    result = _path(RESULT, "".join(_said(sources.items))) if task.status == "completed" else None
    if result is not None:
        told.add(task.ended_at, "result_ref", f"The whole result is {result}", result)
    updates = told.updates
    return TaskRecord(
        schema_version=task.schema_version,
        id=task.id,
        prompt=task.prompt,
        model=task.model,
        workspace=task.workspace,
        mode=task.mode,
        allow_shell=task.allow_shell,
        trust_mode=task.trust_mode,
        auto_approve=task.auto_approve,
        status=task.status,
        created_at=task.created_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        duration_ms=task.duration_ms,
        runtime_event_count=sources.events if task.status in OPEN_TASKS else task.runtime_event_count,
        checklist=updates.checklist,
        gates=tuple(updates.gates),
        attempts=tuple(updates.attempts),
        artifacts=tuple(updates.artifacts),
        github_events=tuple(updates.github_events),
        tool_calls=tuple(told.calls),
        timeline=capped(told.timeline),
        result_summary=task.result_summary,
        result_detail_path=result,
        error=task.error,
        thread_id=task.thread_id,
        turn_id=task.turn_id,
        terminal_reason=task.terminal_reason,
        cancel_requested_at=task.cancel_requested_at,
        automation_id=task.automation_id,
        occurrence_id=task.occurrence_id,
        origin_thread_id=task.origin_thread_id,
        origin_turn_id=task.origin_turn_id,
    )


def capped(entries: Sequence[TimelineEntry]) -> tuple[TimelineEntry, ...]:
    """At most `TIMELINE_LIMIT` entries: the first ones, a marker for those left out, the newest."""
    if len(entries) <= TIMELINE_LIMIT:
        return tuple(entries)
    newest = TIMELINE_LIMIT - TIMELINE_HEAD - 1
    left_out = entries[TIMELINE_HEAD:-newest]
    marker = TimelineEntry(timestamp=left_out[0].timestamp, kind="omitted", summary=f"{len(left_out)} entries left out")
    return (*entries[:TIMELINE_HEAD], marker, *entries[-newest:])


def text_of(sources: TaskSources, name: str) -> str | tuple[str, str] | None:
    """The text that a `detail_path` names; (digest of its blob, what the item kept of it) when it went to a blob; None
    when there is no such text."""
    name = name.removeprefix(ROOT)
    if name == RESULT:
        return "".join(_said(sources.items)) or None
    for item in sources.items:
        if not name.startswith(item.id):
            continue
        rest = name.removeprefix(item.id)
        if rest == ".txt" and item.detail:
            blob = blob_of(item)
            return item.detail if blob is None else (blob, item.detail)
        if rest == "-input.txt" and item.call is not None:
            return item.call.arguments
        if rest == ".patch":
            return patch_of(item)
        kept = next((one for one in kept_texts(item.metadata) if rest == f"-{one.name}"), None)
        if kept is not None:
            return kept.blob, ""
    return None


def blob_of(item: Item) -> str | None:
    """The digest of the blob with the item's whole output, when the item holds only a part of it."""
    output = (item.metadata or {}).get("output")
    match output:
        case {"blob": str(digest)}:
            return digest
        case _:
            return None


def patch_of(item: Item) -> str | None:
    """The diff of what the item changed in files."""
    diff = (item.metadata or {}).get("diff")
    return diff if isinstance(diff, str) and diff else None


_SAID: dict[TaskChange, str] = {
    "queued": "Task queued",
    "running": "Task started",
    "cancel_requested": "Cancel requested",
    "canceled": "Task canceled",
    "finished": "Task {task.status}",
    "recovered": "{task.error}",
}


def _changes(told: _Told, sources: TaskSources, kinds: tuple[TaskChange, ...]) -> None:
    task = sources.task
    linked = 0
    for timestamp, change in sources.changes:
        if change not in kinds:
            continue
        if change == "runtime_link":
            linked += 1
            where = f"Thread {task.thread_id}" if linked == 1 else f"Turn {task.turn_id}"
            told.add(timestamp, change, where)
            continue
        text = _SAID[change].format(task=task)
        told.add(timestamp, change, f"{text}: {task.error}" if change == "finished" and task.error else text)


def _item(told: _Told, item: Item, *, first: bool) -> None:
    text = item.detail or ""
    if item.call is not None:
        _call(told, item)
        return
    match item.kind:
        case "agent_message" if text:
            told.add(item.ended_at or item.started_at, "message", text, _path(f"{item.id}.txt", text))
        case "user_message" if not first:
            told.add(item.ended_at, "status", f"Steered: {text}", _path(f"{item.id}.txt", text))
        case "error":
            told.add(item.ended_at, "error", text or item.summary)
        case "status" | "context_compaction":
            told.add(item.ended_at or item.started_at, "status", text or item.summary)
        case _:
            pass


_CALL_STATUS: dict[str, CallStatus] = {
    "queued": "running",
    "in_progress": "running",
    "completed": "success",
    "failed": "failed",
}


def _call(told: _Told, item: Item) -> None:
    call = item.call
    assert call is not None
    status = _CALL_STATUS.get(item.status, "canceled")
    over = status != "running"
    began = item.started_at or ""
    output = (item.detail or "") if over else ""
    path = _path(f"{item.id}.txt", output)
    patch = f"{ROOT}{item.id}.patch" if patch_of(item) is not None else None
    told.calls.append(
        TaskToolCall(
            id=call.id,
            name=call.name,
            status=status,
            started_at=began,
            ended_at=item.ended_at,
            duration_ms=millis_between(began, item.ended_at) if item.ended_at else None,
            input_summary=summarize(call.arguments, TASK_SUMMARY_LIMIT),
            output_summary=summarize(output, TASK_SUMMARY_LIMIT) if over else None,
            detail_path=path,
            patch_ref=patch,
        )
    )
    told.add(began, "tool_started", f"{call.name} {call.arguments}", _path(f"{item.id}-input.txt", call.arguments))
    if not over:
        return
    told.add(item.ended_at, "tool_completed", f"{call.name} {status}: {output}", path)
    if patch is not None:
        told.add(item.ended_at, "patch_ref", f"{call.name} changed files", patch)
    for kind, text in take_updates(told.updates, item):
        told.add(item.ended_at, kind, text)


def _path(name: str, text: str) -> str | None:
    """What names a text that is too long for a summary's reader."""
    long = len(text) >= ARTIFACT_BYTES or (len(text) * 4 >= ARTIFACT_BYTES and len(text.encode()) >= ARTIFACT_BYTES)
    return ROOT + name if long else None


def _said(items: Iterable[Item]) -> Iterator[str]:
    return (item.detail for item in items if item.kind == "agent_message" and item.detail)
