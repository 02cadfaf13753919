"""The log of one data directory in SQLite: the store's port, put together.

One writer thread commits (`writer.py`), read models change in the same transaction (`projectors.py`), live readers are
fed from memory (`feed.py`) and all others from the table (`queries.py`). Secrets are redacted here and nowhere else.
"""

import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from threading import RLock

import apsw
import msgspec
from msgspec.structs import replace

from codewhale.domain.decisions import Decided, DecisionQuery
from codewhale.domain.errors import StoreError
from codewhale.domain.events import PAYLOADS, Event, ItemDelta, NewEvent, Payload
from codewhale.domain.ports import Clock
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Request
from codewhale.domain.usage import UsageQuery, UsageReport
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.store.automations import AutomationReader
from codewhale.store.blobs import Blobs, MemoryBlobs
from codewhale.store.budgets import BudgetReader
from codewhale.store.failures import translated
from codewhale.store.feed import Feed
from codewhale.store.idempotency import ReceiptTable
from codewhale.store.lock import Lock, Owner
from codewhale.store.processes import ProcessReader
from codewhale.store.queries import Reader
from codewhale.store.schema import FILE, connect, connect_memory, require_sqlite
from codewhale.store.sessions import SessionReader
from codewhale.store.sql import Sql
from codewhale.store.tasks import TaskReader
from codewhale.store.usage import UsageReader
from codewhale.store.writer import Ticket, Writer

PAGE = 512
"""Events that a subscriber takes from the table at once."""

TAIL_EVENTS = 4096
"""How many of the latest events are kept in memory for live readers (their bytes are bounded too)."""

_PRUNED_AT_ONCE = 200

Redact = Callable[[bytes], bytes]
"""Takes the JSON of a payload (or a blob) and gives it back without secrets: the same object when there are none, and
always JSON of the same shape."""

_encode = msgspec.json.Encoder().encode


