"""Empty folders in the place of protected names that do not exist, so that a cage has something to mount read-only there.

A mask is known by its mode and its emptiness, so one left behind by a crash is recognised and goes with the next command.
Several commands, also of several processes, share one: each holds a lock on it, and only who holds the last removes it.
Nothing but an empty folder is ever removed.
"""

import errno
import fcntl
import os
import stat
from collections.abc import Iterable
from contextlib import suppress

from codewhale.workspace.plain import plain
from codewhale.workspace.sandbox.ground import setup_failed

MODE = 0o1500
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
        spoiled: list[str] = []
        for path, fd in self._held.items():
            if not _is_there(path, fd) or os.listdir(fd):
                spoiled.append(path)
            with suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_there(path, fd):
                    _remove(path)
            os.close(fd)
        self._held.clear()
        return spoiled


def is_mask(path: str) -> bool:
    """Whether an empty folder there is a mask of ours, of this command or of one that crashed."""
    try:
        found = os.lstat(path)
        return stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == MODE and not os.listdir(path)
    except OSError:
        return False


def _hold(path: str) -> int:
    for _ in range(_ROUNDS):
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
            os.chmod(path, MODE)
        try:
            fd = os.open(path, _OPEN)
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


def _remove(path: str) -> None:
    with suppress(OSError):  # somebody put a file there meanwhile: it stays
        os.rmdir(path)
