"""What is in a workspace: every file and link with its stat, found by descriptors, without following or opening anything.

Special files are named and never touched; what is left out is said, with the reason. Bounded in entries, bytes and depth.
"""

import os
import stat
from collections.abc import Callable

from msgspec import Struct, field

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import DIRECTORY

EXCLUDED = frozenset(
    {
        *("node_modules", "bower_components", ".venv", "__pycache__", ".tox", ".nox", ".gradle", ".terraform"),
        *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".hg", ".svn"),
    }
)
"""Folders that a package manager or a tool makes again by itself."""

MAX_FILE = 64 * 1024 * 1024
TEMPORARY = ".codewhale-restore-"
"""How names begin of files that a restore has not put in place yet."""

_MAX_DEPTH = 128
_MAX_MISSING = 200
_CACHE_TAG = b"Signature: 8a477f597d28d172789f06886806bc55"

Stamp = tuple[int, int, int, int, int]
"""Time of change of content and of inode (ns), size, inode, mode: two equal stamps are the same file, unchanged."""


class TooLarge(Exception):
    """The workspace has more than snapshots are made for; the message says what."""


class Limits(Struct, frozen=True, kw_only=True):
    """How much a workspace may have; `size` in bytes, 0 for no limit."""

    entries: int = 200_000
    size: int = 2 * 1024**3
    file: int = MAX_FILE


class Scan(Struct, kw_only=True):
    """A workspace at a moment. Paths are relative; `missing` are those left out, each with the reason;
    `leftovers` are of a restore that was cut off."""

    files: dict[str, Stamp] = field(default_factory=dict[str, Stamp])
    empty: list[str] = field(default_factory=list[str])
    missing: dict[str, str] = field(default_factory=dict[str, str])
    leftovers: list[str] = field(default_factory=list[str])
    size: int = 0
    entries: int = 0

    def leave_out(self, path: str, reason: str) -> None:
        """Say that something is not in the snapshot; of very many only the first are kept."""
        if len(self.missing) < _MAX_MISSING:
            self.missing[path] = reason


class _Level(Struct):
    fd: int
    prefix: str
    waiting: list[str]


def scan(
    root: str, limits: Limits, skip: frozenset[tuple[int, int]] = frozenset(), stop: Callable[[], bool] = lambda: False
) -> Scan:
    """Look at all of `root`. `skip` are folders, by device and inode, that are not part of it. Raises `TooLarge`,
    `ToolError` when interrupted or when the folder cannot be opened."""
    found = Scan()
    try:
        top = os.open(root, DIRECTORY)
    except OSError as error:
        raise ToolError(f"{root} cannot be opened: {error.strerror or error}.") from error
    device = os.fstat(top).st_dev
    levels = [_Level(top, "", _enter(found, top, "", limits))]
    try:
        while levels:
            level = levels[-1]
            if not level.waiting:
                os.close(levels.pop().fd)
                continue
            if stop():
                raise ToolError("Interrupted while looking through the files.", category="cancelled")
            name = level.waiting.pop()
            path = level.prefix + name
            inner = _open(level.fd, name)
            if inner is None:
                found.leave_out(path + "/", "cannot be opened")
                continue
            here = os.fstat(inner)
            reason = _other(inner, here, device, skip, len(levels))
            if reason is not None:
                os.close(inner)
                found.leave_out(path + "/", reason)
                continue
            levels.append(_Level(inner, path + "/", _enter(found, inner, path + "/", limits)))
    finally:
        for level in levels:
            os.close(level.fd)
    return found


def _open(fd: int, name: str) -> int | None:
    try:
        return os.open(name, DIRECTORY, dir_fd=fd)
    except OSError:
        return None


def _other(fd: int, here: os.stat_result, device: int, skip: frozenset[tuple[int, int]], depth: int) -> str | None:
    """Why a folder is not gone into."""
    if here.st_dev != device:
        return "another file system"
    if (here.st_dev, here.st_ino) in skip:
        return "the snapshots themselves"
    if depth >= _MAX_DEPTH:
        return "nested too deeply"
    return "a cache, as it says itself" if _is_cache(fd) else None


def _is_cache(fd: int) -> bool:
    try:
        tag = os.open("CACHEDIR.TAG", os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=fd)
    except OSError:
        return False
    try:
        return stat.S_ISREG(os.fstat(tag).st_mode) and os.read(tag, len(_CACHE_TAG)) == _CACHE_TAG
    finally:
        os.close(tag)


def _enter(found: Scan, fd: int, prefix: str, limits: Limits) -> list[str]:
    """Take in one folder's entries; the folders in it that are to be gone into."""
    inner: list[str] = []
    empty = True
    with os.scandir(fd) as entries:
        for entry in entries:
            empty = False
            found.entries += 1
            if found.entries > limits.entries:
                raise TooLarge(f"it has more than {limits.entries:,} files and folders")
            name = entry.name
            if _is_git(name):
                if prefix or name != ".git":
                    found.leave_out(prefix + name, "a repository of its own: its files are kept, its history is not")
            elif entry.is_dir(follow_symlinks=False):
                if name in EXCLUDED:
                    found.leave_out(f"{prefix}{name}/", "can be made again")
                else:
                    inner.append(name)
            else:
                _file(found, entry, prefix, limits)
    if empty and prefix:
        found.empty.append(prefix[:-1])
    return inner


def _is_git(name: str) -> bool:
    """Whether git would take the name for its own on some system; it refuses to keep such a one."""
    if name[0] not in ".gG":
        return False
    folded = name.rstrip(" .").casefold()
    return folded in {".git", "git~1"} or "\u200c" in name or (":" in folded and folded.startswith(".git:"))


def _file(found: Scan, entry: "os.DirEntry[str]", prefix: str, limits: Limits) -> None:
    path = prefix + entry.name
    try:
        here = entry.stat(follow_symlinks=False)
    except OSError:
        return  # gone meanwhile
    kind = stat.S_IFMT(here.st_mode)
    if kind not in (stat.S_IFREG, stat.S_IFLNK):
        found.leave_out(path, "a device, pipe or socket")
    elif here.st_size > limits.file:
        found.leave_out(path, f"larger than {limits.file // 1024**2} MB")
    elif entry.name.startswith(TEMPORARY):
        found.leftovers.append(path)
    else:
        found.size += here.st_size
        if limits.size and found.size > limits.size:
            raise TooLarge(f"its files have more than {limits.size / 1024**3:.4g} GB")
        found.files[path] = stamp_of(here)


def stamp_of(here: os.stat_result) -> Stamp:
    return here.st_mtime_ns, here.st_ctime_ns, here.st_size, here.st_ino, here.st_mode
