"""Commands that a process of our own starts for us: asking it, and the commands as our children, which they are.

One such process per runtime, started when the first command needs it and gone with us. When it fails, the start fails: nothing
is ever started in another way instead. The next start gets a new one.
"""

import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO, Protocol

ANSWER_SECONDS = 5.0
_ANSWER = struct.Struct("=i")


class Process(Protocol):
    """A started program as its owner sees it: `subprocess.Popen` and `Spawned` are both one."""

    pid: int
    returncode: int | None

    def poll(self) -> int | None: ...


class Spawned:
    """A command and the sub-reaper around it, which is our child and ends as the command does, after all that it started."""

    def __init__(self, pid: int, lifeline: socket.socket, streams: tuple[BinaryIO | None, ...]) -> None:
        """`streams` are our ends of its standard streams."""
        self.pid = pid
        self.returncode: int | None = None
        self.stdin, self.stdout, self.stderr = streams
        self._lifeline = lifeline

    def poll(self) -> int | None:
        """How it ended, as `Popen.poll` says it; None while it runs."""
        if self.returncode is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else collected it
                pid, status = self.pid, 0
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
                self._lifeline.close()
        return self.returncode

    def ask_to_end(self) -> None:
        """SIGTERM for the command and its group."""
        with suppress(OSError):  # it is over, or does not read: then it will be killed
            self._lifeline.send(b"t", socket.MSG_DONTWAIT)

    def end(self) -> None:
        """Kill the command and everything that it started. Returns at once."""
        with suppress(OSError):
            self._lifeline.shutdown(socket.SHUT_WR)


class Spawner:
    """Starts commands through the process, which it starts when there is none. Not for several threads."""

    def __init__(self, start: Callable[[int], Callable[[], None]]) -> None:
        """`start` the process with this descriptor as its end of the talk; what comes back ends it."""
        self._start = start
        self._end: Callable[[], None] | None = None
        self._control: socket.socket | None = None
        self._owner = 0

    def spawn(self, orders: int, cwd: str, pipes: tuple[bool, bool, bool]) -> Spawned:
        """Start what `orders` say in the folder `cwd`, with pipes where wanted: stdin is otherwise empty, stderr otherwise goes
        where stdout goes. OSError when it could not be, and then it does not run."""
        theirs: list[int] = []
        ours: list[BinaryIO | None] = []
        lifeline, far = socket.socketpair()
        try:
            folder = os.open(cwd, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            theirs.append(folder)
            _pipes(pipes, theirs, ours)
            pid = self._asked((orders, far.fileno(), *theirs))
        except BaseException:
            lifeline.close()
            for stream in ours:
                if stream is not None:
                    stream.close()
            raise
        finally:
            far.close()
            for fd in theirs:
                os.close(fd)
        return Spawned(pid, lifeline, tuple(ours))

    def close(self) -> None:
        """Let the process go; commands that run are not touched."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._end is not None and self._owner == os.getpid():
            self._end()
        self._end = None

    def _asked(self, fds: tuple[int, ...]) -> int:
        if self._control is None or self._owner != os.getpid():
            self._begin()
        assert self._control is not None
        try:
            socket.send_fds(self._control, [b"s"], fds)
            said = self._control.recv(_ANSWER.size, socket.MSG_WAITALL)
        except OSError:
            self.close()
            raise
        if len(said) < _ANSWER.size:
            self.close()
            raise OSError("the process that starts commands is gone")
        (pid,) = _ANSWER.unpack(said)
        return pid

    def _begin(self) -> None:
        self._owner = os.getpid()
        ours, theirs = socket.socketpair()
        try:
            self._end = self._start(theirs.fileno())
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.settimeout(ANSWER_SECONDS)
        self._control = ours


def _pipes(wanted: tuple[bool, bool, bool], theirs: list[int], ours: list[BinaryIO | None]) -> None:
    """Their three streams behind `theirs`, our ends in `ours`."""
    stdin, stdout, stderr = wanted
    if stdin:
        far, near = os.pipe()
        theirs.append(far)
        ours.append(os.fdopen(near, "wb", buffering=0))
    else:
        theirs.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        ours.append(None)
    for pipe in (stdout, stderr):
        if not pipe:
            theirs.append(os.dup(theirs[-1]))
            ours.append(None)
            continue
        near, far = os.pipe()
        theirs.append(far)
        ours.append(os.fdopen(near, "rb", buffering=0))
