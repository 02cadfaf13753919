"""Slow, silent and too many clients in the numbers of the threat table, against the real server; only with `--full` (minutes)."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from codewhale.testing.http_calls import Request, SocketCaller

if TYPE_CHECKING:
    from conftest import Server, Site

requirement = pytest.mark.requirement
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
P99 = 0.25


@pytest.fixture(autouse=True)
def _full(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--full"):
        pytest.skip("takes minutes: --full")


@asynccontextmanager
async def connected(server: "Server", count: int) -> AsyncGenerator[list[Streams]]:
    opened: list[Streams] = []
    try:
        for _ in range(count):
            opened.append(await asyncio.open_connection("127.0.0.1", server.port))  # noqa: PERF401 - to close them
        yield opened
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def asked(server: "Server", times: int, pause: float) -> list[float]:
    """How long a healthy request takes, sorted."""
    caller, took = SocketCaller("127.0.0.1", server.port), list[float]()
    for _ in range(times):
        began = time.perf_counter()
        assert (await caller.send(Request(method="GET", path="/health"))).status == 200
        took.append(time.perf_counter() - began)
        await asyncio.sleep(pause)
    return sorted(took)


class _Stamped(msgspec.Struct):
    timestamp: datetime


def p99(sorted_times: list[float]) -> float:
    return sorted_times[int(len(sorted_times) * 0.99)]


def resident(server: "Server") -> int:
    (line,) = (row for row in _proc(server, "status").read_text().splitlines() if row.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def descriptors(server: "Server") -> int:
    return len(list(_proc(server, "fd").iterdir()))


def _proc(server: "Server", name: str) -> Path:
    return Path("/proc") / str(server.program.pid) / name


def stream_head(server: "Server", thread_id: str) -> bytes:
    path = f"/v1/threads/{thread_id}/events"
    return (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
    )


async def ends(reader: asyncio.StreamReader) -> float:
    """When the connection ended."""
    try:
        while await reader.read(65536):
            pass
    except ConnectionResetError:
        pass
    return time.perf_counter()


@requirement("LH-10")
async def test_500_slow_headers(site: "Site") -> None:
    server = site.serve()
    async with connected(server, 500) as slow:
        began = time.perf_counter()
        for _, writer in slow:
            writer.write(b"G")
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            ended = [group.create_task(ends(reader)) for reader, _ in slow]
            healthy = group.create_task(asked(server, 400, 0.02))
    assert max(task.result() for task in ended) - began <= 10.5
    assert p99(healthy.result()) < P99


@requirement("LH-11")
async def test_a_body_of_a_byte_a_second(site: "Site") -> None:
    server = site.serve()
    async with connected(server, 1) as [(reader, writer)], asyncio.timeout(60):
        began = time.perf_counter()
        head = f"POST /v1/threads HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nAuthorization: Bearer {server.token}\r\n"
        writer.write(head.encode() + b"Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            dripping = group.create_task(_drip(writer))
            said = await reader.readline()
            took = time.perf_counter() - began
            dripping.cancel()
    assert said.startswith(b"HTTP/1.1 408 ")
    assert 29 <= took <= 31


async def _drip(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b" ")
        await asyncio.sleep(1)


@requirement("LH-12")
async def test_one_of_50_readers_never_reads_while_50000_events_flow(site: "Site") -> None:
    count, server = 50_000, site.serve()
    thread_id = await server.thread(title="0")
    async with connected(server, 50) as readers, asyncio.timeout(500):
        for _, writer in readers:
            writer.write(stream_head(server, thread_id))
        before = resident(server)
        (stuck, its), *others = readers
        unread = cast("asyncio.Transport", its.transport)
        unread.pause_reading()
        late: list[float] = []
        async with asyncio.TaskGroup() as group:
            for reader, _ in others[1:]:
                group.create_task(_swallow(reader, count))
            group.create_task(_watch(others[0][0], count, late))
            for lane in range(8):
                group.create_task(_change(server, thread_id, range(lane, count, 8)))
        grown = resident(server) - before
        unread.resume_reading()
        seen = b""
        try:
            while piece := await stuck.read(1 << 20):
                seen += piece
        except ConnectionResetError:
            pass
    cursor = int(seen.rsplit(b"\nid: ", 1)[1].split(b"\n")[0])
    assert cursor < count
    after = await _first(server, thread_id, cursor)
    assert after > cursor
    assert len(seen) < 1 << 20
    assert p99(sorted(late)) < P99
    assert grown < 20e6


async def _first(server: "Server", thread_id: str, cursor: int) -> int:
    async with server.events(thread_id, after=cursor) as stream:
        (frame,) = await stream.frames(1)
        return int(frame.id or 0)


async def _change(server: "Server", thread_id: str, titles: range) -> None:
    for title in titles:
        answer = await server.call("PATCH", f"/v1/threads/{thread_id}", {"title": f"t{title}"})
        assert answer.status == 200


async def _swallow(reader: asyncio.StreamReader, count: int) -> None:
    seen, rest = 0, b""
    while seen < count:
        piece = await reader.read(1 << 16)
        assert piece, "a reader that reads was dropped"
        seen += (rest + piece).count(b"\nid: ")
        rest = piece[-4:]


async def _watch(reader: asyncio.StreamReader, count: int, late: list[float]) -> None:
    """How long after its time each event was here."""
    seen = 0
    while seen < count:
        line = await reader.readline()
        if line.startswith(b"data: "):
            seen += 1
            event = msgspec.json.decode(line[6:], type=_Stamped)
            late.append(time.time() - event.timestamp.timestamp())


@requirement("LH-13")
async def test_2000_streams_that_were_left(site: "Site") -> None:
    server = site.serve()
    thread_id = await server.thread()
    before = descriptors(server)
    async with connected(server, 2000) as readers, asyncio.timeout(60):
        for _, writer in readers:
            writer.write(stream_head(server, thread_id))
        for reader, _ in readers:
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert descriptors(server) >= 2000
    async with asyncio.timeout(5):
        while descriptors(server) > before:  # noqa: ASYNC110 - nothing tells from outside
            await asyncio.sleep(0.05)


@requirement("LH-14")
async def test_5000_connections(site: "Site") -> None:
    server = site.serve()
    async with asyncio.timeout(60):
        async with connected(server, 5000) as opened, asyncio.TaskGroup() as group:
            said = [group.create_task(_line(reader)) for reader, _ in opened]
        refused = [task.result() for task in said if task.result().startswith(b"HTTP/1.1 503 ")]
        assert len(refused) >= 5000 - 4096
        await asked(server, 1, 0)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ConnectionResetError:
        return b""
