"""What of a repository's own folder a confined program may write: enough to stage, commit, branch and stash, nothing that
makes git run something later.

`.git` is writable, but not its hooks, its configuration, its submodules and its other work trees. A linked work tree counts
only when the repository that it points at points back, which a hostile checkout cannot arrange in somebody else's.
"""

import os
import re
import stat
from contextlib import suppress

from codewhale.workspace.sandbox.marks import is_mask

MAX_CONFIG = 256 * 1024
_HOOKS_PATH = re.compile(rb"^[ \t]*hookspath[ \t]*=[ \t]*(.+?)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_READ_ONLY = ("hooks", "config", "config.worktree", "modules", "worktrees")
_OF_WORK_TREE = ("commondir", "gitdir", "config.worktree")


class GitPlaces:
    """`writable` folders, `protected` places in them, and `missing` folders that must not come to be."""

    def __init__(self) -> None:
        self.writable: list[str] = []
        self.protected: list[str] = []
        self.missing: list[str] = []


def git_places(dot_git: str) -> GitPlaces | None:
    """The places of the repository whose `.git` this is; None when it must stay read-only as a whole."""
    found = os.lstat(dot_git)
    if stat.S_ISDIR(found.st_mode):
        return _repository(dot_git)
    return _work_tree(dot_git) if stat.S_ISREG(found.st_mode) else None


def _repository(folder: str) -> GitPlaces | None:
    for name, kind in (
        ("HEAD", stat.S_ISREG),
        ("config", stat.S_ISREG),
        ("objects", stat.S_ISDIR),
        ("refs", stat.S_ISDIR),
    ):
        if not _is(os.path.join(folder, name), kind):
            return None
    config = _read(os.path.join(folder, "config"))
    if config is None or os.path.lexists(os.path.join(folder, "commondir")):
        return None
    places = GitPlaces()
    places.writable.append(folder)
    for name in _READ_ONLY:
        path = os.path.join(folder, name)
        if os.path.islink(path):
            return None
        if os.path.lexists(path) and not is_mask(path):
            places.protected.append(path)
        elif name == "hooks":
            places.missing.append(path)
        elif name == "config.worktree" and b"worktreeconfig" in config.lower():
            return None  # git would read it, and only a folder could be put in its place
    places.protected += _hooks_elsewhere(config, os.path.dirname(folder))
    return places


def _hooks_elsewhere(config: bytes, work_tree: str) -> list[str]:
    """Folders in the work tree that the configuration has hooks in."""
    found: list[str] = []
    for value in _HOOKS_PATH.findall(config)[:4]:
        path = os.path.normpath(os.path.join(work_tree, os.fsdecode(value.strip(b'"'))))
        if path != work_tree and os.path.isdir(path) and os.path.realpath(path) == path:
            found.append(path)
    return found


def _work_tree(dot_git: str) -> GitPlaces | None:
    """A linked work tree: `.git` says `gitdir: …/worktrees/<name>`, and the `gitdir` there names this very file."""
    said = _read(dot_git)
    if said is None or not said.startswith(b"gitdir: "):
        return None
    folder = os.path.normpath(os.path.join(os.path.dirname(dot_git), os.fsdecode(said[8:].strip())))
    above = os.path.dirname(folder)
    common = os.path.dirname(above)
    if os.path.basename(above) != "worktrees" or os.path.realpath(folder) != folder:
        return None
    back = _read(os.path.join(folder, "gitdir"))
    if back is None or os.path.normpath(os.fsdecode(back.strip())) != dot_git:
        return None
    places = _repository(common)
    if places is None:
        return None
    places.writable.append(folder)
    places.protected += [path for name in _OF_WORK_TREE if os.path.lexists(path := os.path.join(folder, name))]
    return places


def _is(path: str, kind: object) -> bool:
    with suppress(OSError):
        return callable(kind) and bool(kind(os.lstat(path).st_mode))
    return False


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_CONFIG + 1)
    except OSError:
        return None
    return content if len(content) <= MAX_CONFIG else None
