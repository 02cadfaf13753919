"""The accounts of one runtime: what each has used, what is held back for calls under way, and its caps. Pure but for reading
what was used before.

Invariant: used and held together never exceed a cap, however many calls are made at once; nothing here awaits.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct

from codewhale.domain.budgets import Account, Amount, Caps
from codewhale.domain.errors import BudgetSpent

_WORDS = {
    "day": "today",
    "automation": "this automation today",
    "task": "this task",
    "thread": "this thread",
    "agent": "this agent",
    "turn": "this turn",
}


class Limited(Struct, frozen=True, kw_only=True):
    """An account with its caps."""

    account: Account
    caps: Caps


class Room(Struct, frozen=True, kw_only=True):
    """What is left over a whole chain of accounts; None where nothing limits."""

    usd: float | None
    tokens: int | None
    requests: int | None
    of_usd: Limited | None = None
    of_tokens: Limited | None = None
    of_requests: Limited | None = None


class _State(Struct, kw_only=True):
    used: Amount
    held: dict[str, Amount]


class Ledger:
    """`read` gives what an account used according to the log; asked once, when it is first limited."""

    def __init__(self, read: Callable[[Account], Amount]) -> None:
        self._read = read
        self._states: dict[Account, _State] = {}

    def room(self, chain: Sequence[Limited], share: float = 0.0) -> Room:
        """What is left in the tightest account of the chain, `share` of each cap kept back."""
        usd = self._least(chain, lambda caps: caps.usd, lambda amount: amount.usd, share)
        tokens = self._least(chain, lambda caps: caps.tokens, lambda amount: amount.tokens, share)
        kept = 1 if share else 0  # one call, not a part of one
        requests = self._least(chain, lambda caps: caps.requests, lambda amount: amount.requests, 0.0, kept)
        return Room(
            usd=usd[0],
            tokens=None if tokens[0] is None else int(tokens[0]),
            requests=None if requests[0] is None else int(requests[0]),
            of_usd=usd[1],
            of_tokens=tokens[1],
            of_requests=requests[1],
        )

    def hold(self, chain: Sequence[Limited], reservation: str, amount: Amount) -> None:
        """Hold the amount back in every account of the chain; the caller has looked for room."""
        for limited in chain:
            self._state(limited.account).held[reservation] = amount

    def settle(self, chain: Sequence[Limited], reservation: str, used: Amount) -> None:
        """Give back what was held and count what was used."""
        for limited in chain:
            state = self._state(limited.account)
            if state.held.pop(reservation, None) is not None:
                state.used = state.used.plus(used)

    def used(self, account: Account) -> Amount:
        """What the account has used, without what is held."""
        return self._state(account).used

    def _least(
        self,
        chain: Sequence[Limited],
        cap_of: Callable[[Caps], float | None],
        part: Callable[[Amount], float],
        share: float,
        less: int = 0,
    ) -> tuple[float | None, Limited | None]:
        least: tuple[float | None, Limited | None] = (None, None)
        for limited in chain:
            cap = cap_of(limited.caps)
            if cap is None:
                continue
            state = self._state(limited.account)
            taken = part(state.used) + sum(part(amount) for amount in state.held.values())
            left = cap * (1 - share) - less - taken
            if least[0] is None or left < least[0]:
                least = (left, limited)
        return least

    def _state(self, account: Account) -> _State:
        state = self._states.get(account)
        if state is None:
            state = self._states[account] = _State(used=self._read(account), held={})
        return state


def spent(limited: Limited, what: str, needed: str) -> BudgetSpent:
    """The refusal of a call, in words."""
    caps = limited.caps
    cap = {
        "money": f"{caps.usd:.4f} dollars" if caps.usd is not None else "",
        "tokens": f"{caps.tokens:,} tokens" if caps.tokens is not None else "",
        "requests": f"{caps.requests:,} model calls" if caps.requests is not None else "",
        "seconds": f"{caps.seconds:g} seconds" if caps.seconds is not None else "",
    }[what]
    return BudgetSpent(
        f"The budget of {cap} for {_WORDS[limited.account.scope]} does not allow another model call{needed}.",
        hint=_way_on(limited.account.scope),
    )


def _way_on(scope: str) -> str:
    setting = f"[budgets.{scope}] in the settings"
    if scope == "turn":
        return f"raise what the turn was given (--max-cost, --max-tokens, `budget`), or {setting}"
    return f"raise {setting}, or go on after midnight UTC" if scope in {"day", "automation"} else f"raise {setting}"
