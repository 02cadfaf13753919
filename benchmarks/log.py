"""The log: append and replay rates against a bare apsw loop with the same durability. `bench_store.py` measures more."""

import asyncio
from collections.abc import Iterator

from benchmarks.bench_store import append_rate, fill, floor_append, floor_replay, open_scribe, replay
from benchmarks.measure import Place, Row, interleaved
from codewhale.domain.events import recorded
from codewhale.domain.ports import SystemClock
from codewhale.store.sqlite import SqliteStore

EVENTS = 200_000


def rates(where: Place) -> Iterator[Row]:
    """Events per second: appended alone and in groups of a hundred, and read back."""
    payload = bytes(recorded(1, open_scribe(SqliteStore.in_memory()).delta("x" * 120)[0]).payload)
    store = SqliteStore.open(str(where.root / "append"), clock=SystemClock())
    for group, count in ((1, 2_000), (100, 40_000)):
        runs = iter(range(100))

        def floor(group: int = group, count: int = count, runs: Iterator[int] = runs) -> float:
            folder = where.root / f"floor-{group}-{next(runs)}"
            folder.mkdir()
            return floor_append(str(folder), count, group, payload)

        def ours(group: int = group, count: int = count) -> float:
            return asyncio.run(append_rate(store, count, group))

        yield Row(f"append, {group} a transaction", "1/s", *interleaved(5, ours, floor))
    store.close()
    path = where.root / "replay"
    store = SqliteStore.open(str(path), clock=SystemClock())
    asyncio.run(fill(store, EVENTS))
    measured = interleaved(5, lambda: replay(store, decoded=False), lambda: floor_replay(str(path / "log.sqlite3")))
    yield Row("replay", "1/s", *measured)
    store.close()
