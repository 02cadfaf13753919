"""The attacks on a local server that no other file tries: bodies, paths, smuggled requests, slow ones, and our own log."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest

from codewhale.surfaces.http.facts import Limits
from codewhale.surfaces.http.reference import page
from codewhale.surfaces.http.routes import ENDPOINTS
from codewhale.surfaces.http.server import Ready
from codewhale.testing.http_calls import Request, SocketCaller

requirement = pytest.mark.requirement

TOKEN = "dst_" + "ab" * 32
BEARER = ("Authorization", f"Bearer {TOKEN}")
JSON = ("Content-Type", "application/json")
Serving = Callable[..., AbstractAsyncContextManager[Ready]]


@pytest.fixture(autouse=True)
async def bound() -> Any:
    async with asyncio.timeout(20):
        yield


async def said(port: int, *pieces: bytes) -> bytes:
    """All that the server says to these bytes until the connection ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.transport.abort()


def head(port: int, line: str, *headers: str) -> bytes:
    lines = [line, f"Host: 127.0.0.1:{port}", f"{BEARER[0]}: {BEARER[1]}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


@requirement("LH-02")
@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize(
    "sender", [("Origin", "http://evil.example"), ("Origin", "null"), ("Sec-Fetch-Site", "cross-site")]
)
async def test_forms_of_other_pages_have_no_effect(site: Any, client: Any, media: str, sender: Any) -> None:
    client.fail = AssertionError("a refused request reached the runtime")
    answer = await site.call("POST", "/v1/threads", sender, ("Content-Type", media), body=b"{}")
    assert answer.status == 403


@requirement("LH-04")
async def test_a_websocket_handshake_gets_no_upgrade(serving: Serving) -> None:
    upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA")
    async with serving() as ready:
        for path in ("/", "/v1/threads/thr_a/events"):
            sent = head(ready.port, f"GET {path} HTTP/1.1", *upgrade, "Connection: close")
            assert b"HTTP/1.1 101" not in await said(ready.port, sent)


@requirement("LH-05")
async def test_every_route_wants_the_token(site: Any, client: Any) -> None:
    client.fail = AssertionError("a refused request reached the runtime")
    for endpoint in ENDPOINTS:
        path = endpoint.path.replace("{", "").replace("}", "")
        statuses = {
            (await site.call(endpoint.method, path, *given, json={}, auth=False)).status
            for given in ((), (("Authorization", "Bearer wrong"),), (("Authorization", f"Bearer {TOKEN[:-1]}"),))
        }
        assert endpoint.access == "public" or statuses <= {401, 429}, endpoint.path


@requirement("LH-08")
@pytest.mark.parametrize(
    "given", ["..%2f..%2fetc", "%2e%2e/", "....//", "%00", "a/../../b", "x" * 10_000, "thr_%e2%88%95", "..%5c", "%ff"]
)
async def test_ids_that_are_paths_are_ids_of_nothing(site: Any, client: Any, given: str) -> None:
    client.fail = AssertionError("an id that is none reached the runtime")
    for rest in ("", "/events", "/fork"):
        method = "POST" if rest == "/fork" else "GET"
        assert (await site.call(method, f"/v1/threads/{given}{rest}")).status in {400, 404}


@requirement("LH-09")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", 400),
        (b'{"x":' + b'{"y":' * 64 + b"1" + b"}" * 65, 400),
        (b"{" + b",".join(b'"k%d":1' % n for n in range(60_000)) + b"}", 400),
        (b"[" + b",".join(b"{}" for _ in range(60_000)) + b"]", 400),
        (b'{"title":"a","title":"b"}', 400),
        (b'{"title":"a","t\\u0069tle":"b"}', 400),
        (b'{"x":{"y":1,"y":2}}', 400),
        (b'{"x":1e999,"model":1e999}', 422),
        (b'{"x":NaN}', 400),
        (b'{"x":Infinity}', 400),
        (b'{"title":"\xff"}', 400),
        (b'{"title":"\\ud800"}', 400),
        (b'{"title":"' + b"x" * 2_100_000 + b'"}', 413),
        (b"[1]", 422),
        (b'"text"', 422),
        (b"", 400),
        (b"{", 400),
        (b"{}{}", 400),
    ],
    ids=lambda value: str(value)[:24],
)
async def test_bodies_that_are_no_json_of_ours(site: Any, body: bytes, status: int) -> None:
    answer = await site.call("POST", "/v1/threads", JSON, body=body)
    assert (answer.status, answer.json()["error"]["status"]) == (status, status)
    assert site.reports == []


@requirement("LH-10")
async def test_many_half_sent_requests_keep_nobody_else_waiting(serving: Serving) -> None:
    async with serving(limits=Limits(header_timeout=0.3)) as ready, asyncio.TaskGroup() as group:
        slow = [group.create_task(said(ready.port, b"GET /health HTTP/1.1\r\nX: ")) for _ in range(200)]
        answer = await SocketCaller("127.0.0.1", ready.port).send(Request(method="GET", path="/health"))
        assert answer.status == 200
        assert {(await one)[:12] for one in slow} == {b"HTTP/1.1 408"}


