"""The read model of usage: one row per model call with its tokens and cost, and the sums over it.

A row carries the `created_at` of its turn, because that is what a window and a day are about. A fork copies turns and
items but no calls, so nothing is counted twice.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import cast

from msgspec import structs

from codewhale.domain.events import NewEvent, StepCompleted
from codewhale.domain.usage import (
    GroupBy,
    Unpriced,
    UsageBucket,
    UsageQuery,
    UsageReport,
    UsageTotals,
)
from codewhale.store.sql import Row, Sql

_KEYS: dict[GroupBy, str] = {
    "day": "substr(turn_created_at, 1, 10)",
    "model": "model",
    "provider": "provider",
    "thread": "thread_id",
}
_SUMS = (
    "coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0), coalesce(sum(prompt_cache_hit_tokens), 0),"
    " coalesce(sum(reasoning_tokens), 0), coalesce(sum(cost_usd), 0.0), count(DISTINCT turn_id),"
    " coalesce(sum(reasoning_replay_tokens), 0), count(DISTINCT CASE WHEN cost_usd IS NULL THEN turn_id END)"
)
_ONE_PER_TURN: frozenset[GroupBy] = frozenset({"day", "thread"})
"""Groupings where a turn is in one bucket, so that totals are the sums of the buckets."""
_Sums = tuple[int, int, int, int, float, int, int, int]


def step_completed(db: Sql, seq: int, event: NewEvent, payload: StepCompleted) -> None:
    """A model call ended."""
    usage, charge = payload.usage, payload.charge
    tokens: tuple[int | None, ...] = (
        (None,) * 6
        if usage is None
        else (
            usage.input_tokens,
            usage.output_tokens,
            usage.prompt_cache_hit_tokens,
            usage.prompt_cache_miss_tokens,
            usage.reasoning_tokens,
            usage.reasoning_replay_tokens,
        )
    )
    db.execute(
        "INSERT INTO usage (seq, thread_id, turn_id, timestamp, step, provider, model, input_tokens, output_tokens,"
        " prompt_cache_hit_tokens, prompt_cache_miss_tokens, reasoning_tokens, reasoning_replay_tokens, cost_usd,"
        " turn_created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, coalesce((SELECT"
        " json_extract(CAST(record AS TEXT), '$.created_at') FROM turns WHERE id = ?3), ?4))",
        (
            *(seq, event.thread_id, event.turn_id, event.timestamp, payload.step, payload.provider, payload.model),
            *tokens,
            None if charge is None else charge.cost_usd,
        ),
    )


class UsageReader:
    """Sums of the usage rows."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._transaction = transaction

    def usage(self, query: UsageQuery) -> UsageReport:
        """The sums that `query` asks for, all from one point of the log."""
        where, bound = _window(query)
        key = _KEYS[query.group_by]
        with self._transaction() as db:
            buckets = db.execute(f"SELECT {key}, {_SUMS} FROM usage {where} GROUP BY 1 ORDER BY 1", bound).fetchall()
            unpriced = db.execute(
                f"SELECT provider, model, input_tokens IS NULL, count(*) FROM usage {where or 'WHERE 1'}"
                " AND cost_usd IS NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
                bound,
            ).fetchall()
            found = [UsageBucket(key=str(row[0]), **structs.asdict(_totals(row[1:]))) for row in buckets]
            if query.group_by in _ONE_PER_TURN:
                totals = _added(found)
            else:
                totals = _totals(db.execute(f"SELECT {_SUMS} FROM usage {where}", bound).fetchall()[0])
        return UsageReport(
            since=query.since,
            until=query.until,
            group_by=query.group_by,
            totals=totals,
            buckets=tuple(found),
            unpriced_reasons=tuple(_unpriced(row) for row in unpriced),
        )


def _window(query: UsageQuery) -> tuple[str, list[str]]:
    clauses: list[str] = []
    bound: list[str] = []
    for limit, test in ((query.since, "turn_created_at >= ?"), (query.until, "turn_created_at <= ?")):
        if limit is not None:
            clauses.append(test)
            bound.append(limit)
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), bound


def _added(buckets: list[UsageBucket]) -> UsageTotals:
    return UsageTotals(
        input_tokens=sum(b.input_tokens for b in buckets),
        output_tokens=sum(b.output_tokens for b in buckets),
        cached_tokens=sum(b.cached_tokens for b in buckets),
        reasoning_tokens=sum(b.reasoning_tokens for b in buckets),
        cost_usd=round(math.fsum(b.cost_usd for b in buckets), 12),
        turns=sum(b.turns for b in buckets),
        reasoning_replay_tokens=sum(b.reasoning_replay_tokens for b in buckets),
        priced_turns=sum(b.priced_turns for b in buckets),
        unpriced_turns=sum(b.unpriced_turns for b in buckets),
        cost_complete=all(b.cost_complete for b in buckets),
    )


def _totals(row: Row) -> UsageTotals:
    given, made, cached, reasoning, cost, turns, replayed, unpriced = cast("_Sums", row)
    return UsageTotals(
        input_tokens=given,
        output_tokens=made,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
        cost_usd=round(cost, 12),
        turns=turns,
        reasoning_replay_tokens=replayed,
        priced_turns=turns - unpriced,
        unpriced_turns=unpriced,
        cost_complete=unpriced == 0,
    )


def _unpriced(row: Row) -> Unpriced:
    provider, model, untold, steps = cast("tuple[str, str, int, int]", row)
    return Unpriced(provider=provider, model=model, reason="no_usage" if untold else "no_price", steps=steps)
