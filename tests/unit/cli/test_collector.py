import gc
from collections.abc import Iterator

import pytest

from codewhale.surfaces.cli.collector import STARTING, begin, settle


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_after_the_start_it_works_as_before() -> None:
    before = gc.get_threshold()
    begin()
    assert gc.get_threshold()[0] == STARTING
    settle()
    assert (gc.get_threshold(), gc.get_freeze_count() > 0) == (before, True)


def test_a_process_that_did_not_begin_so_is_left_alone() -> None:
    gc.set_threshold(1234, 5, 6)
    settle()
    assert (gc.get_threshold(), gc.get_freeze_count()) == ((1234, 5, 6), 0)
