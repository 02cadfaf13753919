"""Takes over a supervisor that another runtime started, if it still is that one: by its start time, its name and its folder."""

from collections.abc import Callable

from codewhale.domain.processes import Process
from codewhale.workspace.background.launch import NAME
from codewhale.workspace.background.link import Link, began, end_of


def adopted(record: Process, on_news: Callable[[], None]) -> Link | None:
    """The link to its supervisor; None when that is gone."""
    if end_of(record.log_path) is not None or not same(record):
        return None
    try:
        return Link(record.log_path, record.supervisor_pid, on_news)
    except OSError:
        return None


def same(record: Process) -> bool:
    """Whether the supervisor's process id still is the supervisor's. Where the kernel tells nothing, its folder decides."""
    if not record.supervisor_began:
        return True
    if began(record.supervisor_pid) != record.supervisor_began:
        return False
    try:
        with open(f"/proc/{record.supervisor_pid}/environ", "rb") as file:
            return f"{NAME}={record.id}".encode() in file.read().split(b"\0")
    except OSError:
        return False
