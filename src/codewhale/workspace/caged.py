"""The part of starting programs that knows of cages: the sandbox that all views of one `Processes` share, one command's stay
in it, and the programs that prove a tier. Beside `processes.py` nothing but this and the guard starts programs.
"""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from codewhale.domain.confinement import Tier

if TYPE_CHECKING:
    from codewhale.workspace.sandbox.cage import Entered, Left
    from codewhale.workspace.sandbox.cages import Cages
    from codewhale.workspace.sandbox.tiers import Attackable, Ran


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

    def end(self) -> None:
        """Its last process is gone."""
        if self._entered is not None:
            self.left = self._entered.leave()
            self._entered = None


class SharedCages:
    """The sandbox that all views of one `Processes` share, made when the first command needs it."""

    def __init__(self, make: "Callable[[], Cages] | None" = None) -> None:
        """`make` gives another sandbox than this machine's."""
        self._make = make or _cages_here
        self._cages: Cages | None = None

    @property
    def made(self) -> bool:
        """Whether any command needed it yet."""
        return self._cages is not None

    def get(self) -> "Cages":
        if self._cages is None:
            self._cages = self._make()
        return self._cages

    def close(self) -> None:
        if self._cages is not None:
            self._cages.close()
            self._cages = None


def _cages_here() -> "Cages":
    from codewhale.workspace.sandbox.cages import Cages  # noqa: PLC0415 - start-up: most starts run no command

    return Cages(run_caged, start_victim)


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
