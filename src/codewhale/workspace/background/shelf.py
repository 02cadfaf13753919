"""The folder of all supervisors' folders: what lies there is bounded, and can be looked at and ended without the runtime."""

import os
import shutil

QUOTA = 256 * 1024 * 1024
MOST_FOLDERS = 1000


def prune(folder: str, running: set[str]) -> None:
    """Let the oldest folders of processes that have ended go until few enough and little enough are left."""
    try:
        found = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return
    ended = sorted((entry for entry in found if entry.name not in running), key=_changed, reverse=True)
    room = QUOTA
    for number, entry in enumerate(ended):
        room -= _size(entry.path)
        if room < 0 or number >= MOST_FOLDERS:
            shutil.rmtree(entry.path, ignore_errors=True)


def _changed(entry: "os.DirEntry[str]") -> float:
    return entry.stat(follow_symlinks=False).st_mtime


def _size(path: str) -> int:
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except FileNotFoundError:
                continue
    return total
