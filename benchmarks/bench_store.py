"""The log against a bare apsw loop that writes the same rows with the same durability: rates, and ours as a ratio of it.

`python benchmarks/bench_store.py [--quick]`. The floor keeps no read models, wakes nobody and checks nothing.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial

import apsw

from codewhale.domain import events as e
from codewhale.domain.ports import RandomIds, SystemClock
from codewhale.domain.records import Usage
from codewhale.domain.views import ThreadFilter
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scribe import Scribe

TABLE = (
    "CREATE TABLE events (seq INTEGER PRIMARY KEY, thread_id TEXT NOT NULL, turn_id TEXT, item_id TEXT,"
    " timestamp TEXT NOT NULL, event TEXT NOT NULL, payload BLOB NOT NULL) STRICT;"
    " CREATE INDEX events_of_thread ON events (thread_id)"
)
ROW = (
    "thr_0123456789abcdef",
    "turn_0123456789abcdef",
    "item_0123456789abcdef",
    "2026-01-01T00:00:00.000Z",
    "item.delta",
)


def floor_database(path: str) -> apsw.Connection:
    db = apsw.Connection(path)
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    db.execute(TABLE)
    return db


def floor_append(directory: str, count: int, per_transaction: int, payload: bytes) -> float:
    """Events per second."""
    db = floor_database(os.path.join(directory, f"floor{count}-{per_transaction}.sqlite3"))
    began = time.perf_counter()
    for at in range(0, count, per_transaction):
        db.execute("BEGIN IMMEDIATE")
        rows = ((at + n + 1, *ROW, payload) for n in range(per_transaction))
        db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        db.execute("COMMIT")
    rate = count / (time.perf_counter() - began)
    db.close()
    return rate


def floor_replay(path: str) -> float:
    """Rows per second, in pages, decoded by nobody."""
    db = apsw.Connection(path)
    after = count = 0
    began = time.perf_counter()
    while page := db.execute("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT 5000", (after,)).fetchall():
        count += len(page)
        after = page[-1][0]
    rate = count / (time.perf_counter() - began)
    db.close()
    return rate


def open_scribe(store: SqliteStore) -> Scribe:
    scribe = Scribe(SystemClock(), RandomIds())
    store.append([*scribe.start(), *scribe.ask("Go"), *scribe.open()])
    return scribe


async def append_rate(store: SqliteStore, count: int, per_transaction: int) -> float:
    (event,) = open_scribe(store).delta("x" * 120)
    await store.append([])
    group = [event] * per_transaction
    began = time.perf_counter()
    for _ in range(count // per_transaction):
        await store.append(group)
    return count / (time.perf_counter() - began)


async def producers_rate(store: SqliteStore, producers: int, each: int) -> tuple[float, float, float]:
    """Events per second, and p50 and p99 of one awaited append in ms, with a live reader of everything."""
    waits: list[float] = []

    async def produce() -> None:
        (event,) = open_scribe(store).delta("x" * 120)
        for _ in range(each):
            asked = time.perf_counter()
            await store.append([event])
            waits.append(time.perf_counter() - asked)

    async def read(until: int) -> None:
        seen = 0
        async for batch in store.subscribe(None, after=store.latest_seq):
            seen += len(batch)
            if seen >= until:
                return

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(read(producers * each))
        for _ in range(producers):
            group.create_task(produce())
    seconds = time.perf_counter() - began
    cuts = statistics.quantiles(waits, n=100)
    return producers * each / seconds, cuts[49] * 1000, cuts[98] * 1000


async def turns_rate(store: SqliteStore, turns: int) -> float:
    """Turns per second of one thread: eleven events each, all projectors at work, one confirmation per turn."""
    scribe = Scribe(SystemClock(), RandomIds())
    store.append(scribe.start())
    began = time.perf_counter()
    for _ in range(turns):
        usage = Usage(input_tokens=1, output_tokens=1)
        await store.append(
            [
                *scribe.ask("Go"),
                *scribe.open("tool_call"),
                *scribe.close(),
                *scribe.say("a", "b"),
                *scribe.step(usage),
                *scribe.end(),
            ]
        )
    return turns / (time.perf_counter() - began)


async def fill(store: SqliteStore, count: int) -> None:
    (event,) = open_scribe(store).delta("x" * 120)
    for _ in range(count // 5000):
        await store.append([event] * 5000)


def replay(store: SqliteStore, *, decoded: bool) -> float:
    after = count = 0
    began = time.perf_counter()
    while page := store.read(None, after=after, limit=5000):
        if decoded:
            for event in page:
                event.decode()
        count += len(page)
        after = page[-1].seq
    return count / (time.perf_counter() - began)


async def many_threads(directory: str, threads: int) -> None:
    store = SqliteStore.open(directory, clock=SystemClock())
    scribe = Scribe(SystemClock(), RandomIds())
    for _ in range(threads):
        scribe = Scribe(SystemClock(), RandomIds())
        store.append(
            [*scribe.start(), *scribe.ask("Where is the bug in the parser?"), *scribe.say("In line 3."), *scribe.end()]
        )
    await store.append([])
    store.close()


def reopen(directory: str) -> None:
    SqliteStore.open(directory, clock=SystemClock()).close()


def best_ms(work: Callable[[], object], times: int = 9) -> float:
    found: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return statistics.median(found)


def line(name: str, ours: float, floor: float | None = None, unit: str = "/s") -> None:
    text = f"{name:<44}{ours:>14,.2f} {unit:<3}" if ours < 100 else f"{name:<44}{ours:>14,.0f} {unit:<3}"
    print(text + ("" if floor is None else f"   floor {floor:>12,.0f} {unit}   {ours / floor:.2f}x"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    scale = 10 if parser.parse_args().quick else 1
    print(f"Python {sys.version.split()[0]}, SQLite {apsw.sqlite_lib_version()}, WAL, synchronous=FULL")
    with tempfile.TemporaryDirectory() as directory:
        payload = e.recorded(1, open_scribe(SqliteStore.in_memory()).delta("x" * 120)[0]).payload
        store = SqliteStore.open(os.path.join(directory, "rates"), clock=SystemClock())
        for per, count in ((1, 5000), (100, 200_000)):
            floor = floor_append(directory, count // scale, per, bytes(payload))
            line(f"append, {per} per transaction", asyncio.run(append_rate(store, count // scale, per)), floor)
        floor = floor_append(directory, 5001 // scale, 1, bytes(payload))
        rate, p50, p99 = asyncio.run(producers_rate(store, 16, 3000 // scale))
        line("append, 16 producers, 1 live reader", rate, floor)
        print(f"{'':<44}{'p50':>10} {p50:.2f} ms, p99 {p99:.2f} ms")
        line("whole turns, 11 events, confirmed", asyncio.run(turns_rate(store, 2000 // scale)))
        store.close()

        path = os.path.join(directory, "replay")
        store = SqliteStore.open(path, clock=SystemClock())
        asyncio.run(fill(store, 1_000_000 // scale))
        floor = floor_replay(os.path.join(path, "log.sqlite3"))
        line("replay, undecoded", replay(store, decoded=False), floor)
        line("replay, decoded", replay(store, decoded=True), floor)
        store.close()

        for threads in (10, 10_000 // scale):
            path = os.path.join(directory, f"threads{threads}")
            asyncio.run(many_threads(path, threads))
            line(f"open and close, {threads} threads", best_ms(partial(reopen, path)), unit="ms")
        store = SqliteStore.open(path, clock=SystemClock())
        line("list the newest 50", best_ms(lambda: store.summaries(ThreadFilter(limit=50))), unit="ms")
        line("search them all, no hit", best_ms(lambda: store.summaries(ThreadFilter(search="nowhere"))), unit="ms")
        store.close()


if __name__ == "__main__":
    main()
