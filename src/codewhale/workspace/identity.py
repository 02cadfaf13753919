"""Which project a folder belongs to, so that what is kept for a project is found again from each of its worktrees and from
no other project. Reads names and two short files of git; runs nothing.

A folder can say anything of itself: a `.git` that points to another repository counts only when that repository knows of it.
"""

import hashlib
import os

MOST = 4096


def project_key(workspace: str) -> str:
    """A short name of the project that `workspace` is in: its repository, or the folder where there is none."""
    return hashlib.sha256(os.fsencode(project_root(workspace))).hexdigest()[:16]


def project_root(workspace: str) -> str:
    """The folder that stands for the project: the repository's own `.git`, shared by its worktrees, or the folder itself."""
    start = folder = os.path.realpath(workspace)
    while True:
        git = os.path.join(folder, ".git")
        if os.path.isdir(git):
            return os.path.realpath(git)
        if os.path.isfile(git):
            return _shared(git) or folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return start
        folder = parent


def _shared(git: str) -> str | None:
    """The repository that a worktree's `.git` file belongs to; None unless the repository names this very file."""
    named = _line(git)
    if named is None or not named.startswith("gitdir:"):
        return None
    own = os.path.join(os.path.dirname(git), named.removeprefix("gitdir:").strip())
    common, back = _line(os.path.join(own, "commondir")), _line(os.path.join(own, "gitdir"))
    if common is None or back is None or os.path.realpath(os.path.join(own, back)) != os.path.realpath(git):
        return None
    return os.path.realpath(os.path.join(own, common))


def _line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(MOST).strip()
    except (OSError, UnicodeDecodeError):
        return None
