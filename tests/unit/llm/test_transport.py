"""Both transports keep the port's contract; the direct one reuses, bounds and fails as it says."""

import asyncio
import os
import socket
import ssl

import pytest

from codewhale.domain.errors import ConfigError, ProviderError
from codewhale.llm.connect import open_transport
from codewhale.llm.transport.direct import DirectTransport
from codewhale.llm.transport.exchange import Connection
from codewhale.llm.transport.follow import open_response
from codewhale.llm.transport.port import HttpRequest
from codewhale.llm.transport.proxied import HttpxTransport
from codewhale.llm.transport.url import parse_url
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.testing.transport_kit import (
    TRANSPORT_CHECKS,
    TransportCheck,
    TransportMaker,
    failure,
    playing,
    read_all,
    request_to,
)

CERTIFICATE = os.path.join(os.path.dirname(__file__), "localhost-test-only.pem")


@pytest.mark.parametrize("check", TRANSPORT_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", [DirectTransport, HttpxTransport])
async def test_keeps_the_contract(make: TransportMaker, check: TransportCheck) -> None:
    await check(make)


async def test_resends_when_an_idle_connection_turns_out_dead() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if len(server.requests) == 2:
            wire.close()
        else:
            await wire.answer(b"ok")

    async with playing(DirectTransport, player) as (server, transport):
        for _ in range(2):
            async with transport.send(request_to(server)) as response:
                assert await read_all(response) == b"ok"
        assert (server.connections, len(server.requests)) == (2, 3)


async def test_does_not_resend_once_a_byte_of_the_response_came() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if len(server.requests) == 2:
            await wire.send(b"HTTP/1.1 20")
            wire.close()
        else:
            await wire.answer(b"ok")

    async with playing(DirectTransport, player) as (server, transport):
        async with transport.send(request_to(server)) as response:
            await read_all(response)
        assert (await failure(transport, request_to(server))).category == "network"
        assert len(server.requests) == 2


class WatchedTransport(DirectTransport):
    """Says when a connection has come back."""

    def __init__(self) -> None:
        super().__init__()
        self.returned = asyncio.Event()

    def give_back(self, connection: Connection) -> None:
        super().give_back(connection)
        self.returned.set()


async def test_a_reader_that_leaves_early_but_in_peace_gives_the_connection_back() -> None:
    left = asyncio.Event()

    async def player(request: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        await wire.chunk(b"enough")
        await left.wait()
        await wire.chunk(b"")

    transport = WatchedTransport()
    async with playing(lambda: transport, player) as (server, _):
        for _ in range(2):
            left.clear()
            transport.returned.clear()
            async with transport.send(request_to(server)) as response:
                assert await response.read() == b"enough"
            left.set()
            await transport.returned.wait()
        assert server.connections == 1


async def test_bytes_nobody_asked_for_end_the_connection() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
        )

    async with playing(DirectTransport, player) as (server, transport):
        for _ in range(2):
            async with transport.send(request_to(server)) as response:
                assert await read_all(response) == b"ok"
        assert server.connections == 2


async def test_closing_drops_connections_in_use() -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        await wire.gone()

    async with playing(DirectTransport, player) as (server, transport), transport.send(request_to(server)) as response:
        await transport.close()
        await server.dropped.wait()
        with pytest.raises(ProviderError):
            await response.read()


async def test_a_connection_that_cannot_be_made_times_out() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        transport = DirectTransport(connect_timeout=0.05)
        url = parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        error = await failure(transport, HttpRequest(method="GET", url=url))
        await transport.close()
    assert (error.category, "0.05 s" in error.message) == ("timeout", True)


async def test_unknown_host_is_named() -> None:
    transport = DirectTransport()
    error = await failure(transport, HttpRequest(method="GET", url=parse_url("http://no-such-host.invalid/")))
    await transport.close()
    assert (error.category, "no-such-host.invalid" in error.message) == ("network", True)


@pytest.mark.parametrize("make", [DirectTransport, HttpxTransport])
async def test_tls_checks_authority_and_host(make: "type[DirectTransport | HttpxTransport]") -> None:
    async def player(request: Received, wire: Wire) -> None:
        await wire.answer(b"safe")

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    async with asyncio.timeout(5), SocketServer(player, tls=tls) as server:
        named = parse_url(f"https://localhost:{server.port}/")
        trusting, plain = make(ca_file=CERTIFICATE), make()
        async with trusting.send(HttpRequest(method="GET", url=named)) as response:
            assert await read_all(response) == b"safe"
        unknown = await failure(plain, HttpRequest(method="GET", url=named))
        misnamed = await failure(trusting, HttpRequest(method="GET", url=parse_url(server.url)))
        await trusting.close()
        await plain.close()
    assert [(e.category, "certificate" in e.message) for e in (unknown, misnamed)] == [("protocol", True)] * 2


async def test_a_proxy_is_used_for_what_it_is_set_for() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if "proxy-authorization" in request.headers:
            await wire.answer(b"through")
        else:
            await wire.answer(b"", status=407)

    async with asyncio.timeout(5), SocketServer(player) as proxy:
        transport = open_transport(f"http://me:secret@127.0.0.1:{proxy.port}")
        async with transport.send(HttpRequest(method="GET", url=parse_url("http://model.test/v1"))) as response:
            assert await read_all(response) == b"through"
        await transport.close()
        assert [r.target for r in proxy.requests] == ["http://model.test/v1"]


def test_an_unusable_proxy_is_a_config_error() -> None:
    with pytest.raises(ConfigError):
        open_transport("ftp:/nowhere")


async def test_redirects_stay_inside_the_origin() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if request.target == "/v1/old":
            await wire.answer(b"", status=308, headers="Location: /v1/new\r\n")
        else:
            await wire.answer(b"arrived")

    async with playing(DirectTransport, player) as (server, transport):
        async with open_response(transport, request_to(server, target="/v1/old", body=b"kept")) as response:
            assert await read_all(response) == b"arrived"
        assert [(r.target, r.body) for r in server.requests] == [("/v1/old", b"kept"), ("/v1/new", b"kept")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_reaches_another_host(status: int) -> None:
    async def elsewhere(request: Received, wire: Wire) -> None:
        await wire.answer(b"stolen")

    async def player(request: Received, wire: Wire) -> None:
        await wire.answer(b"", status=status, headers=f"Location: {thief.url}/take\r\n")

    async with SocketServer(elsewhere) as thief, playing(DirectTransport, player) as (server, transport):
        with pytest.raises(ProviderError) as caught:
            async with open_response(transport, request_to(server)):
                pass
        assert thief.requests == []
        assert thief.url in caught.value.message


async def test_redirect_loops_and_compression_are_errors() -> None:
    async def player(request: Received, wire: Wire) -> None:
        if request.target == "/loop":
            await wire.answer(b"", status=307, headers="Location: /loop\r\n")
        else:
            await wire.answer(b"\x1f\x8b", headers="Content-Encoding: gzip\r\n")

    async with playing(DirectTransport, player) as (server, transport):
        for target in ("/loop", "/zip"):
            with pytest.raises(ProviderError) as caught:
                async with open_response(transport, request_to(server, target=target)):
                    pass
            assert caught.value.category == "protocol"
