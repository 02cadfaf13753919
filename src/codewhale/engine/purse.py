"""What a model call needs from a budget: leave before it is made, and to be settled after. No budget is the usual case."""

from typing import Protocol

from msgspec import Struct

from codewhale.domain.messages import ModelRequest
from codewhale.domain.records import Usage
from codewhale.domain.usage import Charge, Rate
from codewhale.engine.recorder import TurnRecorder
from codewhale.store.port import Ticket


class Held(Struct, frozen=True, kw_only=True):
    """A call that may be made, once `durable`: the request as the budget allows it, and what to settle (None: nothing is
    counted)."""

    request: ModelRequest
    reservation_id: str | None = None
    durable: Ticket | None = None


class Purse(Protocol):
    """The budgets above one turn."""

    def reserve(self, recorder: TurnRecorder, request: ModelRequest, rate: Rate | None) -> Held:
        """Hold back the most that the call can use, in every budget above it. Raises `BudgetSpent`."""
        ...

    def reprice(self, held: Held, rate: Rate | None) -> None:
        """The call goes to a model with another price. Raises `BudgetSpent` when that is too much."""
        ...

    def settle(self, held: Held, usage: Usage | None, charge: Charge | None) -> None:
        """The call ended. What it used takes the place of what was held; all of that, when nobody knows what it used."""
        ...

    def last_words(self) -> None:
        """From here on what is kept for a final report may be used."""
        ...


class NoBudget:
    """Every call may be made."""

    def reserve(self, recorder: TurnRecorder, request: ModelRequest, rate: Rate | None) -> Held:
        """Hold nothing."""
        del recorder, rate
        return Held(request=request)

    def reprice(self, held: Held, rate: Rate | None) -> None:
        """Any price will do."""

    def settle(self, held: Held, usage: Usage | None, charge: Charge | None) -> None:
        """Nothing is counted."""

    def last_words(self) -> None:
        """There is no end to report."""


UNLIMITED = NoBudget()
