"""What was committed lately, in memory, and who waits for more.

Live readers are served from here without touching SQLite; whoever is further behind reads the table. All events after
`floor` are here. Filled by the writer's thread, read by event loops: the lock is held for moments only.
"""

from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from itertools import takewhile
from threading import Lock

from codewhale.domain.errors import StoreError
from codewhale.domain.events import Event

MAX_BYTES = 4 * 1024 * 1024


class Feed:
    """The tail of the log, bounded in events and in bytes of payload, and the wake-ups of its readers."""

    def __init__(self, seq: int, *, max_events: int, max_bytes: int = MAX_BYTES) -> None:
        self.lock = Lock()
        self.seq = seq
        self.failure: StoreError | None = None
        self._floor = seq
        self._limits = (max_events, max_bytes)
        self._bytes = 0
        self._events: deque[Event] = deque()
        self._of_thread: dict[str, deque[Event]] = {}
        self._waiting: dict[str | None, set[Future[None]]] = {}

    def add(self, events: Iterable[Event]) -> list[Future[None]]:
        """Take committed events in; the futures of those who wait for them. The caller holds the lock."""
        touched: set[str | None] = {None}
        for event in events:
            self._events.append(event)
            self._of_thread.setdefault(event.thread_id, deque()).append(event)
            self._bytes += len(memoryview(event.payload))
            self.seq = event.seq
            touched.add(event.thread_id)
        max_events, max_bytes = self._limits
        while len(self._events) > max_events or self._bytes > max_bytes:
            self._evict()
        return [future for key in touched for future in self._waiting.get(key, ())]

    def waiting(self) -> list[Future[None]]:
        """The futures of everybody who waits. The caller holds the lock."""
        return [future for futures in self._waiting.values() for future in futures]

    def recent(self, thread_id: str | None, after: int) -> tuple[list[Event], int] | None:
        """The events after `after`, and the `seq` up to which that is all of them; None when some of them may be older
        than what is kept."""
        with self.lock:
            if after < self._floor:
                return None
            kept = self._events if thread_id is None else self._of_thread.get(thread_id, ())
            newest_first = list(takewhile(lambda event: event.seq > after, reversed(kept)))
            seq = max(self.seq, after)
        newest_first.reverse()
        return newest_first, seq

    async def more(self, thread_id: str | None, after: int) -> None:
        """Wait until something after `after` was committed, or the log failed."""
        future: Future[None] = get_running_loop().create_future()
        with self.lock:
            kept = self._events if thread_id is None else self._of_thread.get(thread_id)
            if self.failure is not None or after < self._floor or (kept and kept[-1].seq > after):
                return  # a reader below the floor looks into the table, and comes back with a cursor above it
            futures = self._waiting.setdefault(thread_id, set())
            futures.add(future)
        try:
            await future
        finally:
            with self.lock:
                futures.discard(future)
                if not futures and self._waiting.get(thread_id) is futures:
                    del self._waiting[thread_id]

    def _evict(self) -> None:
        event = self._events.popleft()
        self._floor = event.seq
        self._bytes -= len(memoryview(event.payload))
        of_thread = self._of_thread[event.thread_id]
        of_thread.popleft()
        if not of_thread:
            del self._of_thread[event.thread_id]


def wake(futures: Iterable[Future[None]]) -> None:
    """Wake everybody, with one call into each event loop; callable from any thread."""
    by_loop: dict[AbstractEventLoop, list[Future[None]]] = {}
    for future in futures:
        by_loop.setdefault(future.get_loop(), []).append(future)
    for loop, waiting in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody is left who waits
            loop.call_soon_threadsafe(_set, waiting)


def _set(futures: list[Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
