"""Reading the log and its read models back as domain values, over one connection.

Every query sees committed events only; the ones made of several statements run in one read transaction. The connection
is guarded, so that two threads of a process may ask.
"""

from collections.abc import Generator
from contextlib import contextmanager
from threading import RLock
from typing import cast

import apsw
import msgspec
from msgspec.structs import replace

from codewhale.domain.events import Event, ItemDelta
from codewhale.domain.records import OPEN_STATUSES, Item, Status, Thread, Turn
from codewhale.domain.requests import Request
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.store.failures import translated
from codewhale.store.projectors import title_of
from codewhale.store.sql import Row, Sql, Value

EVENT_COLUMNS = "seq, timestamp, thread_id, turn_id, item_id, event, payload"
_ALL = f"SELECT {EVENT_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
_OF_THREAD = f"SELECT {EVENT_COLUMNS} FROM events WHERE thread_id = ? AND seq > ? ORDER BY seq LIMIT ?"
_LATEST = f"SELECT {EVENT_COLUMNS} FROM events WHERE thread_id = ? AND event = ? ORDER BY seq DESC LIMIT 1"
_THREAD = "record, latest_turn_id, updated_at"

_thread_of = msgspec.json.Decoder(Thread).decode
_turn_of = msgspec.json.Decoder(Turn).decode
_item_of = msgspec.json.Decoder(Item).decode
_request_of = msgspec.json.Decoder(Request).decode
_delta_of = msgspec.json.Decoder(ItemDelta).decode

EventRow = tuple[int, str, str, str | None, str | None, str, bytes]
"""A row of `events`, columns in the order of `EVENT_COLUMNS`."""


class Reader:
    """The queries of the store's port."""

    def __init__(self, connection: Sql, guard: RLock) -> None:
        self._db = connection
        self._guard = guard

    def last_seq(self) -> int:
        """The last committed `seq`; 0 when there is none."""
        with self._reading():
            return cast("int | None", self._db.execute("SELECT max(seq) FROM events").get) or 0

    def events(self, thread_id: str | None, after: int, limit: int) -> list[Event]:
        """Up to `limit` events after `after`, in order."""
        with self._reading():
            found = (
                self._db.execute(_ALL, (after, limit))
                if thread_id is None
                else self._db.execute(_OF_THREAD, (thread_id, after, limit))
            )
            return [event_of(row) for row in cast("list[EventRow]", found.fetchall())]

    def latest(self, thread_id: str, event: str) -> Event | None:
        """The thread's last event of this name."""
        with self._reading():
            rows = self._db.execute(_LATEST, (thread_id, event)).fetchall()
            return event_of(cast("EventRow", rows[0])) if rows else None

    def thread(self, thread_id: str) -> Thread | None:
        with self._reading():
            return self._thread(thread_id)

    def threads(self, filter: ThreadFilter) -> list[Thread]:
        where, given = _where(filter)
        sql = f"SELECT {_THREAD} FROM threads {where} ORDER BY updated_at DESC, position DESC LIMIT ?"
        with self._reading():
            return [_thread(*row) for row in cast("list[tuple[bytes, str | None, str]]", self._rows(sql, *given))]

    def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]:
        where, given = _where(filter)
        sql = (
            "SELECT t.id, t.own_title, t.turn_title, t.preview, t.model, t.mode, t.archived, t.updated_at,"
            " t.latest_turn_id, turns.status, t.workspace"
            f" FROM (SELECT * FROM threads {where} ORDER BY updated_at DESC, position DESC LIMIT ?) AS t"
            " LEFT JOIN turns ON turns.id = t.latest_turn_id ORDER BY t.updated_at DESC, t.position DESC"
        )
        with self._reading():
            return [_summary(*row) for row in cast("list[_SummaryRow]", self._rows(sql, *given))]

    def snapshot(self, thread_id: str) -> ThreadSnapshot | None:
        with self._transaction():
            thread = self._thread(thread_id)
            if thread is None:
                return None
            turns = self._rows(
                "SELECT id, steer_count, record FROM turns WHERE thread_id = ?1 ORDER BY position", thread_id
            )
            items = self._rows(
                "SELECT open, first_seq, record FROM items WHERE thread_id = ? ORDER BY position", thread_id
            )
            return ThreadSnapshot(
                thread=thread,
                turns=tuple(self._turn(*row) for row in cast("list[_TurnRow]", turns)),
                items=tuple(
                    self._with_text(thread_id, _item_of(record), first_seq) if is_open else _item_of(record)
                    for is_open, first_seq, record in cast("list[tuple[int, int, bytes]]", items)
                ),
                requests=tuple(self._requests(thread_id)),
                latest_seq=cast("int", self._db.execute("SELECT max(seq) FROM events").get),
            )

    def turn(self, turn_id: str) -> Turn | None:
        with self._transaction():
            rows = self._rows("SELECT id, steer_count, record FROM turns WHERE id = ?", turn_id)
            return self._turn(*cast("_TurnRow", rows[0])) if rows else None

    def items(self, thread_id: str) -> list[Item]:
        with self._reading():
            rows = self._rows("SELECT record FROM items WHERE thread_id = ? ORDER BY position", thread_id)
            return [_item_of(cast("bytes", record)) for (record,) in rows]

    def open_requests(self, thread_id: str | None) -> list[Request]:
        with self._reading():
            return self._requests(thread_id)

    def request_known(self, request_id: str) -> bool:
        with self._reading():
            return bool(self._rows("SELECT 1 FROM requests WHERE id = ?", request_id))

    def threads_with_open_turns(self) -> list[str]:
        sql = (
            "SELECT DISTINCT thread_id FROM turns INDEXED BY turns_open"
            " WHERE status IN ('queued', 'in_progress') ORDER BY thread_id"
        )
        with self._reading():
            return [cast("str", thread_id) for (thread_id,) in self._rows(sql)]

    def _rows(self, sql: str, *given: Value) -> list[Row]:
        return self._db.execute(sql, given).fetchall()

    def _thread(self, thread_id: str) -> Thread | None:
        rows = self._rows(f"SELECT {_THREAD} FROM threads WHERE id = ?", thread_id)
        return _thread(*cast("tuple[bytes, str | None, str]", rows[0])) if rows else None

    def _turn(self, turn_id: str, steer_count: int, record: bytes) -> Turn:
        turn = _turn_of(record)
        if turn.status not in OPEN_STATUSES:
            return turn
        ids = self._rows("SELECT id FROM items WHERE turn_id = ? ORDER BY position", turn_id)
        known = set(turn.item_ids)
        added = (cast("str", i) for (i,) in ids if i not in known)
        return replace(turn, steer_count=steer_count, item_ids=(*turn.item_ids, *added))

    def _with_text(self, thread_id: str, item: Item, first_seq: int) -> Item:
        sql = "SELECT payload FROM events WHERE thread_id = ? AND seq > ? AND item_id = ? AND event = ? ORDER BY seq"
        rows = self._rows(sql, thread_id, first_seq, item.id, ItemDelta.WIRE)
        if not rows:
            return item
        return replace(item, detail="".join(_delta_of(cast("bytes", payload)).delta for (payload,) in rows))

    def _requests(self, thread_id: str | None) -> list[Request]:
        rows = (
            self._rows("SELECT record FROM requests WHERE open = 1 ORDER BY position")
            if thread_id is None
            else self._rows("SELECT record FROM requests WHERE open = 1 AND thread_id = ? ORDER BY position", thread_id)
        )
        return [_request_of(cast("bytes", record)) for (record,) in rows]

    @contextmanager
    def transaction(self) -> Generator[Sql]:
        """The connection, in one read transaction: it sees the log as of now, whatever is committed meanwhile."""
        with self._transaction():
            yield self._db

    @contextmanager
    def _reading(self) -> Generator[None]:
        with self._guard:
            try:
                yield
            except apsw.Error as error:
                raise translated(error, "read the log") from error

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._reading():
            self._db.execute("BEGIN")
            try:
                yield
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")


