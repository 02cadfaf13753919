"""The skills on disk: directories with a `SKILL.md` that describes them.

Nothing outside the chosen directory's anchor is ever read: a link that leads out is a warning. What cannot be used is
said, never an error of the whole list. Which skills are switched off is not known here.
"""

import os
import stat
from collections.abc import Iterator

from msgspec import Struct

from codewhale.context.front_matter import front_matter, heading
from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import Anchors, Raced, Spot

FILE = "SKILL.md"
IN_WORKSPACE = (".agents/skills", "skills")
DEPTH = 8
MOST = 500
"""Skills and visited directories beyond this are left out, and a warning says so."""
MAX_BYTES = 64 * 1024
DESCRIPTION_LIMIT = 1024


class FoundSkill(Struct, frozen=True, kw_only=True):
    """A skill and the absolute path of its file."""

    name: str
    description: str
    path: str


class FoundSkills(Struct, frozen=True, kw_only=True):
    """The skills of a directory by name, and what could not be used."""

    directory: str
    skills: tuple[FoundSkill, ...]
    warnings: tuple[str, ...]


def find_skills(workspace: str, own: str) -> FoundSkills:
    """The skills of the first directory that there is: `.agents/skills` and `skills` of the workspace, unless a link leads
    out of it, else `own`, the person's. An absent directory has no skills."""
    warnings: list[str] = []
    for name in IN_WORKSPACE:
        directory = os.path.join(workspace, name)
        if not os.path.isdir(directory):
            continue
        if _inside(workspace, directory):
            return _listed(directory, os.path.realpath(workspace), warnings)
        warnings.append(f"{directory} leads out of the workspace and was ignored")
    return _listed(own, os.path.realpath(own), warnings)


def _inside(workspace: str, directory: str) -> bool:
    root = os.path.realpath(workspace)
    return os.path.commonpath([root, os.path.realpath(directory)]) == root


def _listed(directory: str, anchor: str, warnings: list[str]) -> FoundSkills:
    found: dict[str, FoundSkill] = {}
    if os.path.isdir(directory):
        anchors = Anchors(anchor, ())
        for path in _files(os.path.realpath(directory), anchors, warnings):
            skill = _skill(path, anchors, warnings)
            if skill is None:
                continue
            known = found.setdefault(skill.name, skill)
            if known is not skill:
                warnings.append(f"{path} is ignored: {known.path} has the same name {skill.name!r}")
    return FoundSkills(
        directory=directory, skills=tuple(found[name] for name in sorted(found)), warnings=tuple(warnings)
    )


def _files(top: str, anchors: Anchors, warnings: list[str]) -> Iterator[str]:
    """Every SKILL.md below `top`, in the order of names; one ends the descent into its directory."""
    waiting = [(top, 0)]
    visited = 0
    while waiting:
        directory, depth = waiting.pop()
        visited += 1
        if visited > MOST:
            warnings.append(f"{top} holds more than {MOST} directories; the rest was not looked at")
            return
        path = os.path.join(directory, FILE)
        if os.path.lexists(path) and depth:
            yield path
        elif depth < DEPTH:
            waiting += [(child, depth + 1) for child in reversed(_children(directory, anchors, warnings))]


def _children(directory: str, anchors: Anchors, warnings: list[str]) -> list[str]:
    try:
        names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except OSError as error:
        warnings.append(f"{directory} cannot be read: {error.strerror}")
        return []
    found: list[str] = []
    for name in names:
        path = os.path.join(directory, name)
        if not os.path.isdir(path):
            continue
        if os.path.islink(path):
            real = os.path.realpath(path)
            if anchors.of(real) is None:
                warnings.append(f"{path} leads out of {anchors.root} and was ignored")
                continue
        found.append(path)
    return found


def _skill(path: str, anchors: Anchors, warnings: list[str]) -> FoundSkill | None:
    try:
        content = anchors.use(path, _content)
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        warnings.append(f"{path} is not UTF-8 text")
        return None
    except ToolError as error:
        warnings.append(f"{path} was ignored: {error.message}")
        return None
    fields, body = front_matter(text)
    name = fields.get("name") or (None if fields else heading(body))
    if not name:
        warnings.append(f"{path} has no name: it needs `name:` between two lines `---`, or a first heading")
        return None
    return FoundSkill(name=name, description=fields.get("description", "")[:DESCRIPTION_LIMIT], path=path)


def _content(spot: Spot) -> bytes:
    if spot.found is None or not stat.S_ISREG(spot.found.st_mode):
        raise ToolError("it is not a file", category="invalid_input")
    try:
        fd = os.open(spot.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=spot.parent)
    except FileNotFoundError as error:
        raise Raced from error
    except OSError as error:
        raise ToolError(f"it cannot be read: {error.strerror}") from error
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Raced
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ToolError(f"it is larger than {MAX_BYTES} bytes", category="invalid_input")
    return content
