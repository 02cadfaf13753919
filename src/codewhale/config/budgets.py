"""`[budgets]`: caps on what model calls may use, per scope."""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.budgets import BudgetPlan, Caps, Scope, UnknownPrice

Usd = Annotated[float, Meta(gt=0, le=1_000_000)]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000_000)]
Time = Annotated[float, Meta(gt=0, le=31_536_000)]


class CapKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[budgets.day]`, `[budgets.automation]`, `[budgets.task]`, `[budgets.thread]`, `[budgets.turn]`."""

    usd: Usd | None = None
    tokens: Count | None = None
    requests: Count | None = None
    seconds: Time | None = None


class BudgetKeys(Struct, frozen=True, kw_only=True):
    """`[budgets]`."""

    unknown_price: UnknownPrice = "refuse"
    report_share: Annotated[float, Meta(ge=0, le=0.5)] = 0.1
    day: CapKeys = CapKeys()
    automation: CapKeys = CapKeys()
    task: CapKeys = CapKeys()
    thread: CapKeys = CapKeys()
    turn: CapKeys = CapKeys()


def budget_plan(keys: BudgetKeys) -> BudgetPlan | None:
    """The plan that the keys make; None when nothing is limited."""
    named: tuple[tuple[Scope, CapKeys], ...] = (
        ("day", keys.day),
        ("automation", keys.automation),
        ("task", keys.task),
        ("thread", keys.thread),
        ("turn", keys.turn),
    )
    caps: tuple[tuple[Scope, Caps], ...] = tuple((scope, _caps(own)) for scope, own in named if own != CapKeys())
    plan = BudgetPlan(caps=caps, unknown_price=keys.unknown_price, report_share=keys.report_share)
    return plan if plan != BudgetPlan() else None


def _caps(keys: CapKeys) -> Caps:
    return Caps(usd=keys.usd, tokens=keys.tokens, requests=keys.requests, seconds=keys.seconds)
