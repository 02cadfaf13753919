"""The read model of background processes: its projector, which runs inside the transaction that records the change, and its
queries.

A process ends once and is told of once: an event that says otherwise is `Refused`. Positions are in order of starting.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

import msgspec

from codewhale.domain.events import NewEvent, ProcessEnded, ProcessStarted, ProcessTold
from codewhale.domain.processes import Process
from codewhale.store.failures import Refused
from codewhale.store.sql import Sql, Value

_encode = msgspec.json.Encoder().encode
_process_of = msgspec.json.Decoder(Process).decode


def project_process(db: Sql, event: NewEvent, payload: ProcessStarted | ProcessEnded | ProcessTold) -> None:
    """Take a change into the read model."""
    if isinstance(payload, ProcessTold):
        db.execute(
            "UPDATE processes SET told = 1 WHERE id = ? AND thread_id = ? AND open = 0 AND told = 0",
            (payload.process_id, event.thread_id),
        )
        if db.changes() != 1:
            raise Refused(f"The end of process {payload.process_id} cannot be told (again).")
        return
    process = payload.process
    if event.thread_id != process.thread_id:
        raise Refused(f"Process {process.id} belongs to thread {process.thread_id}, not to {event.thread_id}.")
    if isinstance(payload, ProcessStarted):
        db.execute(
            "INSERT INTO processes (id, thread_id, open, told, record) VALUES (?, ?, 1, 0, ?)",
            (process.id, process.thread_id, _encode(process)),
        )
        return
    db.execute("UPDATE processes SET open = 0, record = ? WHERE id = ? AND open = 1", (_encode(process), process.id))
    if db.changes() != 1:
        raise Refused(f"Process {process.id} is not running, so it cannot end.")


class ProcessReader:
    """`store.port.ProcessReads` over one connection; `reading` is one read transaction of it."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._reading = reading

    def get(self, process_id: str) -> Process | None:
        found = self._where("id = ?", process_id)
        return found[0] if found else None

    def open(self) -> list[Process]:
        return self._where("open = 1")

    def of_thread(self, thread_id: str) -> list[Process]:
        return self._where("thread_id = ?", thread_id)

    def untold(self, thread_id: str | None = None) -> list[Process]:
        if thread_id is None:
            return self._where("open = 0 AND told = 0")
        return self._where("open = 0 AND told = 0 AND thread_id = ?", thread_id)

    def _where(self, condition: str, *given: Value) -> list[Process]:
        with self._reading() as db:
            rows = db.execute(f"SELECT record FROM processes WHERE {condition} ORDER BY position", given).fetchall()
            return [_process_of(cast("bytes", record)) for (record,) in rows]
