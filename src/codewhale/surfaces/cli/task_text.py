"""Tasks as text for people: rows of a list, one task in full. Pure."""

from collections.abc import Sequence

from codewhale.domain.task_record import TaskRecord
from codewhale.domain.tasks import TASK_STATUSES, TaskCounts, TaskSummary

PROMPT_WIDTH = 60


def table(rows: Sequence[TaskSummary], *, folders: bool) -> str:
    """One line per task: id, when it was queued, how it stands, what it is about."""
    lines: list[str] = []
    for row in rows:
        when = row.created_at[:16].replace("T", " ")
        about = " ".join(row.prompt_summary.split())[:PROMPT_WIDTH]
        where = f"  {row.workspace}" if folders else ""
        lines.append(f"{row.id}  {when}  {row.status:<9}  {about}{where}\n")
    return "".join(lines)


def counted(counts: TaskCounts) -> str:
    """How many tasks there are in each status, those without any left out."""
    parts = [f"{getattr(counts, status)} {status}" for status in TASK_STATUSES if getattr(counts, status)]
    return ", ".join(parts) or "no tasks"


def state(record: TaskRecord) -> str:
    """How a task stands, in one line."""
    took = f" after {record.duration_ms / 1000:.1f} s" if record.duration_ms is not None else ""
    why = f": {record.error}" if record.error else ""
    return f"{record.id} {record.status}{took}{why}"


def shown(record: TaskRecord) -> str:
    """One task in full."""
    lines = [state(record), f"  folder   {record.workspace}", f"  model    {record.model}, mode {record.mode}"]
    if record.thread_id is not None:
        lines.append(f"  thread   {record.thread_id}")
    if record.origin_thread_id is not None:
        lines.append(f"  from     {record.origin_thread_id}, {record.origin_turn_id}")
    lines += ["", *(f"> {line}" for line in record.prompt.split("\n")), ""]
    if record.result_summary is not None:
        lines += [record.result_summary, ""]
    if record.checklist.items:
        lines += [f"checklist, {record.checklist.completion_pct} %"]
        lines += [f"  [{_MARKS.get(one.status, ' ')}] {one.content}" for one in record.checklist.items] + [""]
    lines += _proved(record)
    for artifact in record.artifacts:
        lines.append(f"artifact {artifact.label}: {artifact.path}  {artifact.summary}".rstrip())
    for entry in record.timeline:
        path = f"  ({entry.detail_path})" if entry.detail_path else ""
        lines.append(f"{entry.timestamp[11:19]}  {entry.kind:<16} {' '.join(entry.summary.split())}{path}")
    return "\n".join(lines) + "\n"


def _proved(record: TaskRecord) -> list[str]:
    """What was checked, tried and done elsewhere."""
    lines: list[str] = []
    for gate in record.gates:
        log = f"  ({gate.log_path})" if gate.log_path else ""
        lines.append(f"gate {gate.gate}: {gate.status}  {gate.summary}  `{' '.join(gate.command.split())[:80]}`{log}")
    for one in record.attempts:
        patch = f"  ({one.patch_path})" if one.patch_path else ""
        files = f"{len(one.changed_files)} files"
        about = " ".join(one.summary.split())
        lines.append(
            f"attempt {one.attempt_index}/{one.attempt_count} of {one.attempt_group_id}: {files}, {about}{patch}"
        )
    lines += [
        f"github {one.action}: {one.summary}" + (f"  {one.url}" if one.url else "") for one in record.github_events
    ]
    return lines


_MARKS = {"completed": "x", "in_progress": "~"}
