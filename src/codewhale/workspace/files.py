"""The files of a workspace: the only way from a path that a model named to bytes on disk, and back.

Whatever the path (absolute, `..`, links, links swapped while we look), nothing outside the root and the trusted roots is
read or written, and what steers git or codewhale itself is never written. Must not know text: bytes in, bytes out.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from codewhale.domain.confinement import Confinement, hidden_below, refused_write, within
from codewhale.domain.errors import ToolError
from codewhale.workspace.batch import Change, Stamp, commit_all, stamp_of
from codewhale.workspace.beneath import Anchors, Raced, Spot, failed, shown
from codewhale.workspace.markers import marked, refuse_more

Found = TypeVar("Found")

MAX_FILE = 32 * 1024 * 1024

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1024 * 1024


class FileBytes(Struct, frozen=True):
    """A file as it was read: `path` is how to name it to people and models, links resolved."""

    path: str
    content: bytes
    stamp: Stamp
    mode: int


class Write(Struct, frozen=True, kw_only=True):
    """One file to be: its content, or None to remove it. `stamp` is what it was when read; None if it must be new.

    `mode` are permission bits and `executable` whether it may be run; None leaves them as they are.
    """

    path: str
    content: bytes | None
    stamp: Stamp | None
    mode: int | None = None
    executable: bool | None = None


class Files:
    """One workspace. Relative paths start at `root`; `trusted` are further directories that may be used."""

    def __init__(self, root: str, trusted: Sequence[str] = (), held: Confinement | None = None) -> None:
        """`held` is what holds for programs in the same place; the same paths are refused here."""
        self._anchors = Anchors(root, trusted)
        self._held = held or Confinement(policy="workspace-write", writable=("/",))
        self._hidden = hidden_below(self._held, (self._anchors.root, *trusted))

    @property
    def root(self) -> str:
        """The real, absolute path of the workspace."""
        return self._anchors.root

    def resolve(self, path: str) -> str:
        """The real, absolute path that `path` leads to, existing or not."""
        with self._anchors.locate(path) as spot:
            return spot.real

    def directory(self, path: str = ".") -> str:
        """The real, absolute path of an existing directory, as the working directory of a command."""
        return self.use(path, self._directory)

    def size(self, path: str) -> int:
        """Bytes of an existing regular file."""
        return self.use(path, lambda spot: self._regular(spot, path).st_size)

    def stamp(self, path: str) -> Stamp | None:
        """What identifies the content of `path`, None if there is nothing."""
        return self.use(path, lambda spot: None if spot.found is None else stamp_of(self._regular(spot, path)))

    def name(self, spot: Spot) -> str:
        """How people and models name the place: relative to the root, or absolute below a trusted root."""
        way = "/".join(spot.parts) or "."
        return way if spot.anchor == self.root else os.path.join(spot.anchor, way) if spot.parts else spot.anchor

    def use(self, path: str, act: Callable[[Spot], Found]) -> Found:
        """`act` on the place that `path` leads to; what the system refuses becomes a `ToolError` that names the path."""
        try:
            return self._anchors.use(path, act)
        except OSError as error:
            raise failed(error, path) from error

    def read(self, path: str, limit: int = MAX_FILE) -> FileBytes:
        """The whole file; one longer than `limit` bytes is refused."""
        read = self.read_up_to(path, limit)
        if read is None:
            raise ToolError(
                f"{shown(path)} has {self.size(path):,} bytes; up to {limit:,} can be handled here. "
                "Search in it with grep_files, or work on it with a shell command."
            )
        return read

    def read_up_to(self, path: str, limit: int) -> FileBytes | None:
        """The whole file, or None when it is longer than `limit` bytes."""

        def act(spot: Spot) -> FileBytes | None:
            fd = self.open(spot, path)
            try:
                found = os.fstat(fd)
                content = _read_all(fd, limit) if found.st_size <= limit else None
            finally:
                os.close(fd)
            if content is None or len(content) > limit:
                return None
            return FileBytes(self.name(spot), content, stamp_of(found), stat.S_IMODE(found.st_mode))

        return self.use(path, act)

    def open(self, spot: Spot, path: str) -> int:
        """A descriptor of the regular file at `spot`, to be closed by the caller. Raises `Raced` if it changed."""
        self._regular(spot, path)
        try:
            fd = os.open(spot.name, _READ, dir_fd=spot.parent)
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENOENT, errno.ENXIO}:
                raise Raced from error
            raise
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Raced
        return fd

    def write(self, path: str, content: bytes, stamp: Stamp | None) -> None:
        """Put `content` in the file's place at once, directories made as needed. `stamp` as in `Write`."""
        self.write_all([Write(path=path, content=content, stamp=stamp)])

    def write_all(self, writes: Iterable[Write], wanted: Callable[[], bool] = lambda: True) -> None:
        """All of `writes` or, when one cannot be done or `wanted` says no before the first is in place, none."""
        changes: list[Change] = []
        try:
            changes.extend(self.use(write.path, lambda spot, write=write: self._stage(spot, write)) for write in writes)
            _check_wanted(wanted)
            commit_all(changes)
        except OSError as error:
            _undo(changes)
            raise failed(error, error.filename if isinstance(error.filename, str) else self.root) from error
        except BaseException:
            _undo(changes)
            raise
        finally:
            for change in changes:
                change.close()

    def check_writable(self, path: str) -> str:
        """Raise what `write` would raise for this path; its name for people otherwise."""

        def act(spot: Spot) -> str:
            self._check_write(spot, path)
            return self.name(spot)

        return self.use(path, act)

    def refused(self, path: str) -> str | None:
        """Why nothing is ever written there, in words that fit after its name; None when that is for others to decide."""
        try:
            return self.use(path, lambda spot: refused_write(self._held, spot.anchor, spot.parts))
        except ToolError:  # whoever writes there will be told
            return None

    def _stage(self, spot: Spot, write: Write) -> Change:
        self._check_write(spot, write.path)
        if (None if spot.found is None else stamp_of(spot.found)) != write.stamp:
            raise ToolError(
                f"{shown(write.path)} was changed by somebody else in the meantime; nothing was written. Read it again."
            )
        if write.content is not None and marked(write.content):
            refuse_more(shown(write.path), self._present(spot, write.path), write.content)
        change = Change(write.path, spot)
        try:
            if write.content is not None:
                change.stage(write.content, spot.found, mode=write.mode, executable=write.executable)
        except BaseException:
            change.undo()
            change.close()
            raise
        return change

    def _check_write(self, spot: Spot, path: str) -> None:
        refused = refused_write(self._held, spot.anchor, spot.parts)
        if refused is not None:
            raise ToolError(f"{shown(path)} {refused}.", category="permission_denied")
        if spot.found is None:
            if not spot.name:
                raise ToolError(f"{shown(path)} is a directory; name a file in it.", category="invalid_input")
            return
        found = self._regular(spot, path)
        if not found.st_mode & 0o222 or not os.access(spot.name, os.W_OK, dir_fd=spot.parent):
            raise ToolError(f"{shown(path)} is read-only; nothing was written.", category="permission_denied")

    def _present(self, spot: Spot, path: str) -> bytes:
        if spot.found is None:
            return b""
        fd = self.open(spot, path)
        try:
            return _read_all(fd, MAX_FILE)
        finally:
            os.close(fd)

    def _directory(self, spot: Spot) -> str:
        if spot.found is None:
            raise self._not_found(spot, self.name(spot))
        if not stat.S_ISDIR(spot.found.st_mode):
            raise ToolError(f"{shown(self.name(spot))} is a file, not a directory.", category="invalid_input")
        return spot.real

    def _regular(self, spot: Spot, path: str) -> os.stat_result:
        if spot.found is None:
            raise self._not_found(spot, path)
        if stat.S_ISDIR(spot.found.st_mode):
            raise ToolError(
                f"{shown(path)} is a directory, not a file. list_dir shows what is in it.", category="invalid_input"
            )
        if self._hidden and any(within(spot.real, place) for place in self._hidden):
            raise ToolError(f"{shown(path)} is hidden from programs and tools.", category="permission_denied")
        if not stat.S_ISREG(spot.found.st_mode):
            raise ToolError(f"{shown(path)} is a device, pipe or socket, not a file.", category="invalid_input")
        return spot.found

    def _not_found(self, spot: Spot, path: str) -> ToolError:
        from codewhale.workspace.nearest import nearest_name

        place = spot.parts[: len(spot.parts) - len(spot.missing) - 1]
        near = nearest_name(spot)
        hint = f" Did you mean {shown('/'.join([*place, near]))}?" if near else ""
        if spot.missing:
            return ToolError(
                f"{shown(path)} does not exist: there is no directory {shown('/'.join([*place, spot.name]))}.{hint}",
                category="invalid_input",
            )
        return ToolError(f"{shown(path)} does not exist.{hint}", category="invalid_input")


def _check_wanted(wanted: Callable[[], bool]) -> None:
    if not wanted():
        raise ToolError("Interrupted before anything was written.", category="cancelled")


def _undo(changes: list[Change]) -> None:
    for change in reversed(changes):
        change.undo()


def _read_all(fd: int, limit: int) -> bytes:
    """All bytes, also of a file that grows while it is read, but never more than a chunk beyond `limit`."""
    first = os.read(fd, _CHUNK)
    following = os.read(fd, _CHUNK) if first else b""
    if not following:
        return first
    whole = bytearray(first)
    while following and len(whole) <= limit:
        whole += following
        following = os.read(fd, _CHUNK)
    return bytes(whole)
