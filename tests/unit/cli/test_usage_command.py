"""`codewhale usage`: the table, the JSON, and what is refused."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.domain.records import Usage
from codewhale.domain.usage import Rate, UsageReport, charge
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe

Codewhale = Callable[..., Any]
USED = Usage(input_tokens=1_500_000, output_tokens=20_000, prompt_cache_hit_tokens=500_000, reasoning_tokens=5_000)
RATE = Rate(cache_hit=0.1, cache_miss=1.0, output=10.0, valid_from="2026-01-01T00:00:00.000Z", source="a list")


@pytest.fixture
def spent(home: Path) -> Callable[[Rate | None], None]:
    """Records one turn of one call on 2026-01-01 and one the day after; the second one has this rate."""

    def record(second: Rate | None) -> None:
        async def write() -> None:
            clock, ids = ManualClock(), SequentialIds()
            store = SqliteStore.open(str(home / "tasks" / "runtime"), clock=clock)
            for rate in (RATE, second):
                scribe = Scribe(clock, ids)
                step = scribe.start() + scribe.ask("work") + scribe.step(USED, "some-model", charge(USED, rate))
                await store.append([*step, *scribe.end()])
                clock.advance(86_400)
            store.close()

        asyncio.run(write())

    return record


def test_a_table_with_totals(codewhale: Codewhale, spent: Callable[[Rate | None], None]) -> None:
    spent(RATE)
    ran = codewhale("usage")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "day         turns      input     cached  output  reasoning   cost",
        "2026-01-01      1  1,500,000    500,000  20,000      5,000  $1.25",
        "2026-01-02      1  1,500,000    500,000  20,000      5,000  $1.25",
        "total           2  3,000,000  1,000,000  40,000     10,000  $2.50",
    ]


def test_what_has_no_price_is_said(codewhale: Codewhale, spent: Callable[[Rate | None], None]) -> None:
    spent(None)
    lines = codewhale("usage").out.splitlines()
    assert lines[2].endswith("unknown")
    assert lines[3].endswith("≥ $1.25")
    assert lines[-1] == "Not in the cost: 1 call of some-model (deepseek): no price is known."


def test_json_and_a_window_of_one_day(codewhale: Codewhale, spent: Callable[[Rate | None], None]) -> None:
    spent(RATE)
    ran = codewhale("usage", "--since", "2026-01-02", "--until", "2026-01-02", "--group-by", "model", "--json")
    report = msgspec.json.decode(ran.out, type=UsageReport)
    assert [(bucket.key, bucket.turns) for bucket in report.buckets] == [("some-model", 1)]
    assert "No model was called in this time." in codewhale("usage", "--since", "2026-02-01").out


def test_nothing_used_yet_and_bad_words(codewhale: Codewhale) -> None:
    assert codewhale("usage").out.startswith("Nothing was used yet")
    assert codewhale("usage", "--since", "today").code == 2
    assert codewhale("usage", "--group-by", "week").code == 2
