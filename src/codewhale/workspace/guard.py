"""Process-wide care for started programs: nothing that a command left behind outlives it or this process.

While we live, the kernel hands us orphans (Linux: child subreaper), and an orphan is known by its session or by the call
mark in its environment. When we die, however we die, a small `sh` sees its pipe close and kills every group announced to
it and every process with our mark. A program that leaves its session and also clears its environment escapes: only a
sandbox can hold it. Elsewhere than on Linux only groups are killed.
"""

import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from codewhale.workspace.spawned import Process

MARK = "CODEWHALE_CALL"
_PR_SET_CHILD_SUBREAPER = 36

_WATCHER = """
trap '' INT TERM HUP QUIT
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
    .) exit 0 ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
for round in 1 2 3 4 5 6 7 8 9; do
  found=$(grep -sl -F "$1" /proc/[0-9]*/environ)
  [ -n "$found" ] || exit 0
  for file in $found; do file=${file#/proc/}; kill -s KILL "${file%/environ}"; done
done
"""


class Leftovers(Struct, frozen=True):
    """What a look at the orphans found: those just killed, which die soon, and whether some must be looked at again."""

    killed: list[int]
    unclear: bool


class Guard:
    """One per process (`GUARD`), because child processes, orphans and reaping are per process."""

    def __init__(self) -> None:
        self._owner = os.urandom(8).hex()
        self._count = 0
        self._groups: set[int] = set()
        self._sweepers: set[int] = set()
        self._unreaped: list[Process] = []
        self._watcher: subprocess.Popen[bytes] | None = None
        self._adopts = False
        self._pid = 0

    def mark(self) -> str:
        """A new value of the mark that the environment of the next command must carry."""
        if self._pid != os.getpid():
            self._pid = os.getpid()
            self._adopts = _become_subreaper()
            self._watcher = None
        if self._watcher is None:
            self._watch()
        self._count += 1
        return f"{self._owner}.{self._count}"

    def started(self, pid: int) -> None:
        """The leader of a new group runs."""
        self._groups.add(pid)
        self._tell(f"+ {pid}\n")

    def sweeper(self, pid: int) -> None:
        """A child that ends what it started by itself when we are gone, and must be left alive to do so."""
        self._sweepers.add(pid)

    def ended(self, process: "Process") -> None:
        """The group is gone, or nothing more can be done about it."""
        if process.returncode is None:
            self._unreaped.append(process)
            return
        if process.pid in self._sweepers:
            self._sweepers.discard(process.pid)
            return
        self._groups.discard(process.pid)
        self._tell(f"- {process.pid}\n")

    def kill_leftovers(self, session: int, mark: str) -> Leftovers:
        """Kill the orphans of the command; reap those that are already dead."""
        self._unreaped = [process for process in self._unreaped if process.poll() is None]
        killed: list[int] = []
        unclear = False
        for pid in self.orphans():
            ours = _belongs(pid, session, mark)
            if ours is None:
                unclear = True
            elif ours and kill(pid):
                killed.append(pid)
        return Leftovers(killed=killed, unclear=unclear)

    def close(self) -> None:
        """Dismiss the watcher. Call it when no command runs any more; the next command starts a new one."""
        if self._watcher is not None and self._watcher.stdin is not None:
            self._tell(".\n")
            self._watcher.stdin.close()
            self._watcher.wait()
            self._watcher = None

    def orphans(self) -> list[int]:
        """Living children of ours that we did not start."""
        if not self._adopts:
            return []
        me = os.getpid()
        try:
            with open(f"/proc/{me}/task/{me}/children", "rb") as file:
                children = file.read().split()
        except FileNotFoundError:  # a kernel without the list
            self._adopts = False
            return []
        own = os.getsid(0)
        known = {self._watcher.pid if self._watcher is not None else 0, *self._groups, *self._sweepers}
        found: list[int] = []
        for pid in map(int, children):
            if pid in known:
                continue
            state, session = _state(pid)
            if state == "Z" and session != own:
                reap(pid)
            elif state and state != "Z":
                found.append(pid)
        return found

    def _watch(self) -> None:
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCHER, "codewhale-watcher", f"{MARK}={self._owner}."],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin"},
            cwd="/",
            start_new_session=True,
            bufsize=0,
        )
        if self._groups:
            self._tell("".join(f"+ {pid}\n" for pid in self._groups))

    def _tell(self, line: str) -> None:
        watcher = self._watcher
        if watcher is None or watcher.stdin is None:
            return
        try:
            os.write(watcher.stdin.fileno(), line.encode())
        except BrokenPipeError:  # somebody killed it: a new one must know all groups
            watcher.stdin.close()
            watcher.wait()
            self._watch()


GUARD = Guard()


def kill_group(leader: int) -> None:
    """SIGKILL to the whole group at once. The leader must not have been reaped, or its id may be another's."""
    with suppress(ProcessLookupError, PermissionError):  # all gone; macOS says EPERM when only zombies are left
        os.killpg(leader, signal.SIGKILL)


def kill(pid: int) -> bool:
    """SIGKILL to one process; False when it is gone or out of reach (it runs as somebody else)."""
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def reap(pid: int) -> None:
    """Collect a dead child, if it still is one."""
    with suppress(ChildProcessError):  # another part of the process collected it
        os.waitpid(pid, os.WNOHANG)


def _become_subreaper() -> bool:
    if not sys.platform.startswith("linux"):
        return False
    import ctypes  # 4 ms that only a process which starts programs pays

    return ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def _state(pid: int) -> tuple[str, int]:
    """The state letter and the session; an empty state when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return fields[0].decode(), int(fields[3])


def _belongs(pid: int, session: int, mark: str) -> bool | None:
    """None when it cannot be told yet: a process has no environment in the middle of `exec` and of dying."""
    if _state(pid)[1] == session:
        return True
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            environ = file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False
    return f"{MARK}={mark}".encode() in environ.split(b"\0") if environ else None
