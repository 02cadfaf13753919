"""What budgets need of the log: what an account has used so far, and the calls that were begun and never accounted for.

A reservation stays for ever when its call was cut off by a crash or told no usage: what nobody knows counts as the most it
could have been.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

from codewhale.domain.budgets import Account, Amount, BudgetReserved, Scope
from codewhale.domain.events import NewEvent, StepCompleted
from codewhale.store.sql import Sql

_DAY = "substr(timestamp, 1, 10) = ?1"
_OF_AUTOMATION = (
    "thread_id IN (SELECT thread_id FROM tasks WHERE json_extract(CAST(record AS TEXT), '$.automation_id') ="
    " substr(?1, 1, length(?1) - 11)) AND substr(timestamp, 1, 10) = substr(?1, -10)"
)
_WHERE: dict[Scope, str] = {
    "day": _DAY,
    "automation": _OF_AUTOMATION,
    "task": "thread_id IN (SELECT thread_id FROM tasks WHERE id = ?1)",
    "thread": "thread_id = ?1",
    "agent": "thread_id = ?1",
    "turn": "turn_id = ?1",
}
_TOKENS = "coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0)"
_USED = f"SELECT coalesce(sum(cost_usd), 0.0), {_TOKENS}, count(*) FROM usage WHERE "
_OPEN = "SELECT coalesce(sum(usd), 0.0), coalesce(sum(tokens), 0), coalesce(sum(requests), 0) FROM reservations WHERE "
_Sums = tuple[float, int, int]


def project_reserved(db: Sql, event: NewEvent, payload: BudgetReserved) -> None:
    """A call is about to be made."""
    amount = payload.amount
    db.execute(
        "INSERT INTO reservations (id, thread_id, turn_id, timestamp, usd, tokens, requests) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            payload.reservation_id,
            event.thread_id,
            event.turn_id,
            event.timestamp,
            amount.usd,
            amount.tokens,
            amount.requests,
        ),
    )


def project_settled(db: Sql, payload: StepCompleted) -> None:
    """A call ended. Where it told no usage, the reservation stays, but for the request, which the usage counts."""
    if payload.reservation_id is None:
        return
    if payload.usage is not None:
        db.execute("DELETE FROM reservations WHERE id = ?", (payload.reservation_id,))
    else:
        db.execute("UPDATE reservations SET requests = 0 WHERE id = ?", (payload.reservation_id,))


class BudgetReader:
    """What accounts have used."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._transaction = transaction

    def used(self, account: Account) -> Amount:
        """Everything that is accounted for, and all that never will be."""
        where = _WHERE[account.scope]
        with self._transaction() as db:
            known = cast("_Sums", db.execute(_USED + where, (account.key,)).fetchall()[0])
            lost = cast("_Sums", db.execute(_OPEN + where, (account.key,)).fetchall()[0])
        return Amount(usd=known[0] + lost[0], tokens=known[1] + lost[1], requests=known[2] + lost[2])

    def seconds(self, account: Account) -> float:
        """The wall time of the turns of an account that have ended."""
        turns = (
            "SELECT coalesce(sum(json_extract(CAST(record AS TEXT), '$.duration_ms')), 0) FROM"
            " (SELECT record, thread_id, id AS turn_id, json_extract(CAST(record AS TEXT), '$.created_at') AS timestamp"
            f" FROM turns) WHERE {_WHERE[account.scope]}"
        )
        with self._transaction() as db:
            return float(cast("int", db.execute(turns, (account.key,)).fetchall()[0][0])) / 1000
