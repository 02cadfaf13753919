"""Reads the files that have changed since the last snapshot, beneath the root and without following links, in batches."""

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha1

from msgspec import Struct, field

from codewhale.workspace.beneath import DIRECTORY
from codewhale.workspace.blocking import Stop
from codewhale.workspace.snapshot.records import Kept
from codewhale.workspace.snapshot.scan import Stamp, stamp_of

BATCH = 8 * 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 4 * 1024 * 1024
UNSURE: Stamp = (0, 0, 0, 0, 0)
"""The stamp of a file that may change without its stamp showing it: it is read again the next time."""
RACE_NS = 2_000_000_000


class Batch(Struct):
    """Files read: what is kept of them, contents that are to be stored, and what could not be read."""

    kept: dict[str, Kept] = field(default_factory=dict[str, Kept])
    contents: list[bytes] = field(default_factory=list[bytes])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    size: int = 0


class Reader:
    """Goes through `paths` (sorted) of `root`. `now` is the time of the scan in ns, `limit` the largest file in bytes."""

    def __init__(self, root: str, paths: Iterable[str], old: dict[str, Kept], *, now: int, limit: int) -> None:
        self._paths: Iterator[str] = iter(paths)
        self._old = old
        self._now = now
        self._limit = limit
        self._root = root
        self._folder: str | None = None
        self._fd = -1

    def batch(self, stop: Stop) -> Batch | None:
        """The next files, up to about 8 MB of them; None when all are read."""
        found = Batch()
        for path in self._paths:
            if stop:
                self.close()  # nobody waits for us any more
                break
            self._read(path, found)
            if found.size >= BATCH:
                return found
        return found if found.kept or found.missing else None

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._folder = None

    def _read(self, path: str, found: Batch) -> None:
        folder, _, name = path.rpartition("/")
        try:
            self._go(folder)
            here = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
            if stat.S_ISLNK(here.st_mode):
                content, mode = os.fsencode(os.readlink(name, dir_fd=self._fd)), "120000"
            elif stat.S_ISREG(here.st_mode):
                here, content = _content(name, self._fd, self._limit)
                mode = "100755" if here.st_mode & 0o100 else "100644"
            else:
                return
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                found.missing[path] = f"cannot be read: {error.strerror or error}"
            return
        oid = sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
        sure = max(here.st_mtime_ns, here.st_ctime_ns) < self._now - RACE_NS
        found.kept[path] = Kept(stamp_of(here) if sure else UNSURE, mode, oid)
        old = self._old.get(path)
        if old is None or old.oid != oid:
            found.contents.append(content)
            found.size += len(content)

    def _go(self, folder: str) -> None:
        """Open the folder, one step at a time from the root, unless it is open already."""
        if folder == self._folder:
            return
        self.close()
        fd = os.open(self._root, DIRECTORY)
        try:
            for name in folder.split("/") if folder else ():
                inner = os.open(name, DIRECTORY, dir_fd=fd)
                os.close(fd)
                fd = inner
        except OSError:
            os.close(fd)
            raise
        self._fd, self._folder = fd, folder


def _content(name: str, fd: int, limit: int) -> tuple[os.stat_result, bytes]:
    file = os.open(name, _READ, dir_fd=fd)
    try:
        here = os.fstat(file)
        if not stat.S_ISREG(here.st_mode):
            raise OSError(0, "no longer a file")
        parts: list[bytes] = []
        size = 0
        while chunk := os.read(file, _CHUNK):
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise OSError(0, "grew while it was read")
        return here, b"".join(parts)
    finally:
        os.close(file)