@requirement("LH-11")
async def test_a_body_that_drips_is_ended(serving: Serving) -> None:
    async with serving(limits=Limits(body_timeout=0.1)) as ready:
        sent = head(ready.port, "POST /v1/threads HTTP/1.1", "Content-Type: application/json", "Content-Length: 100")
        assert (await said(ready.port, sent, b"{", b" ")).startswith(b"HTTP/1.1 408")


@requirement("LH-13")
async def test_streams_that_were_left_are_gone_though_nothing_happens(serving: Serving, client: Any) -> None:
    stream = Request(method="GET", path="/v1/threads/thr_aaaa1111aaaa1111/events", headers=(BEARER,))
    async with serving(limits=Limits(keepalive=0.02)) as ready:
        caller = SocketCaller("127.0.0.1", ready.port)
        for _ in range(200):
            async with caller.open(stream):
                pass
        async with caller.open(stream) as last:
            while client.readers > 1:
                await last.frame()
        assert client.readers <= 1


@requirement("LH-15")
async def test_what_a_client_sends_cannot_write_lines_into_our_log(site: Any, client: Any) -> None:
    client.fail = RuntimeError("\r\nGET /forged 200\x1b[2J\u2028\u202enext")
    assert (await site.call("GET", "/v1/threads", ("User-Agent", "x\x1b[31m"))).status == 500
    (report,) = site.reports
    lines = report.rstrip("\n").split("\n")
    assert lines[0] == "GET /v1/threads failed:"
    assert all(line.startswith("  | ") for line in lines[1:])
    assert lines[-1] == "  | GET /forged 200\\x1b[2J\\u2028\\u202enext"


@requirement("LH-16")
async def test_ranges_are_not_looked_at(site: Any) -> None:
    whole = await site.call("GET", "/openapi.json")
    asked = await site.call("GET", "/openapi.json", ("Range", "bytes=" + "0-," * 10_000 + "0-"))
    assert (asked.status, asked.body == whole.body) == (200, True)


@requirement("LH-17")
def test_what_is_described_cannot_become_a_script() -> None:
    evil = "<img src=x onerror=alert(1)>\"'</code><script>alert(1)</script>"
    document: dict[str, Any] = {
        "info": {"title": evil, "version": evil},
        "paths": {f"/v1/{evil}": {"get": {"operationId": evil, "summary": evil, "responses": {}}}},
        "components": {
            "schemas": {evil: {"type": "object", "description": evil, "properties": {evil: {"enum": [evil]}}}}
        },
    }
    text = page(document).decode()
    assert ("<img" in text, "<script" in text) == (False, False)


@requirement("LH-18")
@pytest.mark.parametrize("given", ["a%0d%0aSet-Cookie:%20x=1", "a%0aX:1", "%0d%0a%0d%0a<b>"])
async def test_nothing_of_a_request_gets_into_the_head_of_its_answer(site: Any, given: str) -> None:
    for path in (f"/v1/threads/{given}", f"/{given}", f"/v1/threads?search={given}"):
        answer = await site.call("GET", path)
        assert not {name for name in answer.headers if name in {"set-cookie", "x", "location"}}
        assert not any("\n" in value or "\r" in value for value in answer.headers.values())


@requirement("LH-21")
async def test_a_stop_ends_a_hundred_streams(serving: Serving, client: Any) -> None:
    stream = Request(method="GET", path="/v1/threads/thr_aaaa1111aaaa1111/events", headers=(BEARER,))
    stop = asyncio.Event()
    async with serving(stop=stop) as ready, asyncio.TaskGroup() as group:
        caller = SocketCaller("127.0.0.1", ready.port)

        async def read_to_the_end() -> object:
            async with caller.open(stream) as reader:
                began.release()
                return await reader.frame()

        began = asyncio.Semaphore(0)
        readers = [group.create_task(read_to_the_end()) for _ in range(100)]
        for _ in readers:
            await began.acquire()
        stop.set()
        assert [await reader for reader in readers] == [None] * 100
    assert client.readers == 0


@requirement("LH-23")
@pytest.mark.parametrize(
    "smuggled",
    [
        b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd",
        b"POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: H\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: H\n\n",
        b"GET /health HTTP/1.1\r\nHost: H\r\nX: a\r\n b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: H\r\nContent-Length: +4\r\n\r\nabcd",
    ],
)
async def test_a_message_with_two_readings_is_refused_and_ends_the_connection(
    serving: Serving, smuggled: bytes
) -> None:
    async with serving() as ready:
        sent = smuggled.replace(b"Host: H", b"Host: 127.0.0.1:%d" % ready.port)
        answer = await said(ready.port, sent + b"GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n" % ready.port)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])["error"]["status"] == 400


@requirement("LH-23")
async def test_a_chunk_that_is_none_ends_the_connection(serving: Serving) -> None:
    async with serving() as ready:
        sent = (
            head(ready.port, "POST /v1/threads HTTP/1.1", "Transfer-Encoding: chunked") + b"1;\x00=x\r\na\r\n0\r\n\r\n"
        )
        answer = await said(ready.port, sent + head(ready.port, "GET /health HTTP/1.1"))
    assert b"HTTP/1.1 200" not in answer
