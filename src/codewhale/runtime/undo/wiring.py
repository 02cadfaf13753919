"""Where snapshots come into a runtime. Imports nothing of them until the first turn that needs them."""

from typing import TYPE_CHECKING

from codewhale.domain.ports import Clock
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.engine.watch import TurnWatch
from codewhale.runtime.outside import Seat
from codewhale.workspace.processes import Processes

if TYPE_CHECKING:
    from codewhale.runtime.undo.keeper import Keeper


class Undo:
    """The keeper of a runtime's snapshots, made when first asked for."""

    def __init__(self, root: str, limits: SnapshotLimits, processes: Processes, clock: Clock) -> None:
        self._given = (root, limits, processes, clock)
        self._keeper: Keeper | None = None

    @property
    def keeper(self) -> "Keeper":
        if self._keeper is None:
            from codewhale.runtime.undo.keeper import Keeper  # noqa: PLC0415 - start-up: most command lines need none

            self._keeper = Keeper(*self._given)
        return self._keeper

    def watch(self, seat: Seat) -> TurnWatch | None:
        """The watch that takes a turn's snapshots; None when they are switched off."""
        if not self._given[1].enabled:
            return None
        from codewhale.runtime.undo.watch import SnapshotWatch  # noqa: PLC0415 - start-up: as above

        return SnapshotWatch(self, seat)
