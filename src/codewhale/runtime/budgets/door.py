"""The way from a turn to its budgets. Where none is set this costs a look; all else is imported with the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codewhale.engine.purse import UNLIMITED

if TYPE_CHECKING:
    from codewhale.domain.budgets import BudgetPlan, BudgetStanding, Caps
    from codewhale.domain.records import Thread
    from codewhale.engine.purse import Purse
    from codewhale.engine.recorder import TurnRecorder
    from codewhale.runtime.budgets.budgets import Budgets
    from codewhale.store.port import Store


class BudgetDoor:
    """The budgets of one runtime, made when the first is needed."""

    def __init__(self, plan: BudgetPlan, store: Store) -> None:
        self._plan = plan
        self._store = store
        self._budgets: Budgets | None = None

    def allowance(self, recorder: TurnRecorder, thread: Thread, own: Caps | None) -> tuple[Purse, float | None]:
        """What a turn may use: its purse, and the seconds that it may last (None: any). Raises `BudgetSpent`."""
        if not self._plan.caps and own is None:
            return UNLIMITED, None
        day = recorder.ports.clock.now()[:10]
        allowed = self._opened().allowance(thread, recorder.turn.id, day, own)
        return allowed.purse, allowed.seconds

    def standing(self, thread: Thread | None, day: str) -> list[BudgetStanding]:
        """How far the budgets of a thread, or of the day alone, are used."""
        return self._opened().standing(thread, day)

    def _opened(self) -> Budgets:
        if self._budgets is None:
            from codewhale.runtime.budgets.budgets import Budgets  # noqa: PLC0415 - start-up: few people set any

            self._budgets = Budgets(self._plan, self._store)
        return self._budgets
