"""Runs one command and looks after all of it, from the word of its starter to the last process. Standard library only.

It forks away from its starter, says who it and the command are, and starts the command only when told to go. From then on its
folder tells everything: `log/` holds head and tail of the output, `control` takes orders, `events` has news and its end of
file is the supervisor's end, `end.json` says how the command ended. Without `keep` the starter's death ends the command.
"""

import json
import os
import selectors
import signal
import struct
import time
from collections.abc import Callable

from codewhale.workspace.background.kin import adopt_orphans, became, become, began, children, group, one, put
from codewhale.workspace.background.streams import Input, Ring, fifo, pipes, terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from codewhale.workspace.background.kin import Order

READ_SIZE = 64 * 1024
INPUT_LIMIT = 1024 * 1024
"""Bytes that wait for the command to read them; more is left in the pipe of orders."""
KILL_SECONDS = 2.0
DRAIN_SECONDS = 0.25
HEADER = 5
READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Supervisor:
    """The command from its start to its end."""

    def __init__(self, folder: str, order: "Order") -> None:
        self.folder = folder
        self.order = order
        self.keep = order["keep"]
        self.ring = Ring(os.path.join(folder, "log"))
        self.selector = selectors.DefaultSelector()
        self.status: int | None = None
        self.cause = "exited"
        self.error: str | None = None
        self.killed = False
        self.hears = True
        self.deadline: float | None = None
        self.limit: float | None = None
        self.heard = bytearray()
        self.control = fifo(folder, "control")
        self.events = fifo(folder, "events")
        self.wake, wake_end = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda _number, _frame: self.stop("cancelled", KILL_SECONDS))
        self.start()

    def start(self) -> None:
        """Fork the command up to its `exec`, which waits for the word."""
        gate, self.gate = os.pipe()
        self.failure, failure_end = os.pipe()
        inner, self.output, written = terminal(self.order["size"]) if self.order["tty"] else pipes()
        self.input = Input(written, tty=self.order["tty"], text=self.order["stdin"].encode())
        me = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.gate)
            become(self.order, inner, gate, failure_end, me)
        for fd in {gate, failure_end, *inner}:
            os.close(fd)

    def go(self) -> None:
        """Let the command begin."""
        os.write(self.gate, b"g")
        os.close(self.gate)
        self.error = became(self.failure)
        if self.error is not None:
            self.cause = "not_started"
        os.set_blocking(self.output, False)
        os.set_blocking(self.input.fd, False)
        self.watch(self.output, self.spoke)
        self.watch(self.control, self.ordered)
        self.watch(self.wake, self.woken)
        self.watch(0, self.owner)
        if self.order["timeout"]:
            self.limit = time.monotonic() + self.order["timeout"]
        self.write()
        self.reap()

    def watch(self, fd: int, then: Callable[[int], None], events: int = READ) -> None:
        """Call `then` when something happens at `fd`."""
        try:
            self.selector.modify(fd, events, then)
        except KeyError:
            self.selector.register(fd, events, then)

    def unwatch(self, fd: int) -> None:
        """Call nobody any more."""
        try:
            self.selector.unregister(fd)
        except KeyError:
            return

    def run(self) -> None:
        """Until nothing of the command is left."""
        while not self.finished():
            moments = [moment for moment in (self.deadline, self.limit) if moment is not None]
            pause = max(0.0, min(moments) - time.monotonic()) if moments else None
            for key, mask in self.selector.select(pause):
                key.data(mask)
            self.late()
        self.drain()
        self.tell()

    def finished(self) -> bool:
        """Whether it is over: the command and, killed with it or waited for where it is kept, all that it started."""
        if self.status is None:
            return self.killed and self.deadline is None
        if self.keep and not self.killed:
            return not children()
        self.sweep()
        return self.deadline is None or not children()

    def sweep(self) -> None:
        """What the command left behind dies with it."""
        if not self.killed:
            self.killed, self.deadline = True, time.monotonic() + KILL_SECONDS
        if not (self.keep and self.status is not None):
            group(self.pid, signal.SIGKILL)
        for pid in children():
            one(pid)
        self.reap()

    def late(self) -> None:
        """What is due by the clock."""
        now = time.monotonic()
        if self.limit is not None and now >= self.limit:
            self.limit = None
            self.stop("timeout", KILL_SECONDS)
        if self.deadline is not None and now >= self.deadline:
            self.deadline = None
            if not self.killed:
                self.sweep()

    def stop(self, cause: str, grace: float) -> None:
        """End the command: asked first, and killed after `grace` seconds."""
        if self.killed or (self.status is not None and not self.keep):
            return
        if self.cause == "exited" and self.status is None:
            self.cause = cause
        self.limit = None
        if grace <= 0:
            self.sweep()
            return
        if self.status is None:
            group(self.pid, signal.SIGTERM)
            group(self.pid, signal.SIGCONT)
        else:  # the number of its group may be another's by now
            for pid in children():
                one(pid, signal.SIGTERM)
        self.deadline = min(self.deadline or float("inf"), time.monotonic() + grace)

    def woken(self, _mask: int) -> None:
        """A child has ended."""
        try:
            while os.read(self.wake, 4096):
                continue
        except BlockingIOError:
            self.reap()

    def reap(self) -> None:
        """Collect the dead; the command's end is one of them."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)

    def spoke(self, mask: int) -> None:
        """Output to keep, and news of it to whoever listens; or room for input, where both are one terminal."""
        if mask & WRITE:
            self.write()
        if not mask & READ:
            return
        try:
            chunk = os.read(self.output, READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # the other side of a terminal is gone
            chunk = b""
        if not chunk:
            self.hears = False
            self.unwatch(self.output)
            return
        self.ring.write(chunk)
        try:
            os.write(self.events, b"o")
        except BlockingIOError:
            return

    def owner(self, _mask: int) -> None:
        """Our starter says nothing more; its end of the pipe closes when it dies."""
        if os.read(0, 4096):
            return
        self.unwatch(0)
        if not self.keep:
            self.stop("owner", 0)

    def ordered(self, _mask: int) -> None:
        """Carry out what we are told. Input waits for the command, an end for nobody."""
        try:
            self.heard += os.read(self.control, READ_SIZE)
        except BlockingIOError:
            return
        while len(self.heard) >= HEADER:
            kind, size = struct.unpack("=cI", self.heard[:HEADER])
            if len(self.heard) < HEADER + size:
                break
            content = bytes(self.heard[HEADER : HEADER + size])
            del self.heard[: HEADER + size]
            if kind == b"i":
                self.input.waiting += content
            elif kind == b"c":
                self.input.closing = True
            elif kind == b"k":
                self.stop("cancelled", struct.unpack("=d", content)[0])
        self.write()

    def write(self, _mask: int = 0) -> None:
        """Give the command what it takes of its input; the rest waits until it takes more."""
        if not self.input.open:
            self.input.waiting.clear()
            return
        fd, waits = self.input.fd, self.input.write()
        if self.input.tty:
            if self.hears:
                self.watch(self.output, self.spoke, READ | WRITE if waits else READ)
        elif waits:
            self.watch(fd, self.write, WRITE)
        else:
            self.unwatch(fd)
        if len(self.input.waiting) < INPUT_LIMIT:
            self.watch(self.control, self.ordered)
        else:
            self.unwatch(self.control)

    def drain(self) -> None:
        """The rest of the output: at its end when all who could write are gone, else for a moment."""
        until = time.monotonic() + DRAIN_SECONDS
        for fd in [key.fd for key in self.selector.get_map().values() if key.fd != self.output]:
            self.unwatch(fd)
        while self.hears and time.monotonic() < until:
            for _, mask in self.selector.select(max(0.0, until - time.monotonic())):
                self.spoke(mask & READ)

    def tell(self) -> None:
        """How it ended."""
        code = self.status
        put(
            self.folder,
            {
                "cause": self.cause,
                "exit_code": code if code is not None and code >= 0 and self.error is None else None,
                "signal": -code if code is not None and code < 0 else None,
                "output_bytes": self.ring.length,
                "error": self.error,
            },
        )


def line() -> bytes | None:
    """One line of what our starter says; None when it is gone."""
    said = b""
    while not said.endswith(b"\n"):
        piece = os.read(0, READ_SIZE)
        if not piece:
            return None
        said += piece
    return said


def main(folder: str) -> None:
    """Supervise what the starter orders on stdin."""
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    adopt_orphans()
    said = line()
    if said is None:
        os._exit(0)
    supervisor = Supervisor(folder, json.loads(said))
    report = {
        "pid": supervisor.pid,
        "began": began(supervisor.pid),
        "supervisor_pid": os.getpid(),
        "supervisor_began": began(os.getpid()),
    }
    os.write(1, json.dumps(report).encode() + b"\n")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if line() is None:
        put(folder, {"cause": "owner", "error": "the runtime went away before it was started"})
        os._exit(0)
    supervisor.go()
    supervisor.run()
