"""What tools wish for about background processes. Granted by `runtime/wishes/processes.py`; all are of the caller's thread."""

from msgspec import Struct

from codewhale.domain.processes import Process
from codewhale.domain.wishes import Wish
from codewhale.workspace.capture import Captured
from codewhale.workspace.processes import Program


class Look(Struct, frozen=True, kw_only=True):
    """A process as it is now, and what of its output is new; `seen` is how far that has been told. `unread` is what it has not
    taken of its input."""

    process: Process
    new: Captured
    seen: int
    unread: bool = False


class StartProcess(Wish[Process], frozen=True, kw_only=True):
    """Start a program that goes on by itself. `command` is what people know it by; `timeout` is in seconds; `wakes`: its end
    is worth a turn of its own; `keep`: it may outlive the runtime."""

    program: Program
    command: str
    keep: bool = False
    tty: bool = False
    stdin: str = ""
    timeout: float | None = None
    wakes: bool = True


class RunProcess(Wish[Look], frozen=True, kw_only=True):
    """Start it and wait for its end: what a terminal is needed for. It is killed when the call is."""

    start: StartProcess


class WatchProcess(Wish[Look], frozen=True, kw_only=True):
    """Give it `text`, then wait: for its end, for new output that `settle` seconds of silence follow, or for `seconds`."""

    name: str
    seconds: float
    settle: float
    text: str = ""
    close: bool = False


class ReadLog(Wish[str], frozen=True, kw_only=True):
    """All that one has said, as far as it is kept and no more than so many bytes of its beginning and of its end; what the
    model has seen of it stays as it is."""

    name: str
    limit: int


class StopProcesses(Wish[tuple[Look, ...]], frozen=True, kw_only=True):
    """End one, or with None all that run, and wait until they have."""

    name: str | None
