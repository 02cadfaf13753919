"""Usage over HTTP: the contract's shape, windows and errors, receipts of the time of the call, nothing counted twice."""

from typing import Any
from urllib.parse import quote

import pytest

from codewhale.domain.records import Usage
from codewhale.domain.usage import Rate, charge
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe

requirement = pytest.mark.requirement

OLD = Rate(cache_hit=0.1, cache_miss=1.0, output=2.0, valid_from="2026-01-01T00:00:00.000Z", source="list of January")
NEW = Rate(
    cache_hit=1.0, cache_miss=10.0, output=20.0, valid_from="2026-01-02T00:00:00.000Z", source="list of February"
)
USED = Usage(
    input_tokens=1_000_000,
    output_tokens=500_000,
    prompt_cache_hit_tokens=400_000,
    prompt_cache_miss_tokens=600_000,
    reasoning_tokens=300_000,
)


async def spent(product: Any, rate: Rate | None, *, model: str, clock: ManualClock, ids: SequentialIds) -> str:
    """A thread with one finished turn of one call, made at the clock's time."""
    scribe = Scribe(clock, ids)
    events = [*scribe.start(), *scribe.ask("work"), *scribe.step(USED, model, charge(USED, rate)), *scribe.end()]
    await product.runtime.store.append(events)
    return scribe.thread.id


async def usage(product: Any, query: str = "") -> Any:
    answer = await product.call("GET", f"/v1/usage{query}")
    assert answer.status == 200, answer.body
    return answer.json()


EMPTY = {
    "input_tokens": 0,
    "output_tokens": 0,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
    "cost_usd": 0.0,
    "turns": 0,
    "reasoning_replay_tokens": 0,
    "priced_turns": 0,
    "unpriced_turns": 0,
    "cost_complete": True,
}


@requirement("USAGE-SHAPE")
async def test_nothing_used(start: Any) -> None:
    async with start() as product:
        assert await usage(product) == {
            "since": None,
            "until": None,
            "group_by": "day",
            "totals": EMPTY,
            "buckets": [],
            "unpriced_reasons": [],
        }


@requirement("BUG-54")
async def test_a_call_keeps_the_price_of_its_time_and_reasoning_is_part_of_the_output(start: Any) -> None:
    async with start() as product:
        clock, ids = ManualClock(), SequentialIds()
        await spent(product, OLD, model="deepseek-v4-pro", clock=clock, ids=ids)
        clock.advance(86_400)
        await spent(product, NEW, model="deepseek-v4-pro", clock=clock, ids=ids)
        found = await usage(product)
        assert [(b["key"], b["cost_usd"], b["turns"]) for b in found["buckets"]] == [
            ("2026-01-01", 1.64, 1),
            ("2026-01-02", 16.4, 1),
        ]
        assert found["totals"] == {
            **EMPTY,
            "input_tokens": 2_000_000,
            "output_tokens": 1_000_000,
            "cached_tokens": 800_000,
            "reasoning_tokens": 600_000,
            "cost_usd": 18.04,
            "turns": 2,
            "priced_turns": 2,
        }


@requirement("USAGE-GROUPS")
async def test_buckets_by_model_provider_and_thread(start: Any) -> None:
    async with start() as product:
        clock, ids = ManualClock(tick=0.001), SequentialIds()
        one = await spent(product, OLD, model="b", clock=clock, ids=ids)
        two = await spent(product, OLD, model="a", clock=clock, ids=ids)
        by = {
            group: (await usage(product, f"?group_by={group}"))["buckets"] for group in ("model", "provider", "thread")
        }
        assert [(b["key"], b["turns"]) for b in by["model"]] == [("a", 1), ("b", 1)]
        assert [(b["key"], b["turns"], b["input_tokens"]) for b in by["provider"]] == [("deepseek", 2, 2_000_000)]
        assert [b["key"] for b in by["thread"]] == [one, two]


@requirement("USAGE-OVERRIDE")
async def test_the_model_of_the_turn_counts_not_the_threads(start: Any) -> None:
    async with start() as product:
        thread = await product.thread(model="usual")
        await product.finished(thread, model="special")
        found = await usage(product, "?group_by=model")
        assert [(b["key"], b["turns"]) for b in found["buckets"]] == [("special", 1)]


@requirement("USAGE-UNPRICED")
async def test_an_unknown_price_is_said(start: Any) -> None:
    async with start() as product:
        clock, ids = ManualClock(tick=0.001), SequentialIds()
        await spent(product, OLD, model="known", clock=clock, ids=ids)
        await spent(product, None, model="unheard-of", clock=clock, ids=ids)
        found = await usage(product)
        totals = found["totals"]
        assert (totals["turns"], totals["priced_turns"], totals["unpriced_turns"]) == (2, 1, 1)
        assert (totals["cost_complete"], totals["cost_usd"]) == (False, 1.64)
        assert found["unpriced_reasons"] == [
            {"provider": "deepseek", "model": "unheard-of", "reason": "no_price", "steps": 1}
        ]


@requirement("BUG-40")
@requirement("USAGE-FORKS")
async def test_a_fork_and_an_archived_thread_change_nothing(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        await product.finished(thread)
        before = (await usage(product))["totals"]
        assert before["turns"] == 1
        assert (await product.call("POST", f"/v1/threads/{thread}/fork")).status == 201
        await product.call("PATCH", f"/v1/threads/{thread}", {"archived": True})
        assert (await usage(product))["totals"] == before


@requirement("USAGE-WINDOW")
async def test_the_window_is_about_the_creation_of_turns_and_includes_both_ends(start: Any) -> None:
    async with start() as product:
        clock, ids = ManualClock(), SequentialIds()
        await spent(product, OLD, model="m", clock=clock, ids=ids)
        clock.advance(10)
        await spent(product, OLD, model="m", clock=clock, ids=ids)

        async def turns(**window: str) -> int:
            query = "&".join(f"{name}={quote(value, safe='')}" for name, value in window.items())
            return (await usage(product, f"?{query}"))["totals"]["turns"]

        first, second = "2026-01-01T00:00:00Z", "2026-01-01T00:00:10Z"
        assert await turns(since=first, until=second) == 2
        assert await turns(since="2026-01-01T00:00:00.0001Z") == 1
        assert await turns(until="2026-01-01T01:00:09.999+01:00") == 1
        assert await turns(since=second) == 1
        assert await turns(until="2025-12-31T23:59:59Z") == 0


@requirement("USAGE-ERRORS")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("since=yesterday", "Invalid since (expected RFC 3339): yesterday"),
        ("until=2026-02-30T00:00:00Z", "Invalid until (expected RFC 3339): 2026-02-30T00:00:00Z"),
        ("until=2026-01-01T00:00:00", "Invalid until (expected RFC 3339): 2026-01-01T00:00:00"),
        ("since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since must be <= until"),
        ("group_by=week", "Unsupported group_by 'week': expected one of day, model, provider, thread"),
        ("group_by=", "Unsupported group_by '': expected one of day, model, provider, thread"),
    ],
)
async def test_what_makes_no_sense_is_refused(start: Any, query: str, message: str) -> None:
    async with start() as product:
        answer = await product.call("GET", f"/v1/usage?{query}")
        assert (answer.status, answer.json()["error"]["message"]) == (400, message)
