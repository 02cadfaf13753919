"""The sandbox that all views of one `Processes` share. Loads nothing until the first command: most starts run none."""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codewhale.workspace.caged import Stay
    from codewhale.workspace.child import Running
    from codewhale.workspace.sandbox.cages import Cages
    from codewhale.workspace.spawned import Spawner


class SharedCages:
    """Made when the first command needs it. `spoiled` are the repositories in which a confined command changed what git
    runs."""

    def __init__(self, make: "Callable[[], Cages] | None" = None) -> None:
        """`make` gives another sandbox than this machine's."""
        self.spoiled: set[str] = set()
        self._make = make or _cages_here
        self._cages: Cages | None = None
        self._spawner: Spawner | None = None

    @property
    def made(self) -> bool:
        """Whether any command needed it yet."""
        return self._cages is not None

    def get(self) -> "Cages":
        if self._cages is None:
            self._cages = self._make()
        return self._cages

    def start(self, stay: "Stay", cwd: str, stdin: int, stderr: int) -> "Running":
        """The program of `stay`, its output to a pipe, the other two streams as `subprocess` names them. OSError or ValueError
        when it cannot be started."""
        from codewhale.workspace.caged import start, start_spawned, start_spawner  # noqa: PLC0415 - start-up: as said above

        if stay.orders is None:
            return start(stay, cwd, stdin, stderr)
        if self._spawner is None:
            from codewhale.workspace.spawned import Spawner  # noqa: PLC0415 - only the reduced cage needs one

            self._spawner = Spawner(start_spawner)
        return start_spawned(self._spawner, stay.orders, cwd, stdin, stderr)

    def close(self) -> None:
        if self._spawner is not None:
            self._spawner.close()
            self._spawner = None
        if self._cages is not None:
            self._cages.close()
            self._cages = None


def _cages_here() -> "Cages":
    from codewhale.workspace.caged import run_caged, start_victim  # noqa: PLC0415 - start-up: as said above
    from codewhale.workspace.sandbox.cages import Cages  # noqa: PLC0415 - start-up: as said above

    return Cages(run_caged, start_victim)