class SqliteStore:
    """`store.port.Store` on a local disk. Made by `open` or `in_memory`."""

    def __init__(
        self,
        connections: tuple[Sql, Sql],
        blobs: Blobs,
        lock: Lock | None,
        redact: Redact | None,
    ) -> None:
        self._writing, self._reading = connections
        self._blobs = blobs
        self._lock = lock
        self._redact = redact
        guard = RLock()
        self._reader = Reader(self._reading, guard if self._reading is self._writing else RLock())
        self._sessions = SessionReader(self._reader.transaction)
        self._tasks = TaskReader(self._reader.transaction)
        self._automations = AutomationReader(self._reader.transaction)
        self._processes = ProcessReader(self._reader.transaction)
        self.budgets = BudgetReader(self._reader.transaction)
        self._feed = Feed(self._reader.last_seq(), max_events=TAIL_EVENTS)
        self._writer = Writer(self._writing, guard, self._feed)
        self.receipts = ReceiptTable(self._writer, self._reader, redact)

    @classmethod
    def open(
        cls, directory: str, *, clock: Clock, redact: Redact | None = None, what: str = "runtime"
    ) -> "SqliteStore":
        """Own `directory` and open its log, made or migrated if need be; `what` tells other processes who we are.
        Raises `StoreOwned`, `StoreTooNew`, `StoreCorrupt`, `StoreUnwritable`."""
        require_sqlite()
        directory = os.path.abspath(directory)
        lock = Lock.take(directory, Owner(pid=os.getpid(), started_at=clock.now(), what=what))
        try:
            with ExitStack() as opened:
                connections = connect(os.path.join(directory, FILE))
                for connection in connections:
                    opened.callback(connection.close)
                store = cls(connections, Blobs(os.path.join(directory, "blobs")), lock, redact)
                opened.pop_all()
                return store
        except (apsw.Error, OSError) as error:
            lock.release()
            raise translated(error, f"open the log in {directory}") from error
        except BaseException:
            lock.release()
            raise

    @classmethod
    def in_memory(cls, *, redact: Redact | None = None) -> "SqliteStore":
        """A log that goes with the process and owns no directory."""
        require_sqlite()
        connection = connect_memory()
        return cls((connection, connection), MemoryBlobs(), None, redact)

    @property
    def latest_seq(self) -> int:
        return self._feed.seq

    @property
    def failure(self) -> StoreError | None:
        """Why the log takes no more events; None while it does."""
        return self._feed.failure

    def append(self, events: Sequence[NewEvent]) -> Ticket:
        if self._redact is None:
            return self._writer.put(events, [_encode(event.payload) for event in events])
        safe = [_redacted(event, self._redact) for event in events]
        return self._writer.put([event for event, _ in safe], [payload for _, payload in safe])

    def read(self, thread_id: str | None, *, after: int, limit: int) -> list[Event]:
        return self._reader.events(thread_id, after, max(limit, 0))

    def latest(self, thread_id: str, event: str) -> Event | None:
        return self._reader.latest(thread_id, event)

    async def subscribe(self, thread_id: str | None, *, after: int) -> AsyncGenerator[list[Event], None]:
        cursor = after
        while True:
            if self._feed.failure is not None:
                raise _again(self._feed.failure)
            batch, cursor = self._next(thread_id, cursor)
            if batch:
                yield batch
            else:
                await self._feed.more(thread_id, cursor)

    def thread(self, thread_id: str) -> Thread | None:
        return self._reader.thread(thread_id)

    def threads(self, filter: ThreadFilter) -> list[Thread]:
        return self._reader.threads(filter)

    def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]:
        return self._reader.summaries(filter)

    def snapshot(self, thread_id: str) -> ThreadSnapshot | None:
        return self._reader.snapshot(thread_id)

    def turn(self, turn_id: str) -> Turn | None:
        return self._reader.turn(turn_id)

    def items(self, thread_id: str) -> list[Item]:
        return self._reader.items(thread_id)

    def usage(self, query: UsageQuery) -> UsageReport:
        return UsageReader(self._reader.transaction).usage(query)

    def decisions(self, query: DecisionQuery) -> list[Decided]:
        from codewhale.store.decisions import DecisionReader  # noqa: PLC0415 - start-up: few command lines look back

        return DecisionReader(self._reader.transaction)(query)

    def open_requests(self, thread_id: str | None = None) -> list[Request]:
        return self._reader.open_requests(thread_id)

    def request_known(self, request_id: str) -> bool:
        return self._reader.request_known(request_id)

    def threads_with_open_turns(self) -> list[str]:
        return self._reader.threads_with_open_turns()

    @property
    def sessions(self) -> SessionReader:
        return self._sessions

    @property
    def tasks(self) -> TaskReader:
        return self._tasks

    @property
    def automations(self) -> AutomationReader:
        return self._automations

    @property
    def processes(self) -> ProcessReader:
        return self._processes

    def put_blob(self, content: bytes) -> str:
        return self._blobs.put(content if self._redact is None else self._redact(content))

    def get_blob(self, digest: str) -> bytes | None:
        return self._blobs.get(digest)

    def prune_deltas(self, *, ended_before: str) -> Ticket:
        """Remove the deltas of items that ended before that time; the finished item holds their text. Done in small
        transactions between appends; the ticket is for the end of it."""
        return self._writer.put((), (), partial(_prune_some, ended_before=ended_before))

    def announce(self, *, url: str, token: str | None) -> None:
        """Tell other processes where this one serves (0600)."""
        if self._lock is not None:
            self._lock.announce(url=url, token=token)

    def reopen(self) -> None:
        """Take events again after a failure, once the disk is fine; what was not acknowledged stays away. Raises the
        `StoreError` that still stands in the way. Subscribers that were told of the failure subscribe again."""
        self._writer.reopen()

    @property
    def blobs(self) -> Blobs:
        """The large outputs."""
        return self._blobs

    def reading(self) -> AbstractContextManager[Sql]:
        """One read transaction over the log, for `store.check`."""
        return self._reader.transaction()

    def writing(self) -> AbstractContextManager[Sql]:
        """One write transaction, for `store.check`."""
        return self._writer.transaction()

    def close(self) -> None:
        self._writer.stop()
        self._reading.close()
        self._writing.close()
        if self._lock is not None:
            self._lock.release()

    def _next(self, thread_id: str | None, cursor: int) -> tuple[list[Event], int]:
        """The next batch, and the `seq` up to which the thread has nothing else."""
        recent = self._feed.recent(thread_id, cursor)
        if recent is not None:
            return recent
        head = self._feed.seq
        page = self._reader.events(thread_id, cursor, PAGE)
        if len(page) == PAGE:
            return page, page[-1].seq
        return page, max(head, page[-1].seq if page else cursor)


def _redacted(event: NewEvent, redact: Redact) -> tuple[NewEvent, bytes]:
    raw = _encode(event.payload)
    safe = redact(raw)
    if safe is raw:
        return event, raw
    payload: Payload = msgspec.json.decode(safe, type=PAYLOADS[event.payload.WIRE])
    return replace(event, payload=payload), safe


def _prune_some(db: Sql, *, ended_before: str) -> bool:
    """Remove the deltas of up to `_PRUNED_AT_ONCE` items; whether that were all."""
    items = db.execute(
        "SELECT position, id, thread_id, first_seq, last_seq FROM items"
        " WHERE open = 0 AND pruned = 0 AND ended_at < ? ORDER BY ended_at LIMIT ?",
        (ended_before, _PRUNED_AT_ONCE),
    ).fetchall()
    for position, item_id, thread_id, first_seq, last_seq in items:
        db.execute(
            "DELETE FROM events WHERE thread_id = ? AND seq BETWEEN ? AND ? AND item_id = ? AND event = ?",
            (thread_id, first_seq, last_seq, item_id, ItemDelta.WIRE),
        )
        db.execute("UPDATE items SET pruned = 1 WHERE position = ?", (position,))
    return len(items) < _PRUNED_AT_ONCE


def _again(failure: StoreError) -> StoreError:
    error = type(failure)(failure.message, hint=failure.hint)
    error.__cause__ = failure
    return error
