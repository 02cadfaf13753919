"""What every `Transport` must do, shown against a real local socket.

`TRANSPORT_CHECKS` are functions of one argument, a maker of fresh transports; a test runs each for each implementation.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from codewhale.domain.errors import ConfigError, ProviderError
from codewhale.llm.transport.port import HttpRequest, HttpResponse, Transport
from codewhale.llm.transport.url import parse_url
from codewhale.testing.socket_server import BOUND, Player, Received, SocketServer, Wire

TransportMaker = Callable[[], Transport]
TransportCheck = Callable[[TransportMaker], Awaitable[None]]


@asynccontextmanager
async def playing(make: TransportMaker, player: Player) -> AsyncGenerator[tuple[SocketServer, Transport]]:
    """A server and a transport, closed in the right order, inside a bound of time."""
    async with asyncio.timeout(BOUND), SocketServer(player) as server:
        transport = make()
        yield server, transport
        await transport.close()


def request_to(server: SocketServer, *, method: str = "POST", target: str = "/x", body: bytes = b"{}") -> HttpRequest:
    return HttpRequest(method=method, url=parse_url(server.url + target), body=body)


async def read_all(response: HttpResponse) -> bytes:
    pieces: list[bytes] = []
    while piece := await response.read():
        pieces.append(piece)
    return b"".join(pieces)


async def failure(transport: Transport, request: HttpRequest) -> ProviderError:
    """The error that sending and reading to the end gives."""
    try:
        async with transport.send(request) as response:
            await read_all(response)
    except ProviderError as error:
        return error
    raise AssertionError("the request should have failed")


async def sends_the_request_as_given(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.answer(b"ok")

    async with playing(make, player) as (server, transport):
        url = parse_url(f"{server.url}/v1/things?a=b")
        for method, body in (("POST", b"\x00body"), ("GET", b""), ("PATCH", b"{}"), ("DELETE", b"")):
            async with transport.send(
                HttpRequest(method=method, url=url, headers=(("X-A", "1"),), body=body)
            ) as response:
                assert (response.status, await read_all(response)) == (200, b"ok")
    assert [(r.method, r.target, r.headers["x-a"], r.body) for r in server.requests] == [
        ("POST", "/v1/things?a=b", "1", b"\x00body"),
        ("GET", "/v1/things?a=b", "1", b""),
        ("PATCH", "/v1/things?a=b", "1", b"{}"),
        ("DELETE", "/v1/things?a=b", "1", b""),
    ]
    assert {r.headers["accept-encoding"] for r in server.requests} == {"identity"}


async def gives_status_and_headers_as_sent(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.answer(b"", status=429, headers="Retry-After: 2\r\nX-Two: a\r\nX-Two: b\r\n")

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert response.status == 429
        assert response.headers == (("content-length", "0"), ("retry-after", "2"), ("x-two", "a"), ("x-two", "b"))
        assert await response.read() == b""
        assert await response.read() == b""


async def gives_each_piece_when_it_comes(make: TransportMaker) -> None:
    seen = asyncio.Event()

    async def player(_: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        await wire.chunk(b"one")
        await seen.wait()
        await wire.chunk(b"two", b"")

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert await response.read() == b"one"
        seen.set()
        assert await read_all(response) == b"two"


async def reads_a_body_that_ends_with_the_connection(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        wire.close()

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert await read_all(response) == b"all of it"


async def skips_interim_responses(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        await wire.answer(b"final")

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert (response.status, await read_all(response)) == (200, b"final")


async def carries_a_large_body_whole(make: TransportMaker) -> None:
    whole = bytes(range(256)) * 32768

    async def player(_: Received, wire: Wire) -> None:
        await wire.answer(whole)

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert await read_all(response) == whole


async def uses_a_connection_again(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.stream(b"data: x\n\n")

    async with playing(make, player) as (server, transport):
        for _ in range(3):
            async with transport.send(request_to(server)) as response:
                await read_all(response)
        assert server.connections == 1


async def never_sends_twice_on_a_new_connection(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        wire.close()

    async with playing(make, player) as (server, transport):
        error = await failure(transport, request_to(server))
        assert (error.category, len(server.requests)) == ("network", 1)


async def tells_a_cut_from_an_end(make: TransportMaker) -> None:
    async def player(request: Received, wire: Wire) -> None:
        match request.target:
            case "/reset":
                await wire.begin_chunks()
                await wire.chunk(b"part")
                wire.reset()
            case "/chunked":
                await wire.begin_chunks()
                await wire.chunk(b"part")
                wire.close()
            case _:
                await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart")
                wire.close()

    async with playing(make, player) as (server, transport):
        for target in ("/reset", "/chunked", "/length"):
            error = await failure(transport, request_to(server, target=target))
            assert (target, error.category) == (target, "network")


async def refuses_what_is_not_http(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with playing(make, player) as (server, transport):
        assert (await failure(transport, request_to(server))).category == "protocol"


async def bounds_the_head(make: TransportMaker) -> None:
    async def player(request: Received, wire: Wire) -> None:
        if request.target == "/long":
            await wire.send(b"HTTP/1.1 200 OK\r\nX-Long: ", *[b"a" * 65536] * 16, b"\r\n\r\n")
        else:
            await wire.answer(b"", headers="".join(f"X-{n}: 1\r\n" for n in range(500)))

    async with playing(make, player) as (server, transport):
        for target in ("/long", "/many"):
            error = await failure(transport, request_to(server, target=target))
            assert (target, error.category) == (target, "protocol")


async def follows_no_redirect(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.answer(b"", status=307, headers="Location: /elsewhere\r\n")

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert (response.status, len(server.requests)) == (307, 1)


async def decodes_no_compression(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.answer(b"\x1f\x8b\x08 not unpacked", headers="Content-Encoding: gzip\r\n")

    async with playing(make, player) as (server, transport), transport.send(request_to(server)) as response:
        assert await read_all(response) == b"\x1f\x8b\x08 not unpacked"


async def drops_the_connection_when_cancelled(make: TransportMaker) -> None:
    arrived = asyncio.Event()

    async def player(request: Received, wire: Wire) -> None:
        if request.target == "/body":
            await wire.begin_chunks()
            await wire.chunk(b"part")
        arrived.set()
        await wire.gone()

    for target in ("/head", "/body"):
        async with playing(make, player) as (server, transport):
            arrived.clear()

            async def call(request: HttpRequest, line: Transport) -> None:
                async with line.send(request) as response:
                    await read_all(response)

            async with asyncio.TaskGroup() as group:
                task = group.create_task(call(request_to(server, target=target), transport))
                await arrived.wait()
                task.cancel()
            await server.dropped.wait()


async def drops_the_connection_when_left_by_an_error(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        await wire.chunk(b"part")
        await wire.gone()

    async with playing(make, player) as (server, transport):

        async def leave_by_an_error() -> None:
            async with transport.send(request_to(server)) as response:
                await response.read()
                raise LookupError

        with suppress(LookupError):
            await leave_by_an_error()
        await server.dropped.wait()


async def names_a_refused_connection(make: TransportMaker) -> None:
    async def player(_: Received, wire: Wire) -> None:
        await wire.answer(b"")

    async with playing(make, player) as (server, _):
        url = parse_url(server.url)
    transport = make()
    error = await failure(transport, HttpRequest(method="GET", url=url))
    await transport.close()
    assert error.category == "network"
    assert str(url.port) in error.message


async def refuses_headers_that_could_smuggle(make: TransportMaker) -> None:
    transport = make()
    url = parse_url("http://127.0.0.1:1/")
    for name, value in (("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("", "1"), ("X-A", "caf\u00e9"), ("X-A", "\0")):
        refused = False
        try:
            transport.send(HttpRequest(method="GET", url=url, headers=((name, value),)))
        except ConfigError:
            refused = True
        assert refused, f"{name!r}: {value!r} was accepted"
    await transport.close()


TRANSPORT_CHECKS: tuple[TransportCheck, ...] = (
    sends_the_request_as_given,
    gives_status_and_headers_as_sent,
    gives_each_piece_when_it_comes,
    reads_a_body_that_ends_with_the_connection,
    skips_interim_responses,
    carries_a_large_body_whole,
    uses_a_connection_again,
    never_sends_twice_on_a_new_connection,
    tells_a_cut_from_an_end,
    refuses_what_is_not_http,
    bounds_the_head,
    follows_no_redirect,
    decodes_no_compression,
    drops_the_connection_when_cancelled,
    drops_the_connection_when_left_by_an_error,
    names_a_refused_connection,
    refuses_headers_that_could_smuggle,
)
