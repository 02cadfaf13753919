"""The read models of automations and their ledger: the projector, which runs inside the transaction that records the change,
and the queries.

A due time of an automation has one row, by a UNIQUE index: a second claim is refused, whoever makes it. A row that has ended
never changes again; one that never ran may still be queued. Deleting an automation leaves its ledger.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar, cast

import msgspec

from codewhale.domain.automations import Automation, Occurrence
from codewhale.domain.events import AutomationUpdated, NewEvent, OccurrenceUpdated
from codewhale.store.failures import Refused
from codewhale.store.sql import Row, Sql, Value

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_automation_of = msgspec.json.Decoder(Automation).decode
_occurrence_of = msgspec.json.Decoder(Occurrence).decode
_OPEN = "('queued', 'running', 'blocked_on_approval')"


def project_automation(db: Sql, event: NewEvent, payload: AutomationUpdated) -> None:
    """Take an automation's change into the read model."""
    automation = payload.automation
    if event.thread_id != automation.id:
        raise Refused(f"Automation {automation.id} cannot change on the stream {event.thread_id}.")
    record = (automation.updated_at, _encode(automation), automation.id)
    if payload.change == "created":
        db.execute("INSERT INTO automations (updated_at, record, id) VALUES (?, ?, ?)", record)
        return
    db.execute("UPDATE automations SET updated_at = ?, record = ? WHERE id = ? AND deleted = 0", record)
    if db.changes() != 1:
        raise Refused(f"There is no automation {automation.id} that could be {payload.change}.")
    if payload.change == "deleted":
        db.execute("UPDATE automations SET deleted = 1 WHERE id = ?", (automation.id,))


def project_occurrence(db: Sql, event: NewEvent, payload: OccurrenceUpdated) -> None:
    """Take a row of the ledger in: a new one claims its due time."""
    row = payload.occurrence
    if event.thread_id != row.automation_id:
        raise Refused(f"Occurrence {row.id} cannot change on the stream {event.thread_id}.")
    may_follow = f"status IN {_OPEN}" + (" OR status IN ('missed', 'skipped')" if row.status == "queued" else "")
    db.execute(
        f"UPDATE occurrences SET status = ?, record = ? WHERE id = ? AND automation_id = ? AND ({may_follow})",
        (row.status, _encode(row), row.id, row.automation_id),
    )
    if db.changes() == 0:
        db.execute(
            "INSERT INTO occurrences (id, automation_id, scheduled_for, by_hand, status, created_at, record)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                row.id,
                row.automation_id,
                row.scheduled_for,
                row.trigger == "manual",
                row.status,
                row.created_at,
                _encode(row),
            ),
        )


class AutomationReader:
    """`store.port.AutomationReads` over one connection; `reading` is one read transaction of it. A record that cannot be
    read is left out, so that it never stops the others; `codewhale store check` names it."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._reading = reading

    def all(self) -> list[Automation]:
        with self._reading() as db:
            rows = db.execute(
                "SELECT record FROM automations WHERE deleted = 0 ORDER BY updated_at DESC, position DESC"
            ).fetchall()
        return list(_readable(rows, _automation_of))

    def occurrences(self, automation_id: str, limit: int | None) -> list[Occurrence]:
        return self._occurrences(
            "automation_id = ? ORDER BY created_at DESC, position DESC LIMIT ?",
            automation_id,
            -1 if limit is None else limit,
        )

    def occurrence(self, occurrence_id: str) -> Occurrence | None:
        found = self._occurrences("id = ?", occurrence_id)
        return found[0] if found else None

    def open_occurrences(self) -> list[Occurrence]:
        return self._occurrences(f"status IN {_OPEN} ORDER BY position")

    def claimed(self, automation_id: str, first: str, last: str) -> list[Occurrence]:
        return self._occurrences(
            "automation_id = ? AND by_hand = 0 AND scheduled_for BETWEEN ? AND ? ORDER BY scheduled_for",
            automation_id,
            first,
            last,
        )

    def _occurrences(self, where: str, *given: Value) -> list[Occurrence]:
        with self._reading() as db:
            rows = db.execute(f"SELECT record FROM occurrences WHERE {where}", given).fetchall()
        return list(_readable(rows, _occurrence_of))


def _readable(rows: list[Row], decode: Callable[[bytes], T]) -> Iterator[T]:
    for (record,) in rows:
        try:
            yield decode(cast("bytes", record))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
