"""The proxy of sandboxed commands: what it lets out, what it never does, and that its end is the end of everything."""

import asyncio
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.network import NetworkPolicy
from codewhale.testing.public_peer import Names, as_public, dialer_to_peer
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.workspace.web.dial import Dialer
from codewhale.workspace.web.proxy import open_proxy

ONE = NetworkPolicy(default="prompt", allow=("peer.test",))


def bits(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def hello(request: Received, wire: Wire) -> None:
    await wire.answer(f"{request.method} {request.target} to {request.headers['host']}".encode())


@asynccontextmanager
async def talking(dialer: Dialer) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    async with asyncio.timeout(10), open_proxy(dialer) as proxy:
        reader, writer = await asyncio.open_unix_connection(proxy.socket_path)
        yield reader, writer
        writer.close()


async def answer(dialer: Dialer, sent: bytes) -> bytes:
    async with talking(dialer) as (reader, writer):
        writer.write(sent)
        return await reader.read()


async def test_plain_http_goes_to_the_host_that_was_judged_and_not_to_the_one_in_its_header() -> None:
    async with SocketServer(hello) as peer:
        head = f"GET http://peer.test:{peer.port}/a?b HTTP/1.1\r\nHost: other.test\r\nProxy-Authorization: Basic x\r\n"
        got = await answer(
            dialer_to_peer("peer.test", policy=ONE), head.encode() + b"Connection: X-Mine\r\nX-Mine: 1\r\n\r\n"
        )
        assert got.startswith(b"HTTP/1.1 200 ")
        assert got.endswith(f"GET /a?b to peer.test:{peer.port}".encode())
    assert set(peer.requests[0].headers) == {"host", "connection"}


async def test_a_body_arrives_and_what_follows_it_does_not() -> None:
    async with SocketServer(hello) as peer:
        head = f"POST http://peer.test:{peer.port}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
        got = await answer(
            dialer_to_peer("peer.test", policy=ONE), head.encode() + b"GET /second HTTP/1.1\r\nHost: y\r\n\r\n"
        )
    assert got.startswith(b"HTTP/1.1 200 ")
    assert [(r.target, r.body) for r in peer.requests] == [("/", b"abc")]


async def test_a_tunnel_carries_bytes_both_ways() -> None:
    async with SocketServer(hello) as peer, talking(dialer_to_peer("peer.test", policy=ONE)) as (reader, writer):
        writer.write(f"CONNECT peer.test:{peer.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        writer.write(b"GET /inside HTTP/1.1\r\nHost: peer.test\r\n\r\n")
        assert b"200" in await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(24) == b"GET /inside to peer.test"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("other.test:443", "not among the hosts"),
        ("sub.peer.test:443", "not among the hosts"),
        ("peer.test.:443", "ends with a dot"),
        ("peer.test\x00.evil.test:443", ""),
        ("peer.test%00:443", "no host name has"),
        ("evil.test#.peer.test:443", "no host name has"),
        ("127.0.0.1:443", "not among the hosts"),
        ("0x7f.1:443", "four plain decimal"),
        ("::1:443", "no host name has"),
        ("[::1]:443", "not among the hosts"),
        ("[::1%25lo]:443", "no zone"),
        ("[peer.test]:443", "not a valid IPv6"),
        ("peer.test", "host:port"),
        ("peer.test:0", "port"),
        ("peer.test:99999", "port"),
        ("peer.test:+1", "port"),
        (":443", "missing"),
    ],
)
async def test_hosts_in_other_words_are_not_let_through(target: str, why: str) -> None:
    names = Names({"peer.test": [["127.0.0.1"]]})
    got = await answer(
        Dialer(ONE, resolve=names, problem=as_public), f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode()
    )
    assert got[:12] in (b"HTTP/1.1 403", b"HTTP/1.1 400")
    assert why.encode() in got
    assert names.asked == []


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT peer.test\r\nX:y:443 HTTP/1.1",
        "GET http://peer.test/\x00 HTTP/1.1",
        "GET http://peer.test/ a HTTP/1.1",
        "GET /relative HTTP/1.1",
        "GET https://peer.test/ HTTP/1.1",
        "GET ftp://peer.test/ HTTP/1.1",
        "GET http://peer.test@evil.test/ HTTP/1.1",
        "GET http://evil.test\\@peer.test/ HTTP/1.1",
        "nonsense",
    ],
)
async def test_requests_that_could_be_read_in_two_ways_are_refused(request_line: str) -> None:
    names = Names({"peer.test": [["127.0.0.1"]], "evil.test": [["127.0.0.1"]]})
    got = await answer(
        Dialer(ONE, resolve=names, problem=as_public), f"{request_line}\r\nHost: peer.test\r\n\r\n".encode()
    )
    assert got[:12] in (b"HTTP/1.1 403", b"HTTP/1.1 400")
    assert names.asked == []


