"""What is being worked on where a thread begins: the branch that is checked out. Read from git's own small files; no program
runs, and of what they hold only a well-formed name is taken.
"""

import os
import stat

MOST_BYTES = 1024
MOST_FOLDERS = 64
LONGEST = 200
_HEAD = "ref: refs/heads/"


def working_set(workspace: str) -> str:
    """One line; empty where there is no repository, or no branch."""
    branch = _branch(workspace)
    return f"Working set: git branch {branch}." if branch else ""


def _branch(workspace: str) -> str | None:
    folder = os.path.realpath(workspace)
    for _ in range(MOST_FOLDERS):
        marker = os.path.join(folder, ".git")
        if os.path.isdir(marker):
            return _named(_read(os.path.join(marker, "HEAD")))
        pointed = _read(marker).strip()
        if pointed.startswith("gitdir: "):
            return _named(_read(os.path.join(folder, pointed.removeprefix("gitdir: "), "HEAD")))
        parent = os.path.dirname(folder)
        if parent == folder:
            break
        folder = parent
    return None


def _named(head: str) -> str | None:
    name = head.strip().removeprefix(_HEAD)
    plain = name.replace("/", "").replace("-", "").replace("_", "").replace(".", "").replace("#", "")
    return name if head.startswith(_HEAD) and len(name) <= LONGEST and plain.isalnum() else None


def _read(path: str) -> str:
    """The beginning of a small regular file; empty for anything else."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return ""
    try:
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
        return os.read(fd, MOST_BYTES).decode(errors="replace") if regular else ""
    finally:
        os.close(fd)
