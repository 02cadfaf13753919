"""Fetching over real sockets: redirects, limits, encodings, TLS, the policy on the way, and nothing of the project's."""

import gzip
import ssl
import zlib
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.network import OPEN, NetworkPolicy
from codewhale.testing.public_peer import dialer_to_peer
from codewhale.testing.socket_server import Player, Received, SocketServer, Wire
from codewhale.workspace.web.decode import Decoder
from codewhale.workspace.web.exchange import WebAnswer
from codewhale.workspace.web.web import Web

CERTIFICATE = str(Path(__file__).with_name("peer-test-only.pem"))
"""For peer.test, its own authority, with its key."""


def answers(head: str, body: bytes = b"") -> Player:
    async def play(request: Received, wire: Wire) -> None:
        del request
        await wire.send(f"HTTP/1.1 200 X\r\n{head}\r\n".encode() + body)
        wire.close()

    return play


async def got(player: Player, *, max_bytes: int = 1_000_000, seconds: float = 5, path: str = "/") -> WebAnswer:
    async with SocketServer(player) as peer:
        web = Web(OPEN, dialer=dialer_to_peer("peer.test"))
        return await web.fetch(f"http://peer.test:{peer.port}{path}", max_bytes=max_bytes, seconds=seconds)


async def test_up_to_five_redirects_are_followed() -> None:
    async def play(request: Received, wire: Wire) -> None:
        left = int(request.target[1:])
        if left:
            return await wire.send(f"HTTP/1.1 302 X\r\nLocation: /{left - 1}\r\nContent-Length: 0\r\n\r\n".encode())
        return await wire.answer(b"there")

    answer = await got(play, path="/5")
    assert (answer.content, answer.url.target) == (b"there", "/0")
    with pytest.raises(ToolError, match="More than 5 redirects"):
        await got(play, path="/6")


async def test_a_redirect_needs_the_policys_leave_for_itself() -> None:
    policy = NetworkPolicy(default="prompt")
    lines: list[tuple[str, str, str]] = []

    async def play(request: Received, wire: Wire) -> None:
        port = request.headers["host"].rpartition(":")[2]
        await wire.send(f"HTTP/1.1 301 X\r\nLocation: http://other.test:{port}/\r\nContent-Length: 0\r\n\r\n".encode())

    async with SocketServer(play) as peer:
        dialer = dialer_to_peer(
            "peer.test", "other.test", policy=policy, audit=lambda host, by, said: lines.append((host, by, said))
        )
        with pytest.raises(ToolError, match=r"redirects elsewhere.*other\.test is not among") as refused:
            await Web(policy, dialer=dialer).fetch(f"http://peer.test:{peer.port}/", max_bytes=9, seconds=5)
        assert refused.value.category == "permission_denied"
        assert len(peer.requests) == 1
    assert lines == [("peer.test", "fetch_url", "allow"), ("other.test", "fetch_url", "prompt")]


async def test_a_request_says_who_asks_and_carries_nothing_else() -> None:
    async with SocketServer(answers("Content-Length: 0\r\nSet-Cookie: a=b\r\n")) as peer:
        web = Web(OPEN, dialer=dialer_to_peer("peer.test"))
        for _ in range(2):
            await web.fetch(f"http://peer.test:{peer.port}/x?y#z", max_bytes=9, seconds=5)
        sent = peer.requests[1]
    assert (sent.method, sent.target, sent.body) == ("GET", "/x?y", b"")
    assert set(sent.headers) == {"host", "user-agent", "accept", "accept-encoding", "connection"}


