"""The clock and the ids that make a test exact."""

import pytest

from codewhale.domain.ports import is_id
from codewhale.testing.clocks import ManualClock, SequentialIds


def test_the_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    assert [clock.now(), clock.now(), clock.later(0.25)] == [
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.000Z",
        "2026-01-01T00:00:00.250Z",
    ]
    clock.advance(86_399.999)
    assert (clock.now(), clock.monotonic()) == ("2026-01-01T23:59:59.999Z", 86_399.999)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_a_ticking_clock_tells_records_apart() -> None:
    clock = ManualClock(tick=0.001)
    assert [clock.now(), clock.now()] == ["2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z"]


def test_ids_count_per_prefix() -> None:
    ids = SequentialIds()
    made = [ids.new("thr"), ids.new("turn"), ids.new("thr")]
    assert made == ["thr_0000000000000001", "turn_0000000000000001", "thr_0000000000000002"]
    assert all(is_id(text) for text in made)
