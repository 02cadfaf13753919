"""A snapshot that nobody waits for any more lets go of everything, so that the next one can be taken."""

import asyncio

import pytest

from tests.unit.snapshot.conftest import Kept
from tests.unit.undo.conftest import contents


@pytest.mark.parametrize("ticks", [1, 2, 3, 5, 8, 13, 21, 34, 55])
async def test_an_interrupted_snapshot_is_taken_again(kept: Kept, ticks: int) -> None:
    for number in range(50):
        (kept.root / f"f{number}").write_text(str(number) * 100)
    before = contents(kept.root)
    taking = asyncio.ensure_future(kept.take())  # noqa: TID251  (cancelled from outside, which is the subject)
    for _ in range(ticks):
        await asyncio.sleep(0)  # noqa: TID251  (one turn of the loop, no time)
    taking.cancel()
    await asyncio.wait([taking])
    snapshot = await kept.take("pre-turn:2")
    for path in kept.root.iterdir():
        path.unlink()
    await kept.restore(snapshot)
    assert contents(kept.root) == before
