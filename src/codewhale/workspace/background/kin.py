"""A supervised command and its kin: how it becomes itself, who is left of it, and the word on its end. Standard library only.

Not for the runtime's own process: it forks, which a small program without threads may.
"""

import ctypes
import fcntl
import json
import os
import signal
import sys
import termios
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class Order(TypedDict):
        """What to run, as the starter tells it."""

        argv: list[str]
        cwd: str
        environ: dict[str, str]
        fds: list[int]
        holds: list[int]
        keep: bool
        tty: bool
        size: tuple[int, int]
        stdin: str
        timeout: float | None


PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LINUX = sys.platform.startswith("linux")
libc = ctypes.CDLL(None) if LINUX else None


def adopt_orphans() -> None:
    """Be the parent of what the command leaves behind, where the kernel knows of such."""
    if libc is not None:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def become(order: "Order", inner: tuple[int, int], gate: int, failure: int, parent: int) -> None:
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
        for fd in order["holds"]:
            os.set_inheritable(fd, False)
        os.chdir(order["cwd"])
        os.execvpe(order["argv"][0], order["argv"], order["environ"])  # noqa: S606 - it is a supervisor's work
    except OSError as problem:
        os.write(failure, f"{problem.filename or order['argv'][0]}: {problem.strerror}".encode())
    os._exit(127)


def became(failure: int) -> str | None:
    """Why the command could not begin; None when it did."""
    failed = os.read(failure, 4096)
    os.close(failure)
    return failed.decode("utf-8", "replace") if failed else None


def children() -> list[int]:
    """Living and dead children of ours; the command's orphans become ours."""
    if not LINUX:
        return []
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", "rb") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def group(leader: int, number: int) -> None:
    """A signal to all of a process group, if it still is there."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):
        return


def one(pid: int, number: int = signal.SIGKILL) -> None:
    """A signal to one process, if it still is there."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def began(pid: int) -> str:
    """When the kernel started the process, as it tells it; empty where it does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""


def put(folder: str, end: Mapping[str, object]) -> None:
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
