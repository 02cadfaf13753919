"""The way to a supervisor, from its starter or from whoever takes it over later: its news, its orders, its end.

It goes by the files of the supervisor's folder, so it needs no kinship. No task and nothing to await: what happens comes to a
callback of the event loop. Whoever opens a link must `close` it.
"""

import asyncio
import os
import signal
import struct
from collections.abc import Callable
from contextlib import suppress

import msgspec

from codewhale.domain.processes import ProcessEnd
from codewhale.workspace.guard import GUARD, kill, reap

CONTROL, EVENTS, END = "control", "events", "end.json"
FRAME_LIMIT = 2048
"""Bytes of input in one order, which a pipe takes whole or not at all."""
STOP_SECONDS = 2.0
SWEEPS = 8


class Link:
    """A living supervisor and what it has told."""

    def __init__(self, folder: str, supervisor_pid: int, on_news: Callable[[], None]) -> None:
        """`on_news` is called when there is output and when it is over. `OSError` when nobody is there."""
        self.folder = folder
        self.over = False
        self._pid = supervisor_pid
        self._on_news = on_news
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._control = os.open(os.path.join(folder, CONTROL), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            self._events = os.open(os.path.join(folder, EVENTS), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            os.close(self._control)
            raise
        self._loop.add_reader(self._events, self._news)

    def say(self, text: bytes) -> None:
        """More for its input."""
        for start in range(0, len(text), FRAME_LIMIT):
            self._order(b"i", text[start : start + FRAME_LIMIT])

    def close_input(self) -> None:
        """No more input."""
        self._order(b"c", b"")

    def stop(self, grace: float = STOP_SECONDS) -> None:
        """End it and all that it started: asked first, killed after `grace` seconds. Returns at once."""
        if self._unsent and self._control >= 0:  # it is behind input that nobody reads
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGTERM)
        self._queue(stop_frame(grace))

    @property
    def unsent(self) -> int:
        """Orders that it has not taken yet."""
        return len(self._unsent)

    def close(self) -> None:
        """Let go of it; it runs on."""
        if self._events >= 0:
            self._loop.remove_reader(self._events)
            os.close(self._events)
            self._events = -1
        if self._control >= 0:
            self._loop.remove_writer(self._control)
            os.close(self._control)
            self._control = -1
        self._unsent.clear()

    def _order(self, kind: bytes, content: bytes) -> None:
        self._queue(frame(kind, content))

    def _queue(self, order: bytes) -> None:
        if self._control < 0:
            return
        if not self._unsent:
            self._loop.add_writer(self._control, self._send)
        self._unsent.append(order)

    def _send(self) -> None:
        try:
            while self._unsent:
                os.write(self._control, self._unsent[0])
                del self._unsent[0]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it is gone, and its other pipe says so
            self._unsent.clear()
        self._loop.remove_writer(self._control)

    def _news(self) -> None:
        try:
            heard = os.read(self._events, 65536)
        except BlockingIOError:
            return
        if not heard:
            self.close()
            self.over = True
            self._collect()
        self._on_news()

    def _collect(self) -> None:
        """Reap the supervisor if it is a child of ours. It closes its pipe just before its end, so that may still come."""
        try:
            gone = os.pidfd_open(self._pid)
        except (
            AttributeError,
            OSError,
        ):  # a system without them, where orphans are not handed to us; or reaped already
            reap(self._pid)
            return

        def collect() -> None:
            self._loop.remove_reader(gone)
            os.close(gone)
            reap(self._pid)

        self._loop.add_reader(gone, collect)


def frame(kind: bytes, content: bytes) -> bytes:
    """An order as the supervisor reads it."""
    return struct.pack("=cI", kind, len(content)) + content


def stop_frame(grace: float) -> bytes:
    """The order to end the command, with so many seconds to do it by itself."""
    return frame(b"k", struct.pack("=d", grace))


def end_of(folder: str) -> ProcessEnd | None:
    """How it ended, if its supervisor lived to tell."""
    try:
        with open(os.path.join(folder, END), "rb") as file:
            return msgspec.json.decode(file.read(), type=ProcessEnd)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def began(pid: int) -> str:
    """When the kernel started a process, in its own words; empty when it is gone or nothing is told."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def sweep(mark: str) -> None:
    """Kill whatever carries the mark: what is left of a program whose supervisor was killed."""
    wanted = f"{mark}\0".encode()
    for _ in range(SWEEPS):
        found = [pid for pid in _pids() if _carries(pid, wanted) and kill(pid)]
        GUARD.orphans()
        if not found:
            return


def _pids() -> list[int]:
    with suppress(FileNotFoundError):
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid()]
    return []


def _carries(pid: int, wanted: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return b"\0" + wanted in b"\0" + file.read()
    except OSError:
        return False
