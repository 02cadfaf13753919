"""The folder of all supervisors' folders: what lies there is bounded, and can be looked at and ended without the runtime."""

import os
import shutil

import msgspec

from codewhale.domain.processes import Process
from codewhale.workspace.background.adopt import same
from codewhale.workspace.background.link import CONTROL, STOP_SECONDS, end_of, stop_frame

ABOUT = "process.json"
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


def put(record: Process) -> None:
    """Lay the record beside its output, for those who look without the log."""
    path = os.path.join(record.log_path, ABOUT)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(record))


def lying(folder: str) -> list[Process]:
    """The records of all that lie in the folder, as they began, oldest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    found = [record for name in names if (record := _read(os.path.join(folder, name, ABOUT))) is not None]
    return sorted(found, key=lambda record: (record.started_at, record.id))


def lives(record: Process) -> bool:
    """Whether its supervisor is there."""
    fd = _control(record)
    if fd is None:
        return False
    os.close(fd)
    return True


def ask_to_end(record: Process) -> bool:
    """Tell its supervisor to end it; False when that is gone."""
    fd = _control(record)
    if fd is None:
        return False
    try:
        os.write(fd, stop_frame(STOP_SECONDS))
    finally:
        os.close(fd)
    return True


def _control(record: Process) -> int | None:
    if end_of(record.log_path) is not None or not same(record):
        return None
    try:
        return os.open(os.path.join(record.log_path, CONTROL), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None


def _read(path: str) -> Process | None:
    try:
        with open(path, "rb") as file:
            return msgspec.json.decode(file.read(), type=Process)
    except (OSError, msgspec.MsgspecError):
        return None
