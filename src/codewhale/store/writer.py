"""The one writer: takes everything queued, records it in one transaction, syncs, then wakes who waits.

`seq` is given out here, so it is 1..N without gaps in the order of `put`. After a failed commit nothing is accepted or
confirmed until `reopen`; a refused append fails alone. The thread starts at the first event.
"""

from asyncio import Future, get_running_loop
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from queue import Empty, SimpleQueue
from threading import RLock, Thread

import apsw
from msgspec import Raw, Struct

from codewhale.domain.errors import StoreError
from codewhale.domain.events import Event, ItemDelta, NewEvent
from codewhale.store.failures import Refused, translated
from codewhale.store.feed import Feed, wake
from codewhale.store.projectors import project
from codewhale.store.sql import Sql

MAX_GROUP = 8192
_INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
_AT_ONCE = 32
_INSERT_MANY = _INSERT + ", (?, ?, ?, ?, ?, ?, ?)" * (_AT_ONCE - 1)
_EventValues = tuple[int, str, str | None, str | None, str, str, bytes]

Work = Callable[[Sql], bool]
"""Something else to do in a transaction of the writer; False means "not finished, call again after the others"."""


class Ticket:
    """What became of one append: `await` it for the last `seq`, or for the error. Costs nothing when nobody does."""

    __slots__ = ("_feed", "_futures", "outcome")

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._futures: list[Future[None]] | None = None
        self.outcome: int | StoreError | None = None

    def __await__(self) -> Generator[object, None, int]:
        if self.outcome is None:
            future: Future[None] = get_running_loop().create_future()
            if self._wait(future):
                yield from future
        if isinstance(self.outcome, StoreError):
            error = self.outcome
            raise type(error)(error.message, hint=error.hint) from error
        assert self.outcome is not None
        return self.outcome

    def settle(self, outcome: int | StoreError) -> list[Future[None]]:
        """Note the outcome; the futures to wake. The caller holds the feed's lock."""
        self.outcome = outcome
        return self._futures or []

    def _wait(self, future: Future[None]) -> bool:
        with self._feed.lock:
            if self.outcome is not None:
                return False
            self._futures = [*(self._futures or ()), future]
            return True


class Pending(Struct, frozen=True, kw_only=True):
    """One append on its way to the disk: the events with their encoded payloads, or other work."""

    ticket: Ticket
    generation: int
    events: Sequence[NewEvent] = ()
    payloads: Sequence[bytes] = ()
    work: Work | None = None