def event_of(row: EventRow) -> Event:
    """The event in a row of `events`, columns in the order of `EVENT_COLUMNS`."""
    seq, timestamp, thread_id, turn_id, item_id, event, payload = row
    return Event(
        seq=seq,
        timestamp=timestamp,
        thread_id=thread_id,
        turn_id=turn_id,
        item_id=item_id,
        event=event,
        payload=msgspec.Raw(payload),
    )


_TurnRow = tuple[str, int, bytes]
_SummaryRow = tuple[str, str, str, str, str, str, int, str, str | None, Status | None, str]


def _thread(record: bytes, latest_turn_id: str | None, updated_at: str) -> Thread:
    thread = _thread_of(record)
    if thread.updated_at == updated_at and thread.latest_turn_id == latest_turn_id:
        return thread
    return replace(thread, latest_turn_id=latest_turn_id, updated_at=updated_at)


def _summary(*row: *_SummaryRow) -> ThreadSummary:
    thread_id, own_title, turn_title, preview, model, mode, archived, updated_at, turn_id, status, workspace = row
    title = title_of(own_title, turn_title)
    return ThreadSummary(
        id=thread_id,
        title=title,
        preview=preview or title,
        model=model,
        mode=mode,
        archived=bool(archived),
        updated_at=updated_at,
        latest_turn_id=turn_id,
        latest_turn_status=status,
        workspace=workspace,
    )


def _where(filter: ThreadFilter) -> tuple[str, list[str | int]]:
    """The WHERE clause of a filter and all values to bind, the limit last."""
    clauses: list[str] = []
    given: list[str | int] = []
    if filter.archived_only:
        clauses.append("archived = 1")
    elif not filter.include_archived:
        clauses.append("archived = 0")
    if filter.workspace is not None:
        clauses.append("workspace = ?")
        given.append(filter.workspace)
    if filter.search is not None and filter.search.strip():
        clauses.append("instr(search, ?) > 0")
        given.append(filter.search.strip().casefold())
    given.append(-1 if filter.limit is None else max(filter.limit, 0))
    return (f"WHERE {' AND '.join(clauses)}" if clauses else "", given)
