"""The part of starting programs that knows of cages: one command's stay in one, the process that starts the commands of the
reduced one, and the programs that prove a tier. Beside `processes.py` nothing but this and the guard starts programs.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from codewhale.domain.confinement import Tier
from codewhale.workspace.foreground import program_of
from codewhale.workspace.guard import GUARD, kill_group

if TYPE_CHECKING:
    from codewhale.workspace.child import Running
    from codewhale.workspace.sandbox.cage import Entered, Left
    from codewhale.workspace.sandbox.tiers import Attackable, Ran
    from codewhale.workspace.spawned import Spawner

PIPE, STDOUT, DEVNULL = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL


class Started(subprocess.Popen[bytes]):
    """A program in a session and group of its own, with the cage of `tier` around it."""

    tier: Tier = "none"

    def ask_to_end(self) -> None:
        """SIGTERM to the program and its group; not to the cage, whose end would be everybody's."""
        with suppress(ProcessLookupError, PermissionError):
            if self.tier == "none":
                os.killpg(self.pid, signal.SIGTERM)
                return
            program = program_of(self.pid, self.tier)
            if program is not None and (group := os.getpgid(program)) != self.pid:
                os.killpg(group, signal.SIGTERM)

    def end(self) -> None:
        """Kill it with its group."""
        kill_group(self.pid)


class Stay:
    """What is started for one command, and what is to be done when it is over."""

    def __init__(self) -> None:
        self.tier: Tier = "none"
        self.argv: Sequence[str] = ()
        self.environ: Mapping[str, str] = {}
        self.fds: tuple[int, ...] = ()
        self.left: Left | None = None
        self._entered: Entered | None = None

    def begin(self, entered: "Entered | None", argv: Sequence[str], environ: Mapping[str, str]) -> None:
        self._entered = entered
        self.argv, self.environ = (argv, environ) if entered is None else (entered.argv, entered.environ)
        if entered is not None:
            self.tier = entered.tier
            self.fds = entered.fds

    @property
    def orders(self) -> int | None:
        """What the spawner is to be given, where it is the one to start this."""
        return self._entered.orders if self._entered is not None else None

    def end(self) -> None:
        """Its last process is gone."""
        if self._entered is not None:
            self.left = self._entered.leave()
            self._entered = None


def start(stay: Stay, cwd: str, stdin: int, stderr: int) -> "Running":
    """The program of `stay`, its output to a pipe, the other two streams as `subprocess` names them. OSError or ValueError
    when it cannot be started."""
    process = Started(
        stay.argv,
        stdin=stdin,
        stdout=PIPE,
        stderr=stderr,
        cwd=cwd,
        env=stay.environ,
        start_new_session=True,
        bufsize=0,
        pass_fds=stay.fds,
    )
    process.tier = stay.tier
    GUARD.started(process.pid)
    return process


def start_spawned(spawner: "Spawner", orders: int, cwd: str, stdin: int, stderr: int) -> "Running":
    """The same through the process of our own that starts the commands of the reduced cage."""
    spawned = spawner.spawn(orders, cwd, (stdin == PIPE, True, stderr == PIPE))
    GUARD.sweeper(spawned.pid)
    return spawned


def start_spawner(fd: int) -> Callable[[], None]:
    from codewhale.workspace.sandbox.cage import SERVER, SPAWNER_ENVIRON, spawner  # noqa: PLC0415 - as above

    process = Started(
        (*spawner(SERVER), str(fd)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        cwd="/",
        env=SPAWNER_ENVIRON,
        start_new_session=True,
        pass_fds=(fd,),
    )
    GUARD.started(process.pid)

    def end() -> None:
        if process.poll() is None:
            kill_group(process.pid)
        process.wait()
        GUARD.ended(process)

    return end


def run_caged(entered: "Entered", seconds: float) -> "Ran":
    """Run a probe to its end, blocking; for the proof of a tier."""
    from codewhale.workspace.sandbox.tiers import Ran  # noqa: PLC0415 - only a proof needs it

    with subprocess.Popen(
        entered.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=entered.cwd,
        env=entered.environ,
        start_new_session=True,
        pass_fds=entered.fds,
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise OSError("the probes did not end in time") from None
    return Ran(code=process.returncode, stdout=out, stderr=err)


def start_victim(argv: tuple[str, ...], environ: Mapping[str, str]) -> "Attackable":
    """A process that waits for its end and may be attacked; for the proof of a tier."""
    from codewhale.workspace.sandbox.tiers import Attackable  # noqa: PLC0415 - only a proof needs it

    process = subprocess.Popen(argv, stdin=subprocess.PIPE, env=environ, cwd="/", start_new_session=True)

    def end() -> None:
        process.kill()
        process.communicate()

    return Attackable(pid=process.pid, end=end)
