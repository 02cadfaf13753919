"""Budgets: caps on what model calls may use, in a tree of scopes, and what is held back for a call before it is made.

Money is US dollars. Tokens are input and output together. A cap that is not given is none.
"""

from typing import ClassVar, Literal

from msgspec import Struct

Scope = Literal["day", "automation", "task", "thread", "agent", "turn"]
"""Outermost first. A day is one of UTC; an automation's cap is for one day of its runs."""

UnknownPrice = Literal["refuse", "tokens"]
"""What a cap in money does with a model whose price nobody knows: `refuse` the call, or leave it to the cap in `tokens`,
which must then be there."""


class Caps(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The most that one scope may use. `seconds` is the wall time of turns."""

    usd: float | None = None
    tokens: int | None = None
    requests: int | None = None
    seconds: float | None = None


class Amount(Struct, frozen=True, kw_only=True):
    """What calls used, or what is held back for one."""

    usd: float = 0.0
    tokens: int = 0
    requests: int = 0

    def plus(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(
            usd=self.usd + other.usd, tokens=self.tokens + other.tokens, requests=self.requests + other.requests
        )


class Account(Struct, frozen=True):
    """One node of the tree: a scope and which one of its kind (a date, an id)."""

    scope: Scope
    key: str


class BudgetPlan(Struct, frozen=True, kw_only=True):
    """The caps of every scope, what to do where no price is known, and the share of each cap that only a final report may
    use."""

    caps: tuple[tuple[Scope, Caps], ...] = ()
    unknown_price: UnknownPrice = "refuse"
    report_share: float = 0.1


class BudgetStanding(Struct, frozen=True, kw_only=True):
    """An account, its caps, and what it has used."""

    scope: Scope
    key: str
    caps: Caps
    usd: float
    tokens: int
    requests: int


class BudgetReserved(Struct, frozen=True, kw_only=True):
    """The most that a model call can use is held back from every budget above it (ours; the HTTP stream leaves it out):
    durable before the call is made. The `step.completed` with this id gives it back; until then it counts as used."""

    WIRE: ClassVar[str] = "budget.reserved"
    reservation_id: str
    amount: Amount
