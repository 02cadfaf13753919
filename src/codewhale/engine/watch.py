"""What stands around a turn and its calls without being the loop: snapshots, hooks, diagnostics.

A watch never ends a turn: what goes wrong in one is said by it (a note, a failed result), not raised. Watches are asked in
order; each sees what those before it made of an output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # start-up: the gate and what it knows of calls come with the first call
    from collections.abc import Sequence

    from codewhale.domain.records import Status, Turn
    from codewhale.domain.tools import Advice, ToolOutput
    from codewhale.policy.decide import PlannedCall


class TurnWatch(Protocol):
    """Told of a turn in this order: `turn_started`, for each call `call_planned` (every call that could run),
    `call_cleared` and `call_ended` (those that were allowed), `turn_ended`."""

    def turn_started(self, turn: Turn) -> None:
        """The turn is about to make its first model call; must not block it."""
        ...

    async def call_planned(self, call: PlannedCall) -> Advice | None:
        """What this watch says about the call, before it is decided on."""
        ...

    async def call_cleared(self, call: PlannedCall) -> None:
        """The call may run and will when this returns."""
        ...

    async def call_ended(self, call: PlannedCall, output: ToolOutput) -> ToolOutput:
        """What the model and people get to see of the call's output."""
        ...

    async def turn_ended(self, turn: Turn, status: Status) -> None:
        """The turn's work is over. Before its end is recorded; for an interrupted one after it, beside whatever comes next
        but before the next turn's first step."""
        ...


class Watches:
    """Several watches as one."""

    def __init__(self, watches: Sequence[TurnWatch] = ()) -> None:
        self._watches = tuple(watches)

    def turn_started(self, turn: Turn) -> None:
        """Tell all."""
        for watch in self._watches:
            watch.turn_started(turn)

    async def call_planned(self, call: PlannedCall) -> tuple[Advice, ...]:
        """What all say, in order."""
        said = [await watch.call_planned(call) for watch in self._watches]
        return tuple(advice for advice in said if advice is not None)

    async def call_cleared(self, call: PlannedCall) -> None:
        """Wait until all are ready."""
        for watch in self._watches:
            await watch.call_cleared(call)

    async def call_ended(self, call: PlannedCall, output: ToolOutput) -> ToolOutput:
        """The output as the last one leaves it."""
        for watch in self._watches:
            output = await watch.call_ended(call, output)
        return output

    async def turn_ended(self, turn: Turn, status: Status) -> None:
        """Tell all."""
        for watch in self._watches:
            await watch.turn_ended(turn, status)


NOBODY = Watches()
