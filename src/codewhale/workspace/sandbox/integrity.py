"""What a program may have planted although it was confined: a look before, a look after, and the difference.

No mount can hold a name whose parent may be renamed, and the reduced cage holds no name inside a writable folder. So what
steers git, agents and editors is compared at the top of each writable folder and one level below. Bounded; reads no content:
the time of change of an inode cannot be set by a program.
"""

import os
import stat
from collections.abc import Iterable

from codewhale.domain.confinement import INSTRUCTIONS, STEERING
from codewhale.workspace.sandbox.marks import is_mask

MAX_LOOKS = 2000
MAX_FOLDERS = 200
MAX_REPORTED = 20
_IN_GIT = ("config", "config.worktree", "commondir", "hooks", "modules", "info/attributes")
_BARE = ("HEAD", "objects", "refs")
_NAMES = sorted({*STEERING, *INSTRUCTIONS} - {".git"})

Traits = tuple[int, int, int, int]
Look = dict[str, Traits]


def look(roots: Iterable[str]) -> Look:
    """The traits of all that steers, by path; git first, so that a crowd of other files cannot hide it from the look."""
    found: Look = {}
    folders = [folder for root in roots for folder in (root, *_folders(root))]
    for folder in folders:
        _git(folder, found)
    for folder in folders:
        _others(folder, found)
    return found


def difference(before: Look, after: Look) -> list[str]:
    """The paths that were made, changed or removed, in order."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))


def repositories(changed: Iterable[str]) -> tuple[str, ...]:
    """The folders of git that something was changed in or planted as: those named `.git`, and bare ones."""
    found: dict[str, None] = {}
    for path in changed:
        above, git, _ = f"{path}/".partition("/.git/")
        if git:
            found[f"{above}/.git"] = None
        elif os.path.basename(path) in _BARE:
            found[os.path.dirname(path)] = None
    return tuple(found)


def _folders(root: str) -> list[str]:
    found: list[str] = []
    try:
        with os.scandir(root) as entries:
            for entry in entries:
                if entry.name not in STEERING and entry.is_dir(follow_symlinks=False):
                    found.append(entry.path)
                    if len(found) == MAX_FOLDERS:
                        break
    except OSError:
        return found
    return found


def _git(folder: str, found: Look) -> None:
    _repository(os.path.join(folder, ".git"), found)
    if all(os.path.lexists(os.path.join(folder, name)) for name in _BARE):
        found[os.path.join(folder, "HEAD")] = (0, 0, 0, 0)


def _others(folder: str, found: Look) -> None:
    for name in _NAMES:
        _tree(os.path.join(folder, name), found)


def _repository(path: str, found: Look) -> None:
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if not stat.S_ISDIR(mode):
        _tree(path, found)
        return
    for name in _IN_GIT:
        _tree(os.path.join(path, name), found)


def _tree(path: str, found: Look) -> None:
    """The path itself and, of a folder, all beneath it, as far as the bound goes."""
    waiting = [path]
    while waiting and len(found) < MAX_LOOKS:
        path = waiting.pop()
        try:
            seen = os.lstat(path)
            if is_mask(path):
                continue
            inside = os.listdir(path) if stat.S_ISDIR(seen.st_mode) else []
        except OSError:
            continue
        found[path] = (seen.st_ino, seen.st_mode, 0 if inside else seen.st_size, 0 if inside else seen.st_ctime_ns)
        waiting += [os.path.join(path, name) for name in inside]
