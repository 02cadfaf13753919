"""What keeps a model call from ever reaching its server: certificates, names, proxies. Each is named, none is worked around."""

import asyncio
import os
import ssl

import pytest

from codewhale.domain.errors import ConfigError, ProviderError
from codewhale.llm.connect import open_provider, open_transport
from codewhale.llm.guard import Limits
from codewhale.llm.route import RouteWish, make_route
from codewhale.llm.transport.port import Transport
from codewhale.llm.transport.url import parse_url
from codewhale.testing.chat_player import KEY
from codewhale.testing.manual_pace import ManualPace
from codewhale.testing.provider_kit import HELLO
from codewhale.testing.socket_server import Received, SocketServer, Wire

HERE = os.path.dirname(__file__)
VALID, EXPIRED = (os.path.join(HERE, f"{name}-test-only.pem") for name in ("localhost", "expired"))


async def nobody(request: Received, wire: Wire) -> None:
    raise AssertionError(f"{request.method} must not have come")


async def refused(request: Received, wire: Wire) -> None:
    await wire.answer(b"", status=407)


def serving(certificate: str) -> SocketServer:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    return SocketServer(nobody, tls=tls)


async def outcome(base_url: str, transport: Transport) -> tuple[ProviderError, list[float]]:
    """The error of a call, and the waits before it."""
    pace = ManualPace(at_once=True)
    route = make_route("local", RouteWish(base_url=base_url, model="m", api_key=KEY))
    provider = open_provider(route, Limits(), pace.clock, transport=transport, pace=pace.pace)
    try:
        async with asyncio.timeout(5):
            async for _ in provider.stream(HELLO):
                pass
    except ProviderError as error:
        return error, pace.delays
    finally:
        await provider.close()
    raise AssertionError("the call should have failed")


@pytest.mark.parametrize(
    ("certificate", "host", "words"),
    [
        (EXPIRED, "localhost", "certificate has expired"),
        (VALID, "127.0.0.1", "IP address mismatch"),
    ],
    ids=["expired", "another host's"],
)
async def test_a_certificate_that_does_not_hold_is_final_and_nothing_is_sent(
    certificate: str, host: str, words: str
) -> None:
    async with serving(certificate) as server:
        error, waits = await outcome(f"https://{host}:{server.port}/v1", open_transport(ca_file=certificate))
        assert (error.category, waits, server.requests) == ("protocol", [], [])
    assert words in error.message
    assert "ca_file" in (error.hint or "")


async def test_https_never_falls_back_to_plain_http() -> None:
    heard: list[bytes] = []

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 This port speaks plain HTTP\r\nConnection: close\r\n\r\n")
        heard.append(await reader.read(65536))
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        error, waits = await outcome(f"https://127.0.0.1:{port}/v1", open_transport())
    assert (error.category, len(waits), len(heard)) == ("network", 3, 4)
    assert KEY.encode() not in b"".join(heard)
    assert error.hint


async def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    error, waits = await outcome("https://no-such-host.invalid/v1", open_transport())
    assert (error.category, waits) == ("network", [1.0, 2.0, 4.0])
    assert error.message.startswith("Could not connect to no-such-host.invalid:443: ")
    assert error.message.endswith("Tried 4 times.")
    assert error.hint


@pytest.mark.parametrize("host", ["a" * 64 + ".test", "a..b", ".test"])
def test_a_name_that_cannot_be_is_a_mistake_in_the_settings(host: str) -> None:
    with pytest.raises(ConfigError, match="not a name"):
        parse_url(f"https://{host}/v1")


async def test_a_proxy_that_wants_a_password_says_so() -> None:
    async with SocketServer(refused) as proxy:
        transport = open_transport(f"http://127.0.0.1:{proxy.port}")
        error, waits = await outcome("https://model.test/v1", transport)
        assert [request.headers.get("authorization") for request in proxy.requests] == [None]
    assert (error.category, waits) == ("authentication", [])
    assert "password" in (error.hint or "")
