"""One running program as a state machine of the event loop's callbacks: no task, no polling, nothing to await to be safe.

Its order: the leader exits -> its group and its orphans are killed -> they are gone -> the pipes are read to their end
-> `done`. Each stage has a bound, so an unkillable process or a held pipe delays `done` and cannot prevent it.
"""

import asyncio
import codecs
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Protocol

from codewhale.workspace.capture import Capture
from codewhale.workspace.guard import GUARD, kill_group, reap
from codewhale.workspace.spawned import Process

READ_SIZE = 64 * 1024
KILL_SECONDS = 2.0
DRAIN_SECONDS = 0.25
SWEEP_ROUNDS = 64
UNCLEAR_SECONDS = 0.001
UNCLEAR_LOOKS = 8


class Sink(Protocol):
    """Takes what comes out of a pipe; an empty piece is the end. Must not raise or block."""

    def feed(self, chunk: bytes) -> None: ...


class Running(Process, Protocol):
    """A started program with our ends of its streams."""

    @property
    def stdin(self) -> IO[bytes] | None: ...

    @property
    def stdout(self) -> IO[bytes] | None: ...

    @property
    def stderr(self) -> IO[bytes] | None: ...

    def ask_to_end(self) -> None:
        """SIGTERM to the program and its group."""
        ...

    def end(self) -> None:
        """Kill it with its group. Returns at once."""
        ...


class Stream:
    """One output pipe: what is kept of it, and its text as it comes for whoever looks on."""

    def __init__(self, capture: Capture, on_text: Callable[[str], None] | None) -> None:
        self._capture = capture
        self._on_text = on_text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace") if on_text is not None else None

    def feed(self, chunk: bytes) -> None:
        """A piece of output; an empty one is the end."""
        self._capture.feed(chunk)
        if self._decoder is not None and self._on_text is not None:
            text = self._decoder.decode(chunk, final=not chunk)
            if text:
                self._on_text(text)


class Child:
    """Owns the process and its pipes from the moment it was started until `done` is set."""

    def __init__(
        self,
        process: Running,
        mark: str,
        streams: Mapping[int, Sink],
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        """`at_end` is called once, just before `done` is set; it must not raise or block."""
        self._at_end = at_end
        self.done = asyncio.Event()
        self.process = process
        self._mark = mark
        self._streams = dict(streams)
        self._loop = asyncio.get_running_loop()
        self._waited: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._dying: set[int] = set()
        self._rounds = 0
        self._looks = 0
        self._swept = False
        self._unwritten = bytearray()
        self._last_words = False
        for fd in streams:
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._readable, fd)
        self._await_exit(process.pid, self._leader_exited)

    def feed(self, stdin: bytes) -> None:
        """Write all of `stdin` as fast as it is read, then close the pipe."""
        self._last_words = True
        self.say(stdin)

    def say(self, content: bytes) -> None:
        """Write more to stdin, as fast as it is read; the pipe stays open."""
        pipe = self.process.stdin
        assert pipe is not None
        if pipe.closed:
            return
        if not self._unwritten:
            os.set_blocking(pipe.fileno(), False)
            self._loop.add_writer(pipe.fileno(), self._writable, pipe.fileno())
        self._unwritten += content

    @property
    def unsaid(self) -> int:
        """Bytes for stdin that it has not taken yet."""
        return len(self._unwritten)

    def kill(self) -> None:
        """End it now. Returns at once; `done` follows within the bounds."""
        if self.done.is_set():
            return
        if self.process.returncode is None:
            self.process.end()
            self._kill_leftovers()
        self._bound(KILL_SECONDS)

    def stop(self, grace: float) -> None:
        """Ask it to end, and end it when it has not after `grace` seconds. Returns at once."""
        if self.done.is_set() or self.process.returncode is not None:
            return
        self.process.ask_to_end()
        self._bound(grace, self.kill)

    def _await_exit(self, pid: int, then: Callable[[int], None]) -> None:
        try:
            fd = os.pidfd_open(pid)
        except (AttributeError, OSError):  # not Linux, or forbidden: a thread waits, without reaping
            threading.Thread(target=self._wait_in_thread, args=(pid, then), daemon=True).start()
            return
        self._waited[pid] = fd
        self._loop.add_reader(fd, self._gone, pid, then)

    def _wait_in_thread(self, pid: int, then: Callable[[int], None]) -> None:
        with suppress(ChildProcessError):  # reaped already: as gone as can be
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(then, pid)

    def _gone(self, pid: int, then: Callable[[int], None]) -> None:
        self._forget(pid)
        then(pid)

    def _forget(self, pid: int) -> None:
        fd = self._waited.pop(pid)
        self._loop.remove_reader(fd)
        os.close(fd)

    def _leader_exited(self, pid: int) -> None:
        if self.done.is_set():
            return
        kill_group(pid)
        self.process.poll()
        self._bound(KILL_SECONDS)
        self._sweep()

    def _sweep(self) -> None:
        if self.process.returncode is None or self._swept:
            return
        self._rounds += 1
        unclear = self._kill_leftovers()
        if self._rounds <= SWEEP_ROUNDS and self._dying:
            return
        if self._rounds <= SWEEP_ROUNDS and unclear and self._looks < UNCLEAR_LOOKS:
            self._looks += 1
            self._loop.call_later(UNCLEAR_SECONDS, self._sweep)
            return
        self._swept = True
        self._bound(DRAIN_SECONDS)
        self._finish_if_read()

    def _kill_leftovers(self) -> bool:
        """Kill what can be attributed, and wait for it; whether something could not be attributed yet."""
        found = GUARD.kill_leftovers(self.process.pid, self._mark)
        for pid in found.killed:
            if pid not in self._dying:
                self._dying.add(pid)
                self._await_exit(pid, self._leftover_gone)
        return found.unclear

    def _leftover_gone(self, pid: int) -> None:
        reap(pid)
        self._dying.discard(pid)
        if not self._dying and not self.done.is_set():
            self._sweep()

    def _readable(self, fd: int) -> None:
        try:
            chunk = os.read(fd, READ_SIZE)
        except BlockingIOError:
            return
        self._streams[fd].feed(chunk)
        if not chunk:
            self._loop.remove_reader(fd)
            del self._streams[fd]
            self._finish_if_read()

    def _writable(self, fd: int) -> None:
        try:
            written = os.write(fd, self._unwritten[:READ_SIZE]) if self._unwritten else 0
            del self._unwritten[:written]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want the rest, which is its right
            self._last_words = True
            self._unwritten.clear()
        if not self._unwritten and self._last_words:
            self._close_stdin()
        elif not self._unwritten:
            self._loop.remove_writer(fd)

    def _close_stdin(self) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self._loop.remove_writer(self.process.stdin.fileno())
            self.process.stdin.close()

    def _bound(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, then or self._finish)

    def _finish_if_read(self) -> None:
        if self._swept and not self._streams:
            self._finish()

    def _finish(self) -> None:
        if self.done.is_set():
            return
        if self._timer is not None:
            self._timer.cancel()
        for fd, stream in self._streams.items():
            self._loop.remove_reader(fd)
            stream.feed(b"")
        for pid in list(self._waited):
            self._forget(pid)
        self._close_stdin()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        GUARD.ended(self.process)
        self._at_end()
        self.done.set()


def signal_name(number: int) -> str:
    """`SIGKILL` for 9; `signal 99` for what has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
