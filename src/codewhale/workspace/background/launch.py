"""Starts a supervisor for a program, in two steps: first it and the program are there and have names, then the program begins.

Between them its starter makes its record durable, so no program ever runs that nobody knows of.
"""

import asyncio
import os
import sys
from collections.abc import Callable

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.background.journal import LOG
from codewhale.workspace.background.link import Link
from codewhale.workspace.processes import Program, start_apart

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "shim.py")
NAME = "CODEWHALE_PROCESS"
READY_SECONDS = 10.0
TERMINAL = (40, 120)
"""Rows and columns of a terminal that nobody looks at."""


class Order(Struct, frozen=True, kw_only=True):
    """What to run and how; `name` is what the supervisor is known by, `timeout` is in seconds."""

    program: Program
    name: str
    keep: bool = False
    tty: bool = False
    stdin: str = ""
    timeout: float | None = None


class Report(Struct, frozen=True):
    """Who the two processes are."""

    pid: int
    began: str
    supervisor_pid: int
    supervisor_began: str


class Launch:
    """A supervisor that waits for the word. `go` or `forget`, once."""

    def __init__(self, report: Report, link: Link, lifeline: int, order: Order) -> None:
        self.report = report
        self.link = link
        self._lifeline = lifeline
        self._keep = order.keep

    def go(self) -> int | None:
        """Let the program begin. What comes back, if anything, must be closed when the program may end."""
        os.write(self._lifeline, b"go\n")
        if not self._keep:
            return self._lifeline
        os.close(self._lifeline)
        return None

    def forget(self) -> None:
        """Let nothing begin."""
        os.close(self._lifeline)
        self.link.close()


async def launch(order: Order, folder: str, on_news: Callable[[], None]) -> Launch:
    """The supervisor of `order`, with `folder` (absolute, not there yet) as its own. `ToolError` when there can be none."""
    try:
        os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
        os.mkdir(folder, 0o700)
        os.mkdir(os.path.join(folder, LOG), 0o700)
        argv = (sys.executable, "-I", "-S", SHIM, folder)
        environ = {"PATH": order.program.environ.get("PATH", os.defpath), NAME: order.name}
        process = start_apart(argv, environ, (*order.program.fds, *order.program.holds))
    except OSError as error:
        raise ToolError(f"No background process can be started: {error.strerror or error}.") from error
    assert process.stdin is not None
    assert process.stdout is not None
    lifeline = os.dup(process.stdin.fileno())
    process.stdin.close()
    try:
        os.write(lifeline, _told(order))
        said = await _line(process.stdout.fileno())
        report = msgspec.json.decode(said, type=Report)
        link = Link(folder, report.supervisor_pid, on_news)
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        os.close(lifeline)
        raise ToolError(f"The supervisor of a background process did not come up: {error}.") from error
    except asyncio.CancelledError:
        os.close(lifeline)
        raise
    finally:
        process.stdout.close()
        process.wait()
    return Launch(report, link, lifeline, order)


def _told(order: Order) -> bytes:
    program = order.program
    said = {
        "argv": program.argv,
        "cwd": program.cwd,
        "environ": {**program.environ, **({"TERM": "xterm-256color"} if order.tty else {})},
        "fds": program.fds,
        "holds": program.holds,
        "keep": order.keep,
        "tty": order.tty,
        "size": TERMINAL,
        "stdin": order.stdin,
        "timeout": order.timeout,
    }
    return msgspec.json.encode(said) + b"\n"


async def _line(fd: int) -> bytes:
    """What is said on the pipe up to the end of its line."""
    os.set_blocking(fd, False)
    loop = asyncio.get_running_loop()
    said = bytearray()
    done = asyncio.Event()

    def readable() -> None:
        piece = os.read(fd, 4096)
        said.extend(piece)
        if not piece or said.endswith(b"\n"):
            done.set()

    loop.add_reader(fd, readable)
    try:
        async with asyncio.timeout(READY_SECONDS):
            await done.wait()
    finally:
        loop.remove_reader(fd)
    return bytes(said)
