"""A program of its own, standard library only: `python -I -S shim.py FOLDER` runs one command and looks after all of it.

It forks away from its starter, says who it and the command are, and starts the command only when told to go. From then on
FOLDER tells everything: `log/` holds head and tail of the output, `control` takes orders, `events` has news and its end of
file is the supervisor's end, `end.json` says how the command ended. Without `keep` the starter's death ends the command.
"""

import ctypes
import fcntl
import json
import os
import selectors
import signal
import struct
import sys
import termios
import time

SEGMENT = 1024 * 1024
SEGMENTS_KEPT = 7
READ_SIZE = 64 * 1024
UNWRITTEN_LIMIT = 64 * 1024
KILL_SECONDS = 2.0
DRAIN_SECONDS = 0.25
HEADER = 5
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform.startswith("linux")
libc = ctypes.CDLL(None) if LINUX else None


class Ring:
    """The output on disk: files named after the offset of their first byte; the first and the last few are kept."""

    def __init__(self, folder):
        self.folder = folder
        self.length = 0
        self.kept = []
        self.fd = -1
        self.room = 0

    def write(self, chunk):
        """Keep a piece. A disk that takes nothing costs output, never the command."""
        view = memoryview(chunk)
        while view:
            try:
                if self.room == 0:
                    self.turn()
                written = os.write(self.fd, view[: self.room])
            except OSError:
                self.room = 0
                self.length += len(view)
                return
            self.room -= written
            self.length += written
            view = view[written:]

    def turn(self):
        """Begin the next file, and let the oldest but the first go."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        name = os.path.join(self.folder, "%020d" % self.length)
        self.fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.room = SEGMENT
        self.kept.append(name)
        while len(self.kept) > SEGMENTS_KEPT + 1:
            os.unlink(self.kept.pop(1))


class Supervisor:
    """The command from its start to its end."""

    def __init__(self, folder, order):
        self.folder = folder
        self.order = order
        self.keep = order["keep"]
        self.ring = Ring(os.path.join(folder, "log"))
        self.selector = selectors.DefaultSelector()
        self.unwritten = bytearray(order["stdin"].encode())
        self.closing = False
        self.status = None
        self.cause = "exited"
        self.error = None
        self.killed = False
        self.hears = True
        self.deadline = None
        self.limit = None
        self.heard = bytearray()
        self.control = self.fifo("control")
        self.events = self.fifo("events")
        self.wake, wake_end = os.pipe()
        os.set_blocking(self.wake, False)
        os.set_blocking(wake_end, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTOU, signal.SIGTTIN):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self.stop("cancelled", 0))
        self.start()

    def fifo(self, name):
        path = os.path.join(self.folder, name)
        os.mkfifo(path, 0o600)
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def start(self):
        """Fork the command up to its `exec`, which waits for the word."""
        gate, self.gate = os.pipe()
        self.failure, failure_end = os.pipe()
        inner, self.output, self.input = self.streams()
        me = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.gate)
            become(self.order, inner, gate, failure_end, me)
        for fd in {gate, failure_end, *inner}:
            os.close(fd)

    def streams(self):
        if not self.order["tty"]:
            stdin, write_end = os.pipe()
            read_end, stdout = os.pipe()
            return (stdin, stdout), read_end, write_end
        master, slave = os.openpty()
        rows, columns = self.order["size"]
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        return (slave, slave), master, master

    def go(self):
        """Let the command begin."""
        os.write(self.gate, b"g")
        os.close(self.gate)
        failed = os.read(self.failure, 4096)
        os.close(self.failure)
        if failed:
            self.cause, self.error = "not_started", failed.decode("utf-8", "replace")
        os.set_blocking(self.output, False)
        os.set_blocking(self.input, False)
        self.watch(self.output, self.spoke)
        self.watch(self.control, self.ordered)
        self.watch(self.wake, self.woken)
        self.watch(0, self.owner)
        if self.order["timeout"]:
            self.limit = time.monotonic() + self.order["timeout"]
        self.write()
        self.reap()

    def watch(self, fd, then, events=selectors.EVENT_READ):
        try:
            self.selector.modify(fd, events, then)
        except KeyError:
            self.selector.register(fd, events, then)

    def unwatch(self, fd):
        try:
            self.selector.unregister(fd)
        except KeyError:
            return

    def run(self):
        """Until nothing of the command is left."""
        while not self.finished():
            moments = [moment for moment in (self.deadline, self.limit) if moment is not None]
            pause = max(0.0, min(moments) - time.monotonic()) if moments else None
            for key, mask in self.selector.select(pause):
                key.data(mask)
            self.late()
        self.drain()
        self.tell()

    def finished(self):
        if self.status is None:
            return self.killed and self.deadline is None
        if self.keep and not self.killed:
            return not children()
        self.sweep()
        return self.deadline is None or not children()

    def sweep(self):
        """What the command left behind dies with it."""
        if not self.killed:
            self.killed, self.deadline = True, time.monotonic() + KILL_SECONDS
        if not (self.keep and self.status is not None):
            group(self.pid, signal.SIGKILL)
        for pid in children():
            one(pid)
        self.reap()

    def late(self):
        now = time.monotonic()
        if self.limit is not None and now >= self.limit:
            self.limit = None
            self.stop("timeout", KILL_SECONDS)
        if self.deadline is not None and now >= self.deadline:
            self.deadline = None
            if not self.killed:
                self.killed, self.deadline = True, now + KILL_SECONDS
                self.sweep()

    def stop(self, cause, grace):
        """End the command: asked first, and killed after `grace` seconds."""
        if self.killed or (self.status is not None and not self.keep):
            return
        if self.cause == "exited" and self.status is None:
            self.cause = cause
        self.limit = None
        if grace <= 0:
            self.killed, self.deadline = True, time.monotonic() + KILL_SECONDS
            self.sweep()
            return
        if self.status is None:
            group(self.pid, signal.SIGTERM)
            group(self.pid, signal.SIGCONT)
        else:  # the number of its group may be another's by now
            for pid in children():
                one(pid, signal.SIGTERM)
        self.deadline = min(self.deadline or float("inf"), time.monotonic() + grace)

    def woken(self, _):
        try:
            while os.read(self.wake, 4096):
                pass
        except BlockingIOError:
            pass
        self.reap()

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.pid:
                self.status = os.waitstatus_to_exitcode(status)

    def spoke(self, _):
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
            pass

    def owner(self, _):
        """Our starter says nothing more; its end of the pipe closes when it dies."""
        if os.read(0, 4096):
            return
        self.unwatch(0)
        if not self.keep:
            self.stop("owner", 0)

    def ordered(self, _):
        try:
            self.heard += os.read(self.control, READ_SIZE)
        except BlockingIOError:
            return
        self.obey()

    def obey(self):
        """Carry out what was heard; input that the command does not take yet waits, and what follows it too."""
        while len(self.heard) >= HEADER and len(self.unwritten) < UNWRITTEN_LIMIT:
            kind, size = struct.unpack("=cI", self.heard[:HEADER])
            if len(self.heard) < HEADER + size:
                break
            content = bytes(self.heard[HEADER : HEADER + size])
            del self.heard[: HEADER + size]
            if kind == b"i":
                self.unwritten += content
            elif kind == b"c":
                self.closing = True
            elif kind == b"k":
                self.stop("cancelled", struct.unpack("=d", content)[0])
        if len(self.heard) > UNWRITTEN_LIMIT:
            self.unwatch(self.control)
        self.write()

    def write(self, _=None):
        """Give the command what it takes of its input; the rest waits until it takes more."""
        if self.input < 0:
            self.unwritten.clear()
            return
        try:
            while self.unwritten:
                del self.unwritten[: os.write(self.input, self.unwritten[:4096])]
        except BlockingIOError:
            self.await_room(True)
            return
        except OSError:  # it has closed its input, which is its right
            self.unwritten.clear()
            self.closing = True
        self.await_room(False)
        if self.closing:
            self.shut()
        self.watch(self.control, self.ordered)
        if len(self.heard) >= HEADER:
            self.obey()

    def await_room(self, wanted):
        if not self.order["tty"]:
            self.watch(self.input, self.write, selectors.EVENT_WRITE) if wanted else self.unwatch(self.input)
        elif self.hears:
            mask = selectors.EVENT_READ | (selectors.EVENT_WRITE if wanted else 0)
            self.watch(self.output, self.either, mask)

    def either(self, mask):
        if mask & selectors.EVENT_READ:
            self.spoke(mask)
        if mask & selectors.EVENT_WRITE:
            self.write()

    def shut(self):
        """No more input: a pipe is closed, a terminal is told so."""
        self.closing = False
        if self.order["tty"]:
            try:
                os.write(self.input, b"\x04")
            except OSError:
                return
        elif self.input >= 0:
            self.unwatch(self.input)
            os.close(self.input)
            self.input = -1

    def drain(self):
        """The rest of the output: at its end when all who could write are gone, else for a moment."""
        until = time.monotonic() + DRAIN_SECONDS
        for fd in list(self.selector.get_map()):
            if fd != self.output:
                self.unwatch(fd)
        while self.hears and time.monotonic() < until:
            for _, mask in self.selector.select(max(0.0, until - time.monotonic())):
                if mask & selectors.EVENT_READ:
                    self.spoke(mask)

    def tell(self):
        code = self.status
        end = {
            "cause": self.cause,
            "exit_code": code if code is not None and code >= 0 and self.error is None else None,
            "signal": -code if code is not None and code < 0 else None,
            "output_bytes": self.ring.length,
            "error": self.error,
        }
        put(self.folder, end)


def become(order, inner, gate, failure, parent):
    """In the child: wait for the word, then be the command."""
    try:
        if not os.read(gate, 1):
            os._exit(127)
        os.setsid()
        if libc is not None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(127)
        for number in range(1, 32):
            if number not in (signal.SIGKILL, signal.SIGSTOP):
                signal.signal(number, signal.SIG_DFL)
        if order["tty"]:
            fcntl.ioctl(inner[0], termios.TIOCSCTTY, 0)
        for fd, to in ((inner[0], 0), (inner[1], 1), (inner[1], 2)):
            os.dup2(fd, to)
        for fd in order["fds"]:
            os.set_inheritable(fd, True)
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["environ"])
    except OSError as problem:
        os.write(failure, ("%s: %s" % (problem.filename or order["argv"][0], problem.strerror)).encode())
    os._exit(127)


def children():
    """Living and dead children of ours; the command's orphans become ours."""
    if not LINUX:
        return []
    try:
        with open("/proc/self/task/%d/children" % os.getpid(), "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def group(leader, number):
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return


def one(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def began(pid):
    """When the kernel started the process, as it tells it; empty where it does not."""
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""


def put(folder, end):
    """The end, whole or not at all."""
    path = os.path.join(folder, "end.json")
    fd = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, json.dumps(end).encode())
    os.fsync(fd)
    os.close(fd)
    os.rename(path + ".new", path)
    fd = os.open(folder, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def line():
    """One line of what our starter says; None when it is gone."""
    said = b""
    while not said.endswith(b"\n"):
        piece = os.read(0, READ_SIZE)
        if not piece:
            return None
        said += piece
    return said


def main():
    folder = sys.argv[1]
    if os.fork() != 0:
        os._exit(0)
    os.setsid()
    if libc is not None:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
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


if __name__ == "__main__":
    main()
