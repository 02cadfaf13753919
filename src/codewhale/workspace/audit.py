"""The audit log: one JSON line per decision, in files that are bounded in size and number and readable by their owner alone.

A line is written by a thread of its own. Nothing waits for it and nothing fails with it: what cannot be written is counted,
and told in the next line that can. What is given here must be free of secrets but is redacted all the same.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from queue import Full, Queue
from threading import Thread
from typing import Literal, Protocol

import msgspec

from codewhale.domain.ports import Clock

MOST_WAITING = 4096
MAX_LINE = 16 * 1024
NetworkVerdict = Literal["allow", "deny", "prompt"]


class Audit(Protocol):
    """Who is told of decisions. No method blocks or raises."""

    def record(self, event: str, details: Mapping[str, object]) -> None:
        """Something was decided: `event` is a dotted name (`tool.approval.prompted`), `details` may be shown to anybody who
        may read the log."""
        ...

    def network(self, host: str, tool: str, verdict: NetworkVerdict) -> None:
        """A connection to `host` was allowed or not."""
        ...


class NoAudit:
    """Tells nobody."""

    def record(self, event: str, details: Mapping[str, object]) -> None: ...

    def network(self, host: str, tool: str, verdict: NetworkVerdict) -> None: ...


class AuditFile:
    """Appends to `path`, which becomes `path.1` … `path.<keep>` when it is full. `redact` takes secrets out of a line."""

    def __init__(self, path: str, clock: Clock, redact: Callable[[bytes], bytes], *, max_bytes: int, keep: int) -> None:
        self._path = path
        self._clock = clock
        self._redact = redact
        self._max_bytes = max_bytes
        self._keep = keep
        self._lines: Queue[bytes | None] = Queue(MOST_WAITING)
        self._thread: Thread | None = None
        self._lost = 0

    def record(self, event: str, details: Mapping[str, object]) -> None:
        try:
            line = msgspec.json.encode({"ts": self._clock.now(), "event": event, "details": details})
        except (TypeError, ValueError, UnicodeEncodeError):
            line = msgspec.json.encode({"ts": self._clock.now(), "event": event, "details": {}})
        if len(line) > MAX_LINE:
            line = msgspec.json.encode(
                {"ts": self._clock.now(), "event": event, "details": {"left_out_bytes": len(line)}}
            )
        self._put(line)

    def network(self, host: str, tool: str, verdict: NetworkVerdict) -> None:
        words = ("".join(c for c in word[:255] if c.isprintable() and not c.isspace()) or "-" for word in (host, tool))
        self._put(" ".join((self._clock.now(), "network", *words, verdict)).encode("utf-8", "replace"))

    def close(self) -> None:
        """Write what waits, a few seconds at most, and stop."""
        if self._thread is not None:
            with suppress(Full):
                self._lines.put(None, timeout=1)
            self._thread.join(timeout=3)
            self._thread = None

    def _put(self, line: bytes) -> None:
        if self._thread is None:
            self._thread = Thread(target=self._write_all, name="audit", daemon=True)
            self._thread.start()
        try:
            self._lines.put_nowait(line)
        except Full:
            self._lost += 1

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            batch = [line]
            ended = False
            while not self._lines.empty():
                more = self._lines.get()
                if more is None:
                    ended = True
                    break
                batch.append(more)
            self._write(batch)
            if ended:
                return

    def _write(self, batch: Sequence[bytes]) -> None:
        lost = self._lost
        try:
            if lost:
                self._lost -= lost
                batch = [
                    msgspec.json.encode({"ts": self._clock.now(), "event": "audit.lost", "details": {"lines": lost}}),
                    *batch,
                ]
            content = b"".join(self._redact(line) + b"\n" for line in batch)
            self._make_room(len(content))
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
            fd = os.open(self._path, flags, 0o600)
            try:
                os.write(fd, content)
            finally:
                os.close(fd)
        except OSError:
            self._lost += lost + len(batch)

    def _make_room(self, coming: int) -> None:
        """Put the file aside when the lines would make it too large; the oldest goes."""
        try:
            size = os.lstat(self._path).st_size
        except FileNotFoundError:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            return
        if size + coming <= self._max_bytes:
            return
        names = [self._path, *(f"{self._path}.{number}" for number in range(1, self._keep + 1))]
        for older, newer in zip(reversed(names), reversed(names[:-1]), strict=False):
            with suppress(FileNotFoundError):
                os.replace(newer, older)
