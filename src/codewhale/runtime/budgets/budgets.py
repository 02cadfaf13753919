"""The budgets of a runtime: which accounts are above a turn, and its purse. Where nothing is limited, nothing is counted."""

from msgspec import Struct

from codewhale.domain.budgets import Account, BudgetPlan, BudgetStanding, Caps, Scope
from codewhale.domain.records import Thread
from codewhale.engine.purse import UNLIMITED, Purse
from codewhale.runtime.budgets.ledger import Ledger, Limited, spent
from codewhale.runtime.budgets.wallet import Meter, Wallet
from codewhale.store.port import Store

NO_CAPS = Caps()


class Allowance(Struct, frozen=True, kw_only=True):
    """What a turn may use: its purse, and the seconds that it may last (None: any)."""

    purse: Purse
    seconds: float | None = None


class Budgets:
    """All accounts of one runtime. Caps of a turn can only shrink what those above it leave."""

    def __init__(self, plan: BudgetPlan, store: Store) -> None:
        self._plan = plan
        self._caps = dict(plan.caps)
        self._store = store
        self._ledger = Ledger(store.budgets.used)
        self._meter = Meter()

    def allowance(self, thread: Thread, turn_id: str, day: str, own: Caps | None) -> Allowance:
        """What a turn of the thread may use. Raises `BudgetSpent` when its time is over before it begins."""
        chain = self._chain(thread, turn_id, day, own)
        if not chain:
            return Allowance(purse=UNLIMITED)
        wallet = Wallet(self._ledger, chain, self._plan, self._meter)
        return Allowance(purse=wallet, seconds=self._seconds(chain))

    def standing(self, thread: Thread | None, day: str) -> list[BudgetStanding]:
        """The accounts above a thread (or of today alone) as they are."""
        chain = self._chain(thread, "", day, None) if thread is not None else self._named(("day", day))
        found: list[BudgetStanding] = []
        for limited in chain:
            used = self._ledger.used(limited.account)
            found.append(
                BudgetStanding(
                    scope=limited.account.scope,
                    key=limited.account.key,
                    caps=limited.caps,
                    usd=used.usd,
                    tokens=used.tokens,
                    requests=used.requests,
                )
            )
        return found

    def _chain(self, thread: Thread, turn_id: str, day: str, own: Caps | None) -> list[Limited]:
        pairs: list[tuple[Scope, str]] = [("day", day)]
        task = self._store.tasks.get(thread.task_id) if thread.task_id else None
        if task is not None:
            if task.automation_id:
                pairs.append(("automation", f"{task.automation_id}@{day}"))
            pairs.append(("task", task.id))
        pairs.append(("thread", thread.id))
        chain = self._named(*pairs)
        caps = tighter(self._caps.get("turn"), own)
        if turn_id and caps != NO_CAPS:
            chain.append(Limited(account=Account("turn", turn_id), caps=caps))
        return chain

    def _named(self, *pairs: tuple[Scope, str]) -> list[Limited]:
        return [
            Limited(account=Account(scope, key), caps=self._caps[scope])
            for scope, key in pairs
            if self._caps.get(scope, NO_CAPS) != NO_CAPS
        ]

    def _seconds(self, chain: list[Limited]) -> float | None:
        least: float | None = None
        for limited in chain:
            cap = limited.caps.seconds
            if cap is None:
                continue
            left = cap - (0.0 if limited.account.scope == "turn" else self._store.budgets.seconds(limited.account))
            if left <= 0:
                raise spent(limited, "seconds", "")
            least = left if least is None else min(least, left)
        return least


def tighter(first: Caps | None, second: Caps | None) -> Caps:
    """The smaller of each cap."""
    one, other = first or NO_CAPS, second or NO_CAPS
    return Caps(
        usd=_least(one.usd, other.usd),
        tokens=None if one.tokens is None and other.tokens is None else int(_least(one.tokens, other.tokens) or 0),
        requests=None
        if one.requests is None and other.requests is None
        else int(_least(one.requests, other.requests) or 0),
        seconds=_least(one.seconds, other.seconds),
    )


def _least(one: float | None, other: float | None) -> float | None:
    return min((value for value in (one, other) if value is not None), default=None)