async def test_an_empty_list_lets_nothing_out() -> None:
    names = Names({"peer.test": [["127.0.0.1"]]})
    got = await answer(
        Dialer(NetworkPolicy(), resolve=names, problem=as_public), b"CONNECT peer.test:443 HTTP/1.1\r\nHost: x\r\n\r\n"
    )
    assert got.startswith(b"HTTP/1.1 403")
    assert names.asked == []


async def test_a_name_that_leads_inside_is_refused_though_the_name_is_allowed() -> None:
    for inside in ("127.0.0.2", "169.254.169.254", "10.0.0.1", "::1", "fd00::1"):
        dialer = Dialer(ONE, resolve=Names({"peer.test": [["127.0.0.1", inside]]}), problem=as_public)
        got = await answer(dialer, b"CONNECT peer.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 403")
        assert inside.encode() in got


async def test_every_host_that_is_asked_for_is_written_down() -> None:
    lines: list[tuple[str, str, str]] = []
    dialer = dialer_to_peer("peer.test", policy=ONE, audit=lambda host, by, verdict: lines.append((host, by, verdict)))
    assert b"other.test is not among" in await answer(dialer, b"CONNECT other.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert lines == [("other.test", "sandbox", "prompt")]


async def test_the_socket_is_this_users_alone_and_goes_with_the_proxy() -> None:
    async with open_proxy(dialer_to_peer()) as proxy:
        folder = Path(proxy.socket_path).parent
        assert [bits(folder), bits(Path(proxy.socket_path))] == [0o700, 0o600]
    assert not folder.exists()


async def test_its_end_hangs_up_on_both_sides() -> None:
    async def silent(request: Received, wire: Wire) -> None:
        del request
        await wire.gone()

    async with SocketServer(silent) as peer, asyncio.timeout(10):
        async with open_proxy(dialer_to_peer("peer.test")) as proxy:
            reader, writer = await asyncio.open_unix_connection(proxy.socket_path)
            writer.write(f"CONNECT peer.test:{peer.port} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await peer.dropped.wait()
        assert await reader.read() == b""
        writer.close()


async def test_a_broken_answer_becomes_a_gateway_error() -> None:
    async def broken(request: Received, wire: Wire) -> None:
        del request
        await wire.send(b"what\r\n\r\n")
        wire.close()

    async with SocketServer(broken) as peer:
        sent = f"GET http://peer.test:{peer.port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        assert (await answer(dialer_to_peer("peer.test"), sent)).startswith(b"HTTP/1.1 502 ")


async def test_a_host_that_does_not_answer_is_no_fault_of_the_policy() -> None:
    got = await answer(dialer_to_peer("peer.test"), b"CONNECT nowhere.test:443 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert got.startswith(b"HTTP/1.1 502 ")
    assert b"could not be resolved" in got


async def test_a_failure_of_the_owner_comes_out_as_it_is() -> None:
    async def fail() -> None:
        async with open_proxy(dialer_to_peer()) as proxy:
            reader, writer = await asyncio.open_unix_connection(proxy.socket_path)
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            raise KeyError

    with pytest.raises(KeyError):
        await fail()


async def test_no_more_than_64_connections_are_served_at_once() -> None:
    async with asyncio.timeout(10), open_proxy(dialer_to_peer()) as proxy:
        kept = [await asyncio.open_unix_connection(proxy.socket_path) for _ in range(64)]
        reader, writer = await asyncio.open_unix_connection(proxy.socket_path)
        assert await reader.read() == b""
        for one in (writer, *(streams[1] for streams in kept)):
            one.close()
            await one.wait_closed()