class Writer:
    """Owns the writing connection. `put` from any thread; `guard` is held while a transaction is open."""

    def __init__(self, connection: Sql, guard: RLock, feed: Feed) -> None:
        self._db = connection
        self._guard = guard
        self._feed = feed
        self._queue: SimpleQueue[Pending | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._generation = 0
        self._lost: StoreError | None = None

    def put(self, events: Sequence[NewEvent], payloads: Sequence[bytes], work: Work | None = None) -> Ticket:
        """Queue events, or work, to be recorded in order. Raises the error of a log that has failed."""
        failure = self._feed.failure
        if failure is not None:
            raise type(failure)(failure.message, hint=failure.hint) from failure
        ticket = Ticket(self._feed)
        self._queue.put(
            Pending(ticket=ticket, generation=self._generation, events=events, payloads=payloads, work=work)
        )
        if self._thread is None:
            self._thread = Thread(target=self._run, name="codewhale-log", daemon=True)
            self._thread.start()
        return ticket

    def stop(self) -> None:
        """Record what is queued and end the thread."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None
        closed = StoreError("The log is closed.")
        left: list[Pending] = []
        with suppress(Empty):
            while (pending := self._queue.get_nowait()) is not None:
                left.append(pending)
        self._fail(left, closed)

    def reopen(self) -> None:
        """Accept events again after a failure, if a transaction now reaches the disk and the file is sound."""
        with self._guard:
            try:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                found = self._db.execute("PRAGMA quick_check(1)").get
                if found != "ok":
                    raise apsw.CorruptError(str(found))
                # A real page is rewritten: it overwrites whatever a failed commit may have left in the WAL.
                version = self._db.execute("PRAGMA user_version").get
                self._db.execute(f"BEGIN IMMEDIATE; PRAGMA user_version = {version}; COMMIT")
            except apsw.Error as error:
                raise translated(error, "use the log again") from error
            with self._feed.lock:
                self._lost = self._feed.failure or self._lost
                self._generation += 1
                self._feed.failure = None

    @contextmanager
    def transaction(self) -> Generator[Sql]:
        """The connection in a transaction of its own, for work that must be done when it returns. Raises `StoreError`, and
        then nothing changed."""
        with self._guard:
            try:
                with self._db:
                    yield self._db
            except apsw.Error as error:
                raise translated(error, "change the read models") from error

    def _run(self) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            group, stopped = self._group(first)
            self._record(group)
            if stopped:
                return

    def _group(self, first: Pending) -> tuple[list[Pending], bool]:
        group = [first]
        size = len(first.events)
        while size < MAX_GROUP and group[-1].work is None:
            try:
                following = self._queue.get_nowait()
            except Empty:
                break
            if following is None:
                return group, True
            group.append(following)
            size += len(following.events)
        return group, False

    def _record(self, group: list[Pending]) -> None:
        """Commit the group, or settle what cannot be: never raises, so that the thread lives as long as the log."""
        with self._guard:
            failure = self._feed.failure or self._lost
            stale = [p for p in group if self._feed.failure is not None or p.generation != self._generation]
            if stale and failure is not None:
                self._settle(stale, failure)
                group = [p for p in group if p not in stale]
            try:
                self._commit(group)
            except Refused as error:
                self._roll_back()
                if len(group) == 1:
                    self._settle(group, error)
                else:
                    for pending in group:
                        self._record([pending])
            except apsw.Error as error:
                self._roll_back()
                self._fail(group, translated(error, "record an event"))
            except Exception as error:  # noqa: BLE001  (task boundary: whoever waits must learn of it)
                self._roll_back()
                failed = StoreError(
                    f"Could not record an event: {error!r}.", hint="This is a defect; please report it."
                )
                failed.__cause__ = error
                self._fail(group, failed)

    def _commit(self, group: list[Pending]) -> None:
        db = self._db
        seq = self._feed.seq
        rows: list[_EventValues] = []
        projected: list[tuple[int, NewEvent]] = []
        outcomes: list[int | None] = []
        for pending in group:
            for new, payload in zip(pending.events, pending.payloads, strict=True):
                seq += 1
                rows.append((seq, new.thread_id, new.turn_id, new.item_id, new.timestamp, new.payload.WIRE, payload))
                if not isinstance(new.payload, ItemDelta):
                    projected.append((seq, new))
            outcomes.append(seq)
        db.execute("BEGIN IMMEDIATE")
        try:
            _insert(db, rows)
            for at, new in projected:
                project(db, at, new)
        except apsw.ConstraintError as error:
            raise translated(error, "record an event") from error
        for i, pending in enumerate(group):
            if pending.work is not None:
                outcomes[i] = seq if pending.work(db) else None
        db.execute("COMMIT")
        self._publish(group, outcomes, [_event(row) for row in rows])

    def _publish(self, group: list[Pending], outcomes: list[int | None], events: list[Event]) -> None:
        futures: list[Future[None]] = []
        with self._feed.lock:
            futures += self._feed.add(events)
            for pending, outcome in zip(group, outcomes, strict=True):
                if outcome is None:
                    self._queue.put(pending)
                else:
                    futures += pending.ticket.settle(outcome)
        wake(futures)

    def _settle(self, group: Sequence[Pending], error: StoreError) -> None:
        with self._feed.lock:
            futures = [future for pending in group for future in pending.ticket.settle(error)]
        wake(futures)

    def _fail(self, group: Sequence[Pending], error: StoreError) -> None:
        with self._feed.lock:
            self._feed.failure = error
            futures = self._feed.waiting()
        wake(futures)
        self._settle(group, error)

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            with suppress(apsw.Error):  # the commit's own error is told; `reopen` starts with a rollback again
                self._db.execute("ROLLBACK")


def _insert(db: Sql, rows: list[_EventValues]) -> None:
    """Many rows per statement: each statement gives the interpreter up and has to win it back from a busy event loop."""
    whole = len(rows) - len(rows) % _AT_ONCE
    for at in range(0, whole, _AT_ONCE):
        db.execute(_INSERT_MANY, tuple(chain.from_iterable(rows[at : at + _AT_ONCE])))
    if whole < len(rows):
        db.executemany(_INSERT, rows[whole:])


def _event(row: _EventValues) -> Event:
    seq, thread_id, turn_id, item_id, timestamp, event, payload = row
    return Event(
        seq=seq,
        timestamp=timestamp,
        thread_id=thread_id,
        turn_id=turn_id,
        item_id=item_id,
        event=event,
        payload=Raw(payload),
    )
