"""Reads documents beneath one folder, with the files that they include by a line `@path`.

Nothing outside the folder is ever opened: a path is walked component by component and a link that leads out is refused,
as is an absolute path, `~`, a cycle, or an include nested too deep. Each refusal is a warning; the line stays as it is.
"""

import os
import re
import stat

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import Anchors, Raced, Spot

MAX_FILE = 100 * 1024
MAX_DEPTH = 4
MAX_INCLUDES = 32
_INCLUDE = r"(?m)^@(?P<path>[^\s@`]+)[ \t]*$"
_FENCE = r"(?ms)^(?:```|~~~).*?^(?:```|~~~)[ \t]*$"


class Library:
    """The documents beneath `root`. `warnings` grows with what could not be used."""

    def __init__(self, root: str) -> None:
        self.warnings: list[str] = []
        self._anchors = Anchors(root, ())
        self._included = 0

    def text(self, path: str) -> str | None:
        """The document, includes in place; None when there is no such file."""
        content = self._read(path)
        return None if content is None else self._resolved(content, path, (os.path.normpath(path),))

    def listing(self, folder: str, ending: str) -> list[str]:
        """The names of regular files with this ending in `folder`, sorted; nothing where it is a link or is not there."""
        if os.path.islink(os.path.join(self._anchors.root, folder)):
            self.warnings.append(f"{folder} is a link and was ignored")
            return []
        try:
            return self._anchors.use(folder, lambda spot: _names(spot, ending))
        except (ToolError, OSError):
            return []

    def _resolved(self, text: str, path: str, way: tuple[str, ...]) -> str:
        fences = [found.span() for found in re.finditer(_FENCE, text)]

        def included(found: re.Match[str]) -> str:
            if any(start <= found.start() < end for start, end in fences):
                return found[0]
            inner = self._include(found["path"], path, way)
            return found[0] if inner is None else inner

        return re.sub(_INCLUDE, included, text)

    def _include(self, named: str, path: str, way: tuple[str, ...]) -> str | None:
        target = os.path.normpath(os.path.join(os.path.dirname(path), named))
        problem = self._problem(named, target, way)
        if problem is None:
            self._included += 1
            content = self._read(target)
            if content is not None:
                return self._resolved(content, target, (*way, target))
            problem = "there is no such file"
        self.warnings.append(f"{path}: @{named} was not included: {problem}")
        return None

    def _problem(self, named: str, target: str, way: tuple[str, ...]) -> str | None:
        if os.path.isabs(named) or named.startswith("~") or target.startswith(".."):
            return "only files of the same repository can be"
        if target in way:
            return "it would include itself"
        if len(way) > MAX_DEPTH:
            return f"includes are nested deeper than {MAX_DEPTH}"
        if self._included >= MAX_INCLUDES:
            return f"there are more than {MAX_INCLUDES}"
        return None

    def _read(self, path: str) -> str | None:
        try:
            content = self._anchors.use(path, _content)
        except OSError as error:
            self.warnings.append(f"{path} cannot be read: {error.strerror}")
            return None
        except ToolError as error:
            self.warnings.append(f"{path} was ignored: {error.message}")
            return None
        if content is None:
            return None
        if len(content) > MAX_FILE:
            self.warnings.append(f"{path} was cut after {MAX_FILE:,} bytes")
            content = content[:MAX_FILE]
        return content.decode(errors="replace").removeprefix("\ufeff")


def _content(spot: Spot) -> bytes | None:
    """The first bytes of a regular file, one more than may be used; None where there is none."""
    if spot.found is None or not stat.S_ISREG(spot.found.st_mode):
        return None
    try:
        fd = os.open(spot.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=spot.parent)
    except FileNotFoundError as error:
        raise Raced from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Raced
        return file.read(MAX_FILE + 1)


def _names(spot: Spot, ending: str) -> list[str]:
    if spot.found is None or not stat.S_ISDIR(spot.found.st_mode):
        return []
    fd = os.open(spot.name or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=spot.parent)
    try:
        with os.scandir(fd) as entries:
            return sorted(
                entry.name for entry in entries if entry.name.endswith(ending) and entry.is_file(follow_symlinks=False)
            )
    finally:
        os.close(fd)