async def test_what_a_project_or_its_environment_sets_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RB-03: no proxy, no authority and no netrc of the surroundings."""
    (tmp_path / ".netrc").write_text("machine peer.test login a password b")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert (await got(answers("Content-Length: 2\r\n", b"ok"))).content == b"ok"


async def test_more_than_the_limit_is_not_read() -> None:
    async def endless(request: Received, wire: Wire) -> None:
        del request
        await wire.begin_chunks("text/plain")
        while True:
            await wire.chunk(b"x" * 65536)

    answer = await got(endless, max_bytes=100_000)
    assert (len(answer.content), answer.truncated) == (100_000, True)


async def test_exactly_the_limit_is_whole() -> None:
    answer = await got(answers("Content-Length: 10\r\n", b"0123456789"), max_bytes=10)
    assert (answer.content, answer.truncated) == (b"0123456789", False)


async def test_a_bomb_is_opened_as_far_as_it_was_asked_for() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    answer = await got(answers(f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n", bomb), max_bytes=1000)
    assert (answer.content, answer.truncated) == (b"\0" * 1000, True)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("x-gzip", gzip.compress(b"hel") + gzip.compress(b"lo")),
        ("gzip", gzip.compress(b"hello") + b"padding"),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
        ("identity", b"hello"),
    ],
)
async def test_what_was_compressed_is_opened(encoding: str, body: bytes) -> None:
    answer = await got(answers(f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n", body))
    assert answer.content == b"hello"
    bytewise = Decoder(encoding, 100)
    for at in range(len(body)):
        bytewise.feed(body[at : at + 1])
    assert bytewise.content() == b"hello"


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        ("Content-Encoding: br\r\nContent-Length: 2\r\n", b"xx", "not asked for"),
        ("Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n", b"xx", "not asked for"),
        ("Content-Encoding: gzip\r\nContent-Length: 5\r\n", b"hello", "damaged"),
        ("Content-Length: 10\r\n", b"short", "not a valid HTTP answer"),
        ("Content-Length: x\r\n", b"", "not a valid HTTP answer"),
        ("X: " + "y" * 300_000 + "\r\n", b"", "not a valid HTTP answer"),
        ("Transfer-Encoding: chunked\r\n", b"zz\r\n", "not a valid HTTP answer"),
    ],
)
async def test_broken_answers_are_told_as_such(head: str, body: bytes, why: str) -> None:
    with pytest.raises(ToolError, match=why):
        await got(answers(head, body))


async def test_a_server_that_hangs_up_and_one_that_changes_protocol() -> None:
    async def gone(request: Received, wire: Wire) -> None:
        del request
        wire.close()

    async def other(request: Received, wire: Wire) -> None:
        del request
        await wire.send(b"HTTP/1.1 101 X\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n")
        await wire.gone()

    with pytest.raises(ToolError, match="not a valid HTTP answer"):
        await got(gone)
    with pytest.raises(ToolError, match=r"not a valid HTTP answer|another protocol"):
        await got(other)


async def test_a_silent_server_costs_the_time_that_was_given() -> None:
    async def silent(request: Received, wire: Wire) -> None:
        del request
        await wire.gone()

    with pytest.raises(ToolError, match=r"in 0\.05 s") as late:
        await got(silent, seconds=0.05)
    assert late.value.category == "timeout"


async def test_a_closed_port_and_an_unknown_name_are_told_apart() -> None:
    async with SocketServer(answers("")) as peer:
        port = peer.port
    web = Web(OPEN, dialer=dialer_to_peer("peer.test"))
    with pytest.raises(ToolError, match=r"No connection to peer\.test"):
        await web.fetch(f"http://peer.test:{port}/", max_bytes=9, seconds=5)
    with pytest.raises(ToolError, match="could not be resolved"):
        await web.fetch("http://nowhere.test/", max_bytes=9, seconds=5)


async def test_a_certificate_is_checked_against_the_name_and_the_persons_authorities() -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    async with SocketServer(answers("Content-Length: 2\r\n", b"ok"), tls=tls) as peer:
        dialer = dialer_to_peer("peer.test", "other.test")
        url = f"https://peer.test:{peer.port}/"
        answer = await Web(OPEN, ca_file=CERTIFICATE, dialer=dialer).fetch(url, max_bytes=9, seconds=10)
        assert answer.content == b"ok"
        for web, host in (
            (Web(OPEN, dialer=dialer), "peer.test"),
            (Web(OPEN, ca_file=CERTIFICATE, dialer=dialer), "other.test"),
        ):
            with pytest.raises(ToolError, match="certificate"):
                await web.fetch(f"https://{host}:{peer.port}/", max_bytes=9, seconds=10)
        assert len(peer.requests) == 1
