"""Changes to files that happen all or not at all: staged as temporary files beside their targets, then renamed into place.

A reader sees the old or the new file, never a part. Mode is kept, ownership where the system lets us. A rename never
follows a link, so a name swapped under us is replaced, not followed. Must not decide what may be written: `Files` does.
"""

import errno
import os
import stat
from contextlib import suppress

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import DIRECTORY, Raced, Spot, shown

Stamp = tuple[int, int, int, int]
"""Device, inode, size and time of change: two equal stamps are the same content."""

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def stamp_of(found: os.stat_result) -> Stamp:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Change:
    """One name in one directory: what is there, what shall be there, and the way back.

    `stage` once or not at all (then the file goes away), `commit`, and `undo` while not all others have committed; `close`
    always.
    """

    def __init__(self, path: str, spot: Spot) -> None:
        """Holds a descriptor of its own; makes the directories that are missing."""
        self.path = path
        self._directory = os.open(".", DIRECTORY, dir_fd=spot.parent)
        self._name = spot.name
        self._made: list[tuple[int, str]] = []
        self._stamp = stamp_of(spot.found) if spot.found is not None else None
        self._temporary: str | None = None
        self._backup: str | None = None
        self._committed = False
        try:
            for name in spot.missing:
                self._make_directory(name)
        except BaseException:
            self.undo()
            self.close()
            raise

    def stage(
        self, content: bytes, like: os.stat_result | None, *, mode: int | None = None, executable: bool | None = None
    ) -> None:
        """Write `content` to disk under a temporary name, with the mode and owner of `like`, or those of a new file.
        `mode` and `executable` overrule that.
        """
        self._temporary = f".{self._name[:40]}.{os.urandom(6).hex()}.tmp"
        out = os.open(
            self._temporary, _CREATE, 0o666 if like is None and mode is None else 0o600, dir_fd=self._directory
        )
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(out, left) :]
            _dress(out, like, mode, executable)
            os.fsync(out)
        finally:
            os.close(out)

    def commit(self, *, keep: bool) -> None:
        """Put what was staged in the name's place; with `keep`, what was there can be brought back."""
        if self._now() != self._stamp:
            raise ToolError(
                f"{shown(self.path)} was changed by somebody else in the meantime; nothing was written. Read it again."
            )
        if self._stamp is not None and (keep or self._temporary is None):
            self._set_aside(gone=self._temporary is None)
        if self._temporary is not None:
            self._rename(self._temporary, self._name)
            self._temporary = None
        self._committed = True
        os.fsync(self._directory)

    def undo(self) -> None:
        """Bring back what was there, as far as this change got."""
        if self._backup is not None:
            self._rename(self._backup, self._name)
            self._backup = None
        elif self._committed and self._stamp is None:
            self._unlink(self._name)
        self._committed = False
        self._drop_temporary()
        for directory, name in reversed(self._made):
            with suppress(OSError):  # somebody put a file there meanwhile: it stays
                os.rmdir(name, dir_fd=directory)
            os.close(directory)
        self._made.clear()

    def close(self) -> None:
        """Let go of descriptors and leftovers."""
        self._drop_temporary()
        if self._backup is not None:
            self._unlink(self._backup)
        for directory, _ in self._made:
            os.close(directory)
        os.close(self._directory)

    def _make_directory(self, below: str) -> None:
        with suppress(FileExistsError):
            os.mkdir(self._name, dir_fd=self._directory)
            self._made.append((os.dup(self._directory), self._name))
        try:
            inner = os.open(self._name, DIRECTORY, dir_fd=self._directory)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOENT, errno.ENOTDIR}:
                raise Raced from error
            raise
        os.close(self._directory)
        self._directory, self._name = inner, below

    def _set_aside(self, *, gone: bool) -> None:
        backup = f".{self._name[:40]}.{os.urandom(6).hex()}.old"
        if gone:
            self._rename(self._name, backup)
        else:
            try:
                os.link(
                    self._name, backup, src_dir_fd=self._directory, dst_dir_fd=self._directory, follow_symlinks=False
                )
            except OSError:  # a file system without hard links: a moment without the file cannot be avoided
                self._rename(self._name, backup)
        self._backup = backup

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._directory, dst_dir_fd=self._directory)

    def _unlink(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._directory)

    def _drop_temporary(self) -> None:
        if self._temporary is not None:
            self._unlink(self._temporary)
            self._temporary = None

    def _now(self) -> Stamp | None:
        try:
            return stamp_of(os.stat(self._name, dir_fd=self._directory, follow_symlinks=False))
        except FileNotFoundError:
            return None


def commit_all(changes: list[Change]) -> None:
    """Every change or none: when one fails, those before it are undone and its error is raised."""
    keep = len(changes) > 1
    try:
        for change in changes:
            change.commit(keep=keep)
    except BaseException:
        for change in reversed(changes):
            change.undo()
        raise


def _dress(out: int, like: os.stat_result | None, mode: int | None, executable: bool | None) -> None:
    if like is not None:
        if (like.st_uid, like.st_gid) != (os.geteuid(), os.getegid()):
            with suppress(OSError):  # only root may give files away; the mode is what counts
                os.fchown(out, like.st_uid, like.st_gid)
        os.fchmod(out, stat.S_IMODE(like.st_mode))
    if mode is not None:
        os.fchmod(out, mode)
    if executable is not None:
        given = stat.S_IMODE(os.fstat(out).st_mode)
        os.fchmod(out, given | (given & 0o444) >> 2 if executable else given & ~0o111)
