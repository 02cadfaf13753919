"""The server on a real socket: limits below the application, and a stop with streams open."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest

from codewhale.domain import events as e
from codewhale.surfaces.http.facts import Limits
from codewhale.surfaces.http.server import Ready
from codewhale.testing.http_calls import Request, SocketCaller

TOKEN = "dst_" + "ab" * 32
EVENTS = Request(
    method="GET", path="/v1/threads/thr_aaaa1111aaaa1111/events", headers=(("Authorization", f"Bearer {TOKEN}"),)
)
Serving = Callable[..., AbstractAsyncContextManager[Ready]]


@pytest.fixture(autouse=True)
async def bound() -> Any:
    async with asyncio.timeout(20):
        yield


async def exchange(port: int, sent: bytes) -> bytes:
    """All that the server says to these bytes until it ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        return await reader.read()
    finally:
        writer.transport.abort()


async def until_dropped(reader: asyncio.StreamReader) -> bytes:
    """What came before the connection was dropped."""
    sent = b""
    try:
        while data := await reader.read(1000):
            sent += data
    except ConnectionResetError:
        return sent
    return sent


def refusal(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    error = msgspec.json.decode(body)["error"]
    assert b"connection: close" in head.lower()
    assert head.startswith(b"HTTP/1.1 %d " % error["status"])
    return error["status"], error["message"]


async def test_ready_tells_a_local_client_all_it_needs(serving: Serving) -> None:
    async with serving() as ready:
        answer = await SocketCaller(ready.host, ready.port).send(Request(method="GET", path="/v1/runtime/info"))
    assert ready == Ready(url=f"http://127.0.0.1:{ready.port}", host="127.0.0.1", port=ready.port, token=TOKEN)
    assert answer.json() == {"bind_host": "127.0.0.1", "port": ready.port, "auth_required": True, "version": "0.0.1"}


@pytest.mark.parametrize(("bound_to", "local"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1")])
async def test_the_url_of_a_wildcard_bind_works_on_this_machine(serving: Serving, bound_to: str, local: str) -> None:
    async with serving(sock=socket.create_server((bound_to, 0))) as ready:
        assert (ready.url, ready.host) == (f"http://{local}:{ready.port}", bound_to)
        assert (await SocketCaller(local, ready.port).send(Request(method="GET", path="/health"))).status == 200


@pytest.mark.requirement("LH-10")
async def test_half_a_header_is_answered_and_silence_is_ended_in_time(serving: Serving) -> None:
    async with serving(limits=Limits(header_timeout=0.05)) as ready:
        assert refusal(await exchange(ready.port, b"GET /health HTTP/1.1\r\nHos")) == (
            408,
            "The request's headers did not arrive in time",
        )
        assert await exchange(ready.port, b"") == b""


async def test_half_a_second_header_on_a_used_connection_is_ended_too(serving: Serving) -> None:
    async with serving(limits=Limits(header_timeout=0.05)) as ready:
        host = f"Host: 127.0.0.1:{ready.port}\r\n".encode()
        whole = b"GET /health HTTP/1.1\r\n" + host + b"\r\n"
        answer = await exchange(ready.port, whole + b"GET /health HTTP/1.1\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 408 ") == 1


@pytest.mark.requirement("LH-23")
@pytest.mark.requirement("LH-01")
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health HTTP/1.1\r\nX: " + b"v" * 200_000, 431),
        (b"GET /health HTTP/1.1\r\n" + b"X: v\r\n" * 101 + b"\r\n", 431),
        (b"GET http://evil.example/health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_what_is_not_proper_http_is_refused_below_the_application(
    serving: Serving, sent: bytes, status: int
) -> None:
    async with serving() as ready:
        assert refusal(await exchange(ready.port, sent))[0] == status


async def test_a_client_that_sends_on_still_learns_that_its_body_is_too_large(serving: Serving) -> None:
    async with serving() as ready:
        head = f"POST /v1/threads HTTP/1.1\r\nHost: 127.0.0.1:{ready.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        answer = await exchange(ready.port, head.encode() + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
    assert refusal(answer) == (413, "The body is larger than 2097152 bytes")


@pytest.mark.requirement("LH-14")
async def test_one_connection_too_many_is_told_so(serving: Serving) -> None:
    async with serving(limits=Limits(connections=1)) as ready, SocketCaller(ready.host, ready.port).open(EVENTS):
        answer = await exchange(ready.port, b"")
    assert refusal(answer) == (503, "The server has too many connections open; try again later")


async def test_a_stray_half_request_behind_a_stream_never_writes_into_it(serving: Serving, client: Any) -> None:
    client.append(e.TurnLifecycle(status="in_progress"))
    async with serving(limits=Limits(header_timeout=0.05)) as ready:
        head = f"GET {EVENTS.path} HTTP/1.1\r\nHost: 127.0.0.1:{ready.port}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", ready.port)
        writer.write(head.encode() + b"GET /health HT")
        sent = await until_dropped(reader)
        writer.transport.abort()
    assert b"turn.lifecycle" in sent
    assert b" 408 " not in sent
    assert not sent.endswith(b"0\r\n\r\n")


async def test_an_oversized_chunked_body_is_cut_off(serving: Serving) -> None:
    async with serving(limits=Limits(body=1000)) as ready:
        head = f"POST /v1/threads HTTP/1.1\r\nHost: 127.0.0.1:{ready.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        chunks = b"Transfer-Encoding: chunked\r\n\r\n" + b"100\r\n" + b"x" * 256 + b"\r\n"
        answer = await exchange(
            ready.port, head.encode() + chunks + b"100\r\n" + b"x" * 256 + b"\r\n" * 1 + b"300\r\n" + b"x" * 768
        )
    assert refusal(answer) == (413, "The body is larger than 1000 bytes")


@pytest.mark.requirement("LH-13")
async def test_a_dropped_stream_is_gone_at_once(serving: Serving, client: Any) -> None:
    async with serving() as ready:
        caller = SocketCaller(ready.host, ready.port)
        for _ in range(50):
            async with caller.open(EVENTS):
                pass
        async with asyncio.timeout(5), caller.open(EVENTS) as last:
            while client.readers > 1:
                client.append(e.ItemDelta(delta="x", kind="agent_message"))
                await last.frame()


@pytest.mark.requirement("LH-21")
@pytest.mark.requirement("BUG-53")
async def test_a_stop_drains_sends_the_last_events_and_ends_streams_at_a_border(serving: Serving, client: Any) -> None:
    async def drain() -> None:
        client.append(e.TurnLifecycle(status="in_progress"))

    async with serving(drain=drain, stop=None) as ready, SocketCaller(ready.host, ready.port).open(EVENTS) as stream:
        await client.opened.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        frames = await stream.frames(9)
    assert [frame.event for frame in frames] == ["turn.lifecycle"]
    assert client.readers == 0


async def test_with_a_stop_of_the_callers_signals_are_left_alone(serving: Serving) -> None:
    before = signal.getsignal(signal.SIGTERM)
    async with serving():
        assert signal.getsignal(signal.SIGTERM) == before
    async with serving(stop=None):
        during = signal.getsignal(signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    assert during != before


async def test_serving_that_is_cancelled_closes_its_sockets(serving: Serving) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listening.getsockname()[:2])

    async def fail() -> None:
        async with serving(sock=listening):
            client.setblocking(False)
            raise RuntimeError("whoever serves fails")

    with pytest.raises(ExceptionGroup, match="unhandled errors"):
        await fail()
    assert listening.fileno() == -1
    reader, writer = await asyncio.open_connection(sock=client)
    assert await ended(reader)
    writer.transport.abort()


@pytest.mark.parametrize("turns", range(6))
async def test_a_connection_that_comes_with_the_stop_is_dropped(serving: Serving, turns: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    async with serving(stop=stop, limits=Limits(header_timeout=3600)) as ready:
        client = socket.create_connection((ready.host, ready.port))
        client.setblocking(False)
        for _ in range(turns):
            turn = loop.create_future()
            loop.call_soon(turn.set_result, None)
            await turn
        stop.set()
    reader, writer = await asyncio.open_connection(sock=client)
    assert await ended(reader)
    writer.transport.abort()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection without a word."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True
