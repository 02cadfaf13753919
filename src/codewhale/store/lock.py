"""One owner per data directory: a lock held for life, and a file that says who holds it.

The lock is the truth; `owner.json` (0600, it may hold a token) is only its label: it goes before the lock is given up, and
one that a killed process left is ignored. Whoever takes or tests the lock first holds the directory's own lock for a
moment, so that a test never looks like an owner.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import StoreOwned
from codewhale.store.failures import translated

LOCK = "lock"
OWNER = "owner.json"


class Owner(Struct, frozen=True, kw_only=True):
    """The process that owns a data directory: what it is (`serve`, `exec`, …), and where it serves, if it does."""

    pid: int
    started_at: str
    what: str
    url: str | None = None
    token: str | None = None


class Lock:
    """Ownership of one data directory, until `release` or the end of the process."""

    def __init__(self, directory: str, owner: Owner, fd: int) -> None:
        self._directory = directory
        self._fd = fd
        self._owner = owner

    @classmethod
    def take(cls, directory: str, owner: Owner) -> "Lock":
        """Own `directory` (made with mode 0700 if missing). `StoreOwned` at once when another process does."""
        try:
            make_directory(directory)
            with _gate(directory):
                fd = os.open(os.path.join(directory, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _label_as(directory, owner)
                except BlockingIOError:
                    os.close(fd)
                    raise _owned(directory, _label(directory)) from None
                except BaseException:
                    os.close(fd)
                    raise
        except OSError as error:
            raise translated(error, f"use {directory} as the data directory") from error
        return cls(directory, owner, fd)

    def announce(self, *, url: str, token: str | None) -> None:
        """Tell other processes where this one serves."""
        self._owner = replace(self._owner, url=url, token=token)
        try:
            _label_as(self._directory, self._owner)
        except OSError as error:
            raise translated(error, "write down who owns the data directory") from error

    def release(self) -> None:
        """Give the directory up, and take the label with its token away first; safe to repeat."""
        if self._fd < 0:
            return
        with suppress(OSError):  # gone, or a disk that no longer takes writes: without the lock nobody believes it
            os.unlink(os.path.join(self._directory, OWNER))
        os.close(self._fd)
        self._fd = -1


def read_owner(directory: str) -> Owner | None:
    """Who owns `directory` now; None when nobody does, whatever a process that died has left behind."""
    try:
        with _gate(directory):
            fd = os.open(os.path.join(directory, LOCK), os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _label(directory) or Owner(pid=0, started_at="", what="unknown")
            finally:
                os.close(fd)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise translated(error, f"see who owns {directory}") from error
    return None


def make_directory(directory: str) -> None:
    """Make `directory` and what is missing above it, mode 0700, durably."""
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(directory)
    if parent != directory:
        make_directory(parent)
    with suppress(FileExistsError):  # somebody made it meanwhile; a file in the way fails at the next step
        os.mkdir(directory, 0o700)
    sync_directory(parent)


def write_file(directory: str, name: str, content: bytes, *, durable: bool = True) -> None:
    """Put `content` at `name` (mode 0600), whole or not at all; if `durable`, also in the face of a power cut."""
    path = os.path.join(directory, name)
    temporary = f"{path}.{os.getpid()}.tmp"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                os.fsync(fd)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    if durable:
        sync_directory(directory)


def sync_directory(directory: str) -> None:
    """Make the names in `directory` durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def _gate(directory: str) -> Generator[None]:
    fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _label_as(directory: str, owner: Owner) -> None:
    # Not durable: after a power cut nobody holds the lock, so nobody reads it.
    write_file(directory, OWNER, msgspec.json.encode(owner), durable=False)


def _label(directory: str) -> Owner | None:
    try:
        with open(os.path.join(directory, OWNER), "rb") as file:
            return msgspec.json.decode(file.read(), type=Owner)
    except (OSError, msgspec.MsgspecError):
        return None


def _owned(directory: str, owner: Owner | None) -> StoreOwned:
    who = "another process" if owner is None else f"process {owner.pid} (codewhale {owner.what})"
    where = "" if owner is None or owner.url is None else f" It serves at {owner.url}."
    return StoreOwned(
        f"{directory} is in use by {who}.{where}",
        hint="Stop that process, connect to it, or point CODEWHALE_HOME at another directory.",
    )
