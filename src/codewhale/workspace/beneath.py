"""Finds a path beneath the anchors (the workspace root and the trusted roots), one component at a time.

Every step is taken relative to an open directory descriptor and refuses links, so a component swapped for a link between
check and use is noticed and never followed. Links are read here and re-checked; `..` pops the way we came.
Must not open what it finds: that is for the caller, relative to `Spot.parent`.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import NoReturn, Self, TypeVar

from codewhale.domain.errors import ToolError

Found = TypeVar("Found")

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
PASSAGE = DIRECTORY | getattr(os, "O_PATH", 0)
MAX_LINKS = 40
MAX_RACES = 64
MAX_PATH = 4096


class Raced(Exception):
    """What was looked at changed before it could be used; look again."""


class Spot:
    """A place beneath an anchor: `parent` is an open descriptor of the directory that holds `name`.

    `name` is "" for the anchor itself. `found` is the entry's own stat, None if there is no such entry; `missing` are the
    components that follow a `name` that does not exist. `parts` is the whole way from the anchor, links resolved.
    """

    __slots__ = ("_fds", "anchor", "found", "missing", "name", "parts")

    def __init__(self, anchor: str, fds: list[int], parts: list[str]) -> None:
        self.anchor = anchor
        self._fds = fds
        self.parts = parts
        self.name = ""
        self.found: os.stat_result | None = None
        self.missing: tuple[str, ...] = ()

    @property
    def parent(self) -> int:
        return self._fds[-1]

    @property
    def way(self) -> tuple[int, ...]:
        """Descriptors of the directories from the anchor to `parent`; `way[n]` holds the entry `parts[n]`."""
        return tuple(self._fds)

    @property
    def real(self) -> str:
        """The absolute path, links resolved."""
        return os.path.join(self.anchor, *self.parts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def enter(self, name: str) -> None:
        """Go down into the directory `name`."""
        self._fds.append(os.open(name, PASSAGE, dir_fd=self._fds[-1]))
        self.parts.append(name)

    def leave(self) -> None:
        """Go back up; the caller knows that we are below the anchor."""
        os.close(self._fds.pop())
        self.parts.pop()

    def close(self) -> None:
        while self._fds:
            os.close(self._fds.pop())


class Anchors:
    """The directories that paths may lie in: the first is where relative paths start."""

    def __init__(self, root: str, trusted: Sequence[str]) -> None:
        self.root = os.path.realpath(root)
        named = [root, self.root, *trusted, *(os.path.realpath(path) for path in trusted)]
        pairs = {os.path.normpath(os.path.abspath(path)): os.path.realpath(path) for path in named}
        self._pairs = sorted(pairs.items(), key=lambda pair: -len(pair[0]))

    def of(self, absolute: str) -> tuple[str, str] | None:
        """The anchor that an absolute path starts with, as its real path, and the rest of the path."""
        for alias, real in self._pairs:
            if absolute == alias:
                return real, ""
            if absolute.startswith(alias if alias.endswith("/") else alias + "/"):
                return real, absolute[len(alias) :]
        return None

    def locate(self, path: str) -> Spot:
        """Where `path` leads, links followed to the end. `ToolError(path_escape)` if that is outside every anchor."""
        _check(path)
        for _ in range(MAX_RACES):
            try:
                return self._walk(path)
            except Raced:
                continue
        raise ToolError(f"{shown(path)} keeps changing while it is being opened; nothing was done. Try again.")

    def use(self, path: str, act: Callable[[Spot], Found]) -> Found:
        """`act` on where `path` leads; tried again when `act` raises `Raced`."""
        for _ in range(MAX_RACES):
            with self.locate(path) as spot:
                try:
                    return act(spot)
                except Raced:
                    continue
        raise ToolError(f"{shown(path)} keeps changing while it is being opened; nothing was done. Try again.")

    def _walk(self, path: str) -> Spot:
        spot, rest = self._start(path, path)
        links = 0
        try:
            while rest:
                name = rest.pop()
                if name == "..":
                    if spot.parts:
                        spot.leave()
                    else:
                        above = os.path.join(os.path.dirname(spot.anchor), *reversed(rest))
                        spot, rest = self._restart(spot, above, path)
                    continue
                found = _look(spot, name, path)
                if found is None:
                    return _absent(spot, name, rest, path)
                if stat.S_ISLNK(found.st_mode):
                    links += 1
                    spot, rest = self._follow(spot, name, rest, path, links)
                    continue
                if not rest:
                    spot.parts.append(name)
                    spot.name, spot.found = name, found
                    return spot
                _descend(spot, name, found, path)
        except BaseException:
            spot.close()
            raise
        return _upon(spot)

    def _start(self, path: str, asked: str) -> tuple[Spot, list[str]]:
        anchor, rest = self.root, path
        if path.startswith("/"):
            under = self.of(path)
            if under is None:
                _escape(asked, self.root)
            anchor, rest = under
        try:
            spot = Spot(anchor, [os.open(anchor, PASSAGE)], [])
        except OSError as error:
            raise failed(error, anchor) from error
        return spot, _components(rest)

    def _restart(self, spot: Spot, path: str, asked: str) -> tuple[Spot, list[str]]:
        spot.close()
        return self._start(path, asked)

    def _follow(self, spot: Spot, name: str, rest: list[str], asked: str, links: int) -> tuple[Spot, list[str]]:
        if links > MAX_LINKS:
            raise ToolError(f"{shown(asked)} runs in a circle of symbolic links.", category="invalid_input")
        try:
            target = os.readlink(name, dir_fd=spot.parent)
        except OSError as error:
            raise Raced from error
        if target.startswith("/"):
            return self._restart(spot, os.path.join(target, *reversed(rest)), asked)
        return spot, rest + _components(target)


def _check(path: str) -> None:
    if not path:
        raise ToolError("The path is empty. Name a file, or `.` for the workspace.", category="invalid_input")
    if "\0" in path:
        raise ToolError("The path holds a NUL character, which no file name can.", category="invalid_input")
    try:
        size = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise ToolError("The path is not valid Unicode text.", category="invalid_input") from None
    if size > MAX_PATH:
        raise ToolError(f"The path is {size} bytes long; {MAX_PATH} are possible.", category="invalid_input")


def _components(path: str) -> list[str]:
    """The names of `path`, last first, so that the next one is at the end."""
    names = [name for name in path.split("/") if name not in {"", "."}]
    names.reverse()
    return names


def _look(spot: Spot, name: str, asked: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=spot.parent, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failed(error, asked) from error


def _absent(spot: Spot, name: str, rest: list[str], asked: str) -> Spot:
    if ".." in rest:
        raise ToolError(
            f"{shown(asked)} goes through {shown(name)}, which does not exist, and back up with `..`; name the path directly.",
            category="invalid_input",
        )
    rest.reverse()
    spot.parts += [name, *rest]
    spot.name, spot.missing = name, tuple(rest)
    return spot


def _descend(spot: Spot, name: str, found: os.stat_result, asked: str) -> None:
    if not stat.S_ISDIR(found.st_mode):
        way = "/".join([*spot.parts, name])
        raise ToolError(f"{shown(asked)} cannot be: {shown(way)} is a file, not a directory.", category="invalid_input")
    try:
        spot.enter(name)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Raced from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Raced from error
        raise failed(error, asked) from error


def _upon(spot: Spot) -> Spot:
    """The way ended on a directory that we stand in: name it from its parent, or the anchor by itself."""
    if not spot.parts:
        spot.found = os.fstat(spot.parent)
        return spot
    name = spot.parts[-1]
    spot.leave()
    spot.parts.append(name)
    spot.name = name
    try:
        spot.found = os.stat(name, dir_fd=spot.parent, follow_symlinks=False)
    except OSError as error:
        spot.close()
        raise Raced from error
    return spot


def _escape(asked: str, root: str) -> NoReturn:
    raise ToolError(
        f"{shown(asked)} is outside the workspace, and only paths inside it can be used. The workspace is {shown(root)}; "
        "give a path relative to it.",
        category="path_escape",
    )


def failed(error: OSError, path: str) -> ToolError:
    """An operating system's refusal as a tool error that names the path."""
    if isinstance(error, PermissionError):
        return ToolError(f"{shown(path)}: the operating system does not permit this.", category="permission_denied")
    reason = os.strerror(error.errno) if error.errno else str(error)
    return ToolError(f"{shown(path)}: {reason}.")


def shown(path: str) -> str:
    """`path` for a sentence or a prompt: whole, with what could mislead the eye escaped."""
    plain = os.fsencode(path).decode("utf-8", "backslashreplace") if not path.isascii() else path
    return plain if plain.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in plain)
