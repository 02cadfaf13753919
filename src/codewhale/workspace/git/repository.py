"""Finds the repository of a folder without asking git: where `.git` leads, as paths. Reads two short files at most.

Only the name `.git` counts, so a bare repository that lies in the tree is never taken for one.
"""

import os
import stat

from msgspec import Struct

_MAX_DEPTH = 128
_MAX_POINTER = 8192


class Repository(Struct, frozen=True, kw_only=True):
    """A work tree and its git folders; `common` is where the configuration is (another one only for linked trees)."""

    top: str
    git_dir: str
    common: str


def find_repository(folder: str) -> Repository | None:
    """The repository that `folder` (absolute) lies in; None when there is none, it is broken, or it is somebody else's."""
    here = os.path.realpath(folder)
    for _ in range(_MAX_DEPTH):
        marker = os.path.join(here, ".git")
        if os.path.lexists(marker):
            return _opened(here, marker)
        above = os.path.dirname(here)
        if above == here:
            return None
        here = above
    return None


def _opened(top: str, marker: str) -> Repository | None:
    git_dir = marker if os.path.isdir(marker) else _pointed(marker, b"gitdir:")
    if git_dir is None:
        return None
    git_dir = os.path.normpath(os.path.join(top, git_dir))
    common_file = os.path.join(git_dir, "commondir")
    common = _pointed(common_file, b"") if os.path.lexists(common_file) else git_dir
    if common is None:
        return None
    common = os.path.normpath(os.path.join(git_dir, common))
    if not os.path.isfile(os.path.join(git_dir, "HEAD")) or not os.path.isdir(os.path.join(common, "objects")):
        return None
    if os.geteuid() not in (0, os.stat(git_dir).st_uid):
        return None
    return Repository(top=top, git_dir=git_dir, common=common)


def _pointed(path: str, word: bytes) -> str | None:
    """What a pointer file says after `word`; never waits for a pipe."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        content = os.read(fd, _MAX_POINTER)
    finally:
        os.close(fd)
    if not content.startswith(word):
        return None
    return os.fsdecode(content[len(word) :].strip()) or None
