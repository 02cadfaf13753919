"""Background processes: the durable record of one, and how it may end.

A process belongs to the thread whose call started it: `process.started`, `process.ended` and `process.told` stand on that
thread's stream. Where its output lies and whether it lives is known to its supervisor (`workspace/background/`).
"""

from typing import Literal

from msgspec import Struct

ProcessStatus = Literal["running", "completed", "failed", "killed", "lost"]
"""`completed` is exit code 0, `failed` any other or no start at all, `killed` a signal (ours or another's), `lost` an end that
nobody saw."""

ProcessCause = Literal["exited", "cancelled", "timeout", "owner", "not_started", "unknown"]
"""Why it ended: by itself (or a signal of others), on request, after its time, because the runtime went away, because it
could not be started, or nobody knows."""


class ProcessEnd(Struct, frozen=True, kw_only=True):
    """What the supervisor saw: exit code or signal, bytes written, and `error` when it could not be started."""

    cause: ProcessCause
    exit_code: int | None = None
    signal: int | None = None
    output_bytes: int = 0
    error: str | None = None


class Process(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The record. `pid` leads the process group and `supervisor_pid` looks after it; with `began` and `supervisor_began`, their
    start times as the kernel tells them, they name the same processes later. `keep`: it outlives the runtime. `wakes`: its end
    is worth a turn of its own. `log_path` is the folder of its output."""

    id: str
    thread_id: str
    turn_id: str
    item_id: str
    command: str
    cwd: str
    confined_by: str
    status: ProcessStatus
    started_at: str
    log_path: str
    pid: int
    supervisor_pid: int
    began: str = ""
    supervisor_began: str = ""
    mark: str = ""
    keep: bool = False
    tty: bool = False
    wakes: bool = True
    ended_at: str | None = None
    end: ProcessEnd | None = None


def status_of(end: ProcessEnd) -> ProcessStatus:
    """The status that an end leads to."""
    if end.cause == "unknown":
        return "lost"
    if end.signal is not None:
        return "killed"
    return "completed" if end.exit_code == 0 else "failed"
