"""Empty folders in the place of protected names that do not exist, so that a cage has something to mount read-only there.

One left behind by a crash is recognised (`marks.py`) and goes with the next command.
Several commands, also of several processes, share one: each holds a lock on it, and only who holds the last removes it.
Nothing but an empty folder is ever removed.
"""

import errno
import fcntl
import os
from collections.abc import Iterable
from contextlib import suppress

from codewhale.workspace.plain import plain
from codewhale.workspace.sandbox.ground import setup_failed
from codewhale.workspace.sandbox.marks import MODE

_ROUNDS = 16
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Masks:
    """The masks of one command; `release` when its last process is gone, also when it was never started."""

    def __init__(self, paths: Iterable[str]) -> None:
        """Makes and holds them all; raises `sandbox_setup_failed`, holding none."""
        self._held: dict[str, int] = {}
        try:
            for path in paths:
                self._held[path] = _hold(path)
        except OSError as error:
            self.release()
            reason = error.strerror or str(error)
            raise setup_failed(
                f"{plain(error.filename or 'A protected name')} could not be kept free: {reason}."
            ) from error

    @property
    def held(self) -> tuple[int, ...]:
        """The locks; whoever inherits them holds the masks too."""
        return tuple(self._held.values())

    def release(self) -> list[str]:
        """Let go, remove those that nobody else holds, and name those that somebody took away or filled."""
        spoiled = [path for path, fd in self._held.items() if not _let_go(path, fd)]
        self._held.clear()
        return spoiled


def _let_go(path: str, fd: int) -> bool:
    """Whether it was there and empty to the end."""
    try:
        if not _is_there(path, fd):
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody else needs it still
            return not os.listdir(fd)
        os.rmdir(path)
    except OSError:  # somebody put a file there: it stays
        return False
    finally:
        os.close(fd)
    return True


def _hold(path: str) -> int:
    for _ in range(_ROUNDS):
        made = _made(path)
        try:
            fd = os.open(path, _OPEN)
            if (
                made and os.fstat(fd).st_mode & 0o7777 != MODE
            ):  # an unusual umask, or a folder that hands its group down
                os.fchmod(fd, MODE)
        except FileNotFoundError:  # its last holder removed it just now
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
        except OSError:
            os.close(fd)
            raise
        if _is_there(path, fd):
            return fd
        os.close(fd)
    raise OSError(errno.EBUSY, "it comes and goes", path)


def _is_there(path: str, fd: int) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.fstat(fd))
    except FileNotFoundError:
        return False


def _made(path: str) -> bool:
    with suppress(FileExistsError):
        os.mkdir(path, MODE)
        return True
    return False
