"""The HTTP API under load: lists over a full store, a long replay beside live readers, many subscribers, the first event.

Readers are connections of this process; what they wait for is told by the event's own timestamp (the moment it was recorded), so
a delay is that of log, server and reader together.
"""

import asyncio
import calendar
import http.client
import json
import statistics
import time
from collections.abc import Iterator

from benchmarks.measure import Place, Row, get_json, interleaved
from benchmarks.server import new_thread, ours, serving
from codewhale.domain.ports import RandomIds, SystemClock
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scribe import Scribe

CROWD = 10_000
ITEMS_EACH = 20
CALLS = 200
REPLAYED = 100_000
LIVE_READERS = 50
SUBSCRIBERS = 1_000
RATE = 10
SECONDS = 5


def lists(where: Place) -> Iterator[Row]:
    """Thread lists with 10,000 threads of 20 items each; then how long such a store takes to start, against an empty one."""
    asyncio.run(_crowd(where))
    with serving(where, *ours(where, "hello", "crowd")) as (port, _, _):
        for name, path in (
            ("summary of 50", "/v1/threads/summary?limit=50"),
            ("summary, searched", "/v1/threads/summary?limit=50&search=nothing-has-this"),
            ("list of 50", "/v1/threads?limit=50"),
        ):
            taken = sorted(_timed(port, path) for _ in range(CALLS))
            yield Row(f"{name}, 10,000 threads, p50", "ms", taken[CALLS // 2])
            yield Row(f"{name}, 10,000 threads, p99", "ms", taken[int(CALLS * 0.99)])

    def start(home: str) -> float:
        with serving(where, *ours(where, "hello", home)) as (_, _, took):
            return took * 1e3

    full, empty = interleaved(5, lambda: start("crowd"), lambda: start("empty"))
    yield Row("start with 10,000 threads / empty", "ms", full, empty, "<= 1.2x")


def replay(where: Place) -> Iterator[Row]:
    """100,000 events to one client, alone and beside 50 readers of another thread."""
    thread = asyncio.run(_long_thread(where))
    with serving(where, *ours(where, "hello", "long")) as (port, _, _):
        yield Row("replay of 100,000 events", "s", asyncio.run(_replayed(port, thread)), target="<= 1.5 s")
        other = new_thread(port)
        took, delays = asyncio.run(_replayed_beside(port, thread, other))
    yield Row("the same beside 50 live readers", "s", took)
    yield Row("delay of the live readers, p99", "ms", _share(delays, 0.99), target="<= 50 ms")


def subscribers(where: Place) -> Iterator[Row]:
    """1,000 readers of one thread with 10 events a second."""
    with serving(where, *ours(where, "hello", "many")) as (port, _, _):
        delays = asyncio.run(_followed(port, new_thread(port), SUBSCRIBERS, RATE * SECONDS))
    yield Row(f"{SUBSCRIBERS:,} subscribers, delay p50", "ms", _share(delays, 0.5))
    yield Row(f"{SUBSCRIBERS:,} subscribers, delay p99", "ms", _share(delays, 0.99))


def first_event(where: Place) -> Iterator[Row]:
    """POST of a turn to its first event, and from the model's first byte to the first text, at a reader who listens."""
    first: list[float] = []
    text: list[float] = []
    with serving(where, *ours(where, "hello", "first")) as (port, _, _):
        for _ in range(21):
            asyncio.run(_first(where, port, new_thread(port), first, text))
    yield Row("POST turn to its first event", "ms", statistics.median(first[1:]))
    yield Row("model's first byte to the first text", "ms", statistics.median(text[1:]), target="<= 10 ms + 30 ms")


def _home(where: Place, home: str) -> SqliteStore:
    return SqliteStore.open(str(where.root / home / "tasks" / "runtime"), clock=SystemClock())


async def _crowd(where: Place) -> None:
    store = _home(where, "crowd")
    for number in range(CROWD):
        scribe = Scribe(SystemClock(), RandomIds())
        events = [*scribe.start(), *scribe.ask(f"Question {number}")]
        for _ in range(ITEMS_EACH - 1):
            events += scribe.say("An answer of some words.")
        ticket = store.append([*events, *scribe.end()])
        if number % 500 == 0:
            await ticket
    await store.append([])
    store.close()


async def _long_thread(where: Place) -> str:
    store = _home(where, "long")
    scribe = Scribe(SystemClock(), RandomIds())
    begin = [*scribe.start(), *scribe.ask("Go"), *scribe.open()]
    store.append(begin)
    (delta,) = scribe.delta("x" * 120)
    for _ in range(REPLAYED // 5_000):
        await store.append([delta] * 5_000)
    await store.append([*scribe.close(), *scribe.end()])
    store.close()
    return begin[0].thread_id


def _timed(port: int, path: str) -> float:
    started = time.perf_counter()
    get_json(port, path)
    return (time.perf_counter() - started) * 1e3


def _share(values: list[float], share: float) -> float:
    return sorted(values)[int(len(values) * share)]


async def _open(port: int, thread: str, since: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(
        f"GET /v1/threads/{thread}/events?since_seq={since} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _replayed(port: int, thread: str) -> float:
    started = time.perf_counter()
    reader, writer = await _open(port, thread)
    tail = b""
    while b"event: turn.completed" not in tail:
        piece = await reader.read(1 << 20)
        assert piece, "the stream ended"
        tail = tail[-64:] + piece
    writer.close()
    return time.perf_counter() - started


async def _replayed_beside(port: int, thread: str, other: str) -> tuple[float, list[float]]:
    async with asyncio.TaskGroup() as group:
        live = group.create_task(_followed(port, other, LIVE_READERS, 40))
        await asyncio.sleep(1)
        took = await group.create_task(_replayed(port, thread))
    return took, live.result()


async def _followed(port: int, thread: str, readers: int, events: int) -> list[float]:
    """Delays in ms of `events` events at 10 a second, at every reader."""
    delays: list[float] = []
    async with asyncio.TaskGroup() as group:
        streams = [await _open(port, thread) for _ in range(readers)]
        for reader, writer in streams:
            group.create_task(_listen(reader, writer, events, delays))
        for number in range(events):
            await asyncio.to_thread(_retitle, port, thread, f"title {number}")
            await asyncio.sleep(1 / RATE)
    assert len(delays) == readers * events, f"{len(delays)} of {readers * events} arrived"
    return delays


async def _listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, events: int, delays: list[float]) -> None:
    while events:
        line = await reader.readline()
        if line.startswith(b'data: {"seq"') and b'"event":"thread.updated"' in line:
            at = line.index(b'"timestamp":"') + 13
            delays.append((time.time() - _seconds(line[at : at + 24].decode())) * 1e3)
            events -= 1
    writer.close()


def _seconds(stamp: str) -> float:
    return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S")) + float(stamp[19:-1])


def _retitle(port: int, thread: str, title: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"title": title})
    connection.request("PATCH", f"/v1/threads/{thread}", body, {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()


async def _first(where: Place, port: int, thread: str, first: list[float], text: list[float]) -> None:
    reader, writer = await _open(port, thread, 1 << 40)
    body = b'{"prompt":"do it"}'
    posting, sender = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/threads/{thread}/turns HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    started = time.monotonic()
    sender.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    await reader.readuntil(b"event: turn.started")
    first.append((time.monotonic() - started) * 1e3)
    await reader.readuntil(b"event: item.delta")
    arrived = time.monotonic()
    text.append((arrived - where.model.log()[-1]["answered"]) * 1e3)
    await reader.readuntil(b"event: turn.completed")
    sender.close()
    writer.close()
    del posting
