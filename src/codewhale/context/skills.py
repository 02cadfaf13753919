"""The skills on disk: directories with a `SKILL.md` that describes them, in all the places where people keep them.

Nothing outside the place's anchor is ever read: a link that leads out is a warning. What cannot be used is said, never an
error of the whole list. Which skills are switched off is not known here.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache

from msgspec import Struct

from codewhale.context.front_matter import front_matter, heading
from codewhale.context.places import IN_WORKSPACE
from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import Anchors, Raced, Spot

FILE = "SKILL.md"
PUBLISHED = IN_WORKSPACE[:2]
"""Those that the list over HTTP names as its directory, when there is one."""
DEPTH = 8
MOST = 500
"""Skills and visited directories of one place beyond this are left out, and a warning says so."""
MAX_BYTES = 64 * 1024
DESCRIPTION_LIMIT = 1024
NAME_LIMIT = 64
MOST_FILES = 50


class FoundSkill(Struct, frozen=True, kw_only=True):
    """A skill: the absolute path of its file, the place where it was found (absolute; `label` in words that say the same on
    every machine), what bounds its links, and whether the model is told of it before somebody names it."""

    name: str
    description: str
    path: str
    place: str
    label: str
    anchor: str
    offered: bool = True

    @property
    def folder(self) -> str:
        """The skill's own directory."""
        return os.path.dirname(self.path)


class FoundSkills(Struct, frozen=True, kw_only=True):
    """The skills by name, what could not be used, and the directory that is named for all of them."""

    directory: str
    skills: tuple[FoundSkill, ...]
    warnings: tuple[str, ...]

    def named(self, name: str) -> FoundSkill | None:
        """The skill of exactly this name."""
        return next((skill for skill in self.skills if skill.name == name), None)


class _Place(Struct, frozen=True):
    directory: str
    anchor: str
    label: str


def find_skills(workspace: str, own: Sequence[str]) -> FoundSkills:
    """The skills of the workspace, then those of `own`, the person's directories; the last of these is where new ones go."""
    warnings: list[str] = []
    found: dict[str, FoundSkill] = {}
    seen: set[str] = set()
    for place in _places(workspace, own, warnings):
        real = os.path.realpath(place.directory)
        if real in seen:
            continue
        seen.add(real)
        for skill in _listed(place, warnings):
            known = found.setdefault(skill.name, skill)
            if known is not skill:
                warnings.append(f"{skill.path} is ignored: {known.path} has the same name {skill.name!r}")
    named = (os.path.join(workspace, name) for name in PUBLISHED)
    directory = next((one for one in named if os.path.isdir(one) and _inside(workspace, one)), own[-1])
    return FoundSkills(
        directory=directory, skills=tuple(found[name] for name in sorted(found)), warnings=tuple(warnings)
    )


def _places(workspace: str, own: Sequence[str], warnings: list[str]) -> Iterator[_Place]:
    root = os.path.realpath(workspace)
    for name in IN_WORKSPACE:
        directory = os.path.join(workspace, name)
        if not os.path.isdir(directory):
            continue
        if _inside(workspace, directory):
            yield _Place(directory, root, name)
        else:
            warnings.append(f"{directory} leads out of the workspace and was ignored")
    for directory in own:
        if os.path.isdir(directory):
            label = os.path.join(os.path.basename(os.path.dirname(directory)), os.path.basename(directory))
            yield _Place(directory, os.path.realpath(directory), f"~/{label}")


def _inside(workspace: str, directory: str) -> bool:
    root = os.path.realpath(workspace)
    return os.path.commonpath([root, os.path.realpath(directory)]) == root


def _listed(place: _Place, warnings: list[str]) -> Iterator[FoundSkill]:
    for path in _files(os.path.realpath(place.directory), Anchors(place.anchor, ()), warnings):
        mark = _mark(path)
        skill, warning = _skill(path, place) if mark is None else _known(path, place, mark)
        if skill is not None:
            yield skill
        else:
            warnings.append(warning)


def _mark(path: str) -> tuple[int, ...] | None:
    """What tells a file from itself after a change; None for what is no file."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns) if stat.S_ISREG(found.st_mode) else None


@lru_cache(maxsize=1024)
def _known(path: str, place: _Place, mark: tuple[int, ...]) -> tuple[FoundSkill | None, str]:
    """The skill as it was read when its file looked like this: every turn asks, and files seldom change."""
    del mark
    return _skill(path, place)


def skill_text(skill: FoundSkill) -> str:
    """What the skill says, without its head. `ToolError` when it cannot be read any more."""
    return front_matter(_text(skill.path, Anchors(skill.anchor, ())))[1].strip()


def companion(skill: FoundSkill, name: str) -> str:
    """The text of another file of the skill, by its path in the skill's directory; never one outside of it. `ToolError`."""
    folder = Anchors(skill.folder, ())
    if os.path.isabs(name):
        raise ToolError(f"{name} is not beneath the skill's folder", category="path_escape")
    return _text(name, folder)


def companions(skill: FoundSkill) -> list[str]:
    """The paths of the skill's other files, in its directory, sorted; links and hidden ones are left out."""
    found: list[str] = []
    for folder, folders, files in os.walk(skill.folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if name.startswith(".") or os.path.islink(path) or path == skill.path:
                continue
            if len(found) == MOST_FILES:
                return found
            found.append(os.path.relpath(path, skill.folder))
    return found


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


def _skill(path: str, place: _Place) -> tuple[FoundSkill | None, str]:
    """The skill, or why there is none."""
    try:
        text = _text(path, Anchors(place.anchor, ()))
    except ToolError as error:
        return None, f"{path} was ignored: {error.message}"
    fields, body = front_matter(text)
    name = fields.get("name") or (None if fields else heading(body))
    if not name:
        return None, f"{path} has no name: it needs `name:` between two lines `---`, or a first heading"
    if len(name) > NAME_LIMIT or not name.isprintable():
        return None, f"{path} was ignored: its name is longer than {NAME_LIMIT} characters or more than a line"
    skill = FoundSkill(
        name=name,
        description=fields.get("description", "")[:DESCRIPTION_LIMIT],
        path=path,
        place=place.directory,
        label=place.label,
        anchor=place.anchor,
        offered=fields.get("invocation") != "explicit-only",
    )
    return skill, ""


def _text(path: str, anchors: Anchors) -> str:
    try:
        return anchors.use(path, _content).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ToolError("it is not UTF-8 text", category="invalid_input") from error


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
