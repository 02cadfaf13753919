"""A program on our own standard streams: a person waits for it, and what they signal us is meant for it."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from codewhale.domain.confinement import Tier

_LAYERS: dict[Tier, int] = {"bubblewrap": 2, "landlock": 2}
"""How many processes of a cage stand between ours and the program."""


class Running(Protocol):
    """A started process."""

    @property
    def pid(self) -> int: ...

    def wait(self) -> int: ...


class Foreground:
    """One such program, started by `Processes.foreground`."""

    def __init__(self, process: Running, tier: Tier, at_end: Callable[[], None]) -> None:
        self.tier: Tier = tier
        self._process = process
        self._at_end = at_end

    def pass_on(self, number: signal.Signals) -> None:
        """Give a signal to the program itself, not to the cage around it; one that is still being set up gets none of ours."""
        with suppress(ProcessLookupError, PermissionError):
            os.kill(program_of(self._process.pid, self.tier) or self._process.pid, number)

    def wait(self) -> int:
        """Block until it has ended: its exit code, or 128 and the number of the signal that killed it. Raises what its cage
        has to say when it never ran."""
        code = self._process.wait()
        self._at_end()
        return code if code >= 0 else 128 - code


def program_of(pid: int, tier: Tier) -> int | None:
    """The program in the cage that starts with process `pid`; None while that is still being set up."""
    for _ in range(_LAYERS.get(tier, 0)):
        try:
            with open(f"/proc/{pid}/task/{pid}/children", "rb") as file:
                children = file.read().split()
        except OSError:
            return None
        if not children:
            return None
        pid = int(children[0])
    return pid
