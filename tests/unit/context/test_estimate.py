"""How large a request is taken to be, and what a window leaves: also a small one."""

import pytest

from codewhale.context.estimate import Gauge, Size, limits
from codewhale.domain.records import Usage


def size(system: int = 0, said: int = 0) -> Size:
    return Size(system=system, tools=0, said=said, messages=1)


def test_four_characters_are_a_token_until_a_provider_has_counted() -> None:
    gauge = Gauge()
    assert gauge.estimate(size(said=4001)) == 1001
    gauge.counted(size(said=4000), Usage(input_tokens=2000, output_tokens=1))
    assert gauge.estimate(size(said=4000)) == 2000
    assert gauge.chars_of(100) == 200


@pytest.mark.parametrize(("counted", "of"), [(1, 100_000), (100_000, 10)])
def test_a_count_that_cannot_be_is_believed_in_part(counted: int, of: int) -> None:
    gauge = Gauge()
    gauge.counted(size(said=of), Usage(input_tokens=counted, output_tokens=0))
    assert 1 / 8 <= gauge.per_char <= 2


@pytest.mark.parametrize("window", [1, 256, 8_000, 128_000, 1_000_000])
@pytest.mark.parametrize("output", [None, 0, 4_096, 65_536, 10**9])
def test_no_window_is_too_small_to_be_guarded(window: int, output: int | None) -> None:
    found = limits(window, output)
    assert 0 < found.trigger <= found.input <= found.window == window
    assert found.input >= window // 2
    for header in (0, 1_000, 10**6):
        assert found.room(header) >= 0
        assert found.goal(header) <= found.trigger


def test_the_usual_threshold_and_a_window_that_nobody_knows() -> None:
    assert limits(None, None).trigger == 102_400
    assert limits(1_000_000, 65_536).trigger == 800_000
    assert limits(128_000, 64_000).trigger == 64_000
    assert limits(128_000, None, percent=50).trigger == 64_000
