"""Goes through a directory tree in name order without following links, leaving out what git would ignore.

Bounded in entries, depth and memory; `cut` says when something was left out. The tree is walked by descriptors, so a
directory swapped for a link meanwhile is skipped, not followed.
"""

import os
import stat
from collections.abc import Iterator
from itertools import islice

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import DIRECTORY, Raced, Spot, shown
from codewhale.workspace.blocking import Stop
from codewhale.workspace.files import Files
from codewhale.workspace.ignore import Ignores, rules_at, rules_in

INTERNAL = frozenset({".git", ".hg", ".svn"})
"""Never listed and never entered, unless a path leads into them."""
UNASKED = frozenset({"node_modules", "__pycache__", ".venv"})
"""Listed, but entered only when a path leads there."""
MAX_ENTRIES = 200_000
_MAX_DIRECTORY = 50_000
_MAX_DEPTH = 128


class Entry(Struct, frozen=True):
    """Something in a directory; `parts` from the anchor. A link is neither a file nor a directory."""

    parts: tuple[str, ...]
    is_dir: bool
    is_file: bool
    is_link: bool

    @property
    def name(self) -> str:
        return self.parts[-1]


class Start(Struct, frozen=True, kw_only=True):
    """Where a walk begins: an open directory, its place, and the rules in force in it and above."""

    fd: int
    parts: tuple[str, ...]
    above: Ignores | None
    prefix: str


class Walk:
    """One pass over a directory. `ignored` counts the entries left out, `cut` says that the limits ended it early."""

    def __init__(self, files: Files, path: str, stop: Stop, limit: int = MAX_ENTRIES) -> None:
        self._files = files
        self._stop = stop
        self._left = limit
        self.ignored = 0
        self.cut = False
        self._start = files.use(path, lambda spot: _start(files, spot, path))

    @property
    def base(self) -> tuple[str, ...]:
        """The directory's own place below the anchor."""
        return self._start.parts

    def label(self, entry: Entry) -> str:
        """The entry's path as people and models name it."""
        return readable(self._start.prefix + "/".join(entry.parts))

    def level(self) -> Iterator[Entry]:
        """The entries of the directory itself."""
        try:
            entries, _ = self._entries(self._start.fd, self._start.parts, self._start.above)
        finally:
            os.close(self._start.fd)
        yield from entries

    def tree(self) -> Iterator[Entry]:
        """Every entry below, parents first."""
        entries, ignores = self._entries(self._start.fd, self._start.parts, self._start.above)
        levels = [(self._start.fd, iter(entries), ignores)]
        try:
            while levels:
                fd, entries, ignores = levels[-1]
                entry = next(entries, None)
                if entry is None:
                    os.close(levels.pop()[0])
                    continue
                yield entry
                if entry.is_dir and entry.name not in UNASKED and self._may_enter(len(levels)):
                    inner = _enter(fd, entry.name)
                    if inner is not None:
                        found, rules = self._entries(inner, entry.parts, ignores)
                        levels.append((inner, iter(found), rules))
        finally:
            for level in levels:
                os.close(level[0])

    def _may_enter(self, depth: int) -> bool:
        if self._left <= 0 or depth >= _MAX_DEPTH:
            self.cut = True
            return False
        return True

    def _entries(self, fd: int, parts: tuple[str, ...], above: Ignores | None) -> tuple[list[Entry], Ignores | None]:
        if self._stop:
            raise ToolError("Interrupted while looking through the files.", category="cancelled")
        room = min(_MAX_DIRECTORY, max(self._left, 0))
        try:
            with os.scandir(fd) as scan:
                found = list(islice(scan, room + 1))
        except OSError:
            return [], above  # not ours to read
        if len(found) > room:
            self.cut = True
            found.pop()
        self._left -= len(found)
        found.sort(key=lambda each: os.fsencode(each.name))
        ignores = rules_in(fd, (each.name for each in found), len(parts), above)
        entries: list[Entry] = []
        for each in found:
            if each.name in INTERNAL:
                continue
            entry = _entry(each, parts)
            if ignores is not None and ignores.ignored(entry.parts, directory=entry.is_dir):
                self.ignored += 1
            else:
                entries.append(entry)
        return entries, ignores


def readable(path: str) -> str:
    """A path with bytes that are no UTF-8 replaced, so that it can be sent."""
    return path if path.isascii() else os.fsencode(path).decode("utf-8", "replace")


def rules_above(spot: Spot) -> Ignores | None:
    """The rules in force above the directory at `spot`; none when they hide it, for then it was asked for by name."""
    above: Ignores | None = None
    for depth, fd in enumerate(spot.way[: len(spot.parts)]):
        above = rules_at(fd, depth, above)
        if above is not None and above.ignored(spot.parts[: depth + 1], directory=True):
            return None
    return above


def hidden(spot: Spot, base: int, above: Ignores | None) -> bool:
    """Whether rules hide the file at `spot`, seen from its ancestor `base` components deep with the rules `above` it."""
    last = len(spot.parts) - 1
    for depth in range(base, last + 1):
        above = rules_at(spot.way[depth], depth, above)
        if above is not None and above.ignored(spot.parts[: depth + 1], directory=depth < last):
            return True
    return False


def _start(files: Files, spot: Spot, path: str) -> Start:
    if spot.found is None or not stat.S_ISDIR(spot.found.st_mode):
        files.directory(path)  # raises, with the reason
        raise Raced
    prefix = "" if spot.anchor == files.root else spot.anchor.rstrip("/") + "/"
    fd = _enter(spot.parent, spot.name or ".")
    if fd is None:
        raise ToolError(f"{shown(path)} cannot be opened.", category="permission_denied")
    return Start(fd=fd, parts=tuple(spot.parts), above=rules_above(spot), prefix=prefix)


def _enter(fd: int, name: str) -> int | None:
    try:
        return os.open(name, DIRECTORY, dir_fd=fd)
    except OSError:
        return None  # gone, swapped or not ours to read


def _entry(found: "os.DirEntry[str]", parts: tuple[str, ...]) -> Entry:
    link = found.is_symlink()
    return Entry(
        (*parts, found.name),
        not link and found.is_dir(follow_symlinks=False),
        not link and found.is_file(follow_symlinks=False),
        link,
    )
