"""The read model of tasks: its projector, which runs inside the transaction that records the change, and its queries.

A task that has ended never changes again: an event that says otherwise is `Refused`. Positions are in order of creation.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import msgspec

from codewhale.domain.events import NewEvent, TaskUpdated
from codewhale.domain.records import summarize
from codewhale.domain.tasks import TASK_SUMMARY_LIMIT, Task, TaskCounts, TaskFilter, TaskList, TaskStatus, TaskSummary
from codewhale.store.failures import Refused
from codewhale.store.sql import Sql, Value

_encode = msgspec.json.Encoder().encode
_task_of = msgspec.json.Decoder(Task).decode
_row_of = msgspec.json.Decoder(TaskSummary).decode
_ABOVE_ALL = "\U0010ffff"
"""Sorts after every character that an id can have."""


def project_task(db: Sql, event: NewEvent, payload: TaskUpdated) -> None:
    """Take a task's change into the read model."""
    task = payload.task
    if event.thread_id != task.id:
        raise Refused(f"Task {task.id} cannot change on the stream {event.thread_id}.")
    row = _encode(summary_of(task))
    if payload.change == "queued":
        db.execute(
            "INSERT INTO tasks (id, status, workspace, thread_id, summary, record) VALUES (?, ?, ?, ?, ?, ?)",
            (task.id, task.status, task.workspace, task.thread_id, row, _encode(task)),
        )
        return
    db.execute(
        "UPDATE tasks SET status = ?, thread_id = ?, summary = ?, record = ?"
        " WHERE id = ? AND status IN ('queued', 'running')",
        (task.status, task.thread_id, row, _encode(task), task.id),
    )
    if db.changes() != 1:
        raise Refused(f"Task {task.id} is not open, so it cannot change ({payload.change}).")


def summary_of(task: Task) -> TaskSummary:
    """The task's row in a list."""
    return TaskSummary(
        id=task.id,
        status=task.status,
        prompt_summary=summarize(task.prompt, TASK_SUMMARY_LIMIT),
        model=task.model,
        mode=task.mode,
        created_at=task.created_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        duration_ms=task.duration_ms,
        workspace=task.workspace,
        error=task.error,
        thread_id=task.thread_id,
        turn_id=task.turn_id,
    )


class TaskReader:
    """`store.port.TaskReads` over one connection; `reading` is one read transaction of it."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._reading = reading

    def get(self, task_id: str) -> Task | None:
        with self._reading() as db:
            return _task(db, task_id)

    def matching(self, prefix: str) -> tuple[str | None, int]:
        with self._reading() as db:
            if db.execute("SELECT 1 FROM tasks WHERE id = ?", (prefix,)).fetchall():
                return prefix, 1
            found = db.execute(
                "SELECT min(id), count(*) FROM tasks WHERE id >= ? AND id < ?", (prefix, prefix + _ABOVE_ALL)
            ).fetchall()
            first, count = cast("tuple[str | None, int]", found[0])
            return (first if count == 1 else None), count

    def open(self) -> list[tuple[str, TaskStatus]]:
        sql = "SELECT id, status FROM tasks WHERE status IN ('queued', 'running') ORDER BY position"
        with self._reading() as db:
            return cast("list[tuple[str, TaskStatus]]", db.execute(sql).fetchall())

    def listed(self, filter: TaskFilter) -> TaskList:
        where, given = ("WHERE workspace = ?", (filter.workspace,)) if filter.workspace is not None else ("", ())
        limit = -1 if filter.limit is None else max(filter.limit, 0)
        bound: tuple[Value, ...] = (*given, limit)
        with self._reading() as db:
            rows = db.execute(f"SELECT summary FROM tasks {where} ORDER BY position DESC LIMIT ?", bound).fetchall()
            counted = db.execute("SELECT status, count(*) FROM tasks GROUP BY status").fetchall()
            return TaskList(
                tasks=tuple(_row_of(cast("bytes", summary)) for (summary,) in rows),
                counts=msgspec.convert(dict(cast("list[tuple[str, int]]", counted)), TaskCounts),
            )

    def event_count(self, thread_id: str) -> int:
        with self._reading() as db:
            return cast("int", db.execute("SELECT count(*) FROM events WHERE thread_id = ?", (thread_id,)).get)


def _task(db: Sql, task_id: str) -> Task | None:
    found = db.execute("SELECT record FROM tasks WHERE id = ?", (task_id,)).get
    return _task_of(cast("bytes", found)) if found is not None else None
