"""RB-17: addresses that lead inside, in every spelling, are refused before a single connection is made."""

from typing import Protocol

import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.network import OPEN
from codewhale.testing.public_peer import PUBLIC, Names, as_public
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.workspace.web.dial import Dialer
from codewhale.workspace.web.web import Web


class Sink(Protocol):
    connections: int
    port: int


SPELLINGS = """
http://127.0.0.2:PORT/            http://127.0.0.1:PORT/             http://2130706434:PORT/
http://0x7f000002:PORT/           http://0X7F.0.0.2:PORT/            http://0x7f.0x0.0x0.0x2:PORT/
http://0177.0.0.2:PORT/           http://017700000002:PORT/          http://0177.0.0.02:PORT/
http://127.2:PORT/                http://127.0.2:PORT/               http://0:PORT/
http://0.0.0.0:PORT/              http://127.0.0.2.:PORT/            http://127.000.000.002:PORT/
http://127.0.0.258:PORT/          http://[::1]:PORT/                 http://[::]:PORT/
http://[::ffff:127.0.0.2]:PORT/   http://[::ffff:7f00:2]:PORT/       http://[::127.0.0.2]:PORT/
http://[64:ff9b::7f00:2]:PORT/    http://[64:ff9b:1::7f00:2]:PORT/   http://[2002:7f00:2::]:PORT/
http://[fe80::1]:PORT/            http://[fe80::1%25lo]:PORT/        http://[fe80::1%lo]:PORT/
http://[fd00:ec2::254]/           http://[fc00::1]:PORT/             http://[fec0::1]:PORT/
http://[ff02::1]:PORT/            http://[2001:db8::1]:PORT/         http://[0:0:0:0:0:ffff:a9fe:a9fe]/
http://169.254.169.254/latest/    http://100.100.100.200/            http://168.63.129.16/
http://192.0.0.192/               http://10.0.0.1/                   http://172.16.5.4/
http://192.168.1.1/               http://100.64.0.1/                 http://198.18.0.1/
http://240.0.0.1/                 http://255.255.255.255/            http://224.0.0.1/
http://localhost:PORT/            http://LOCALHOST:PORT/             http://a.localhost:PORT/
http://metadata.google.internal/  http://printer.local/              http://localhost.:PORT/
http://user@127.0.0.2:PORT/       http://public.test@127.0.0.2:PORT/ http://127.0.0.2:PORT#@public.test/
http://public.test#@127.0.0.2/    http://public.test\\@127.0.0.2:PORT/ http://127.0.0.2%00.public.test:PORT/
http://%31%32%37.0.0.2:PORT/      http://１２７.0.0.2:PORT/           http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ:PORT/
http://127。0。0。2:PORT/          file:///etc/passwd                 gopher://127.0.0.2:PORT/_x
ftp://127.0.0.2:PORT/             data:text/html,x                   dict://127.0.0.2:PORT/
http:127.0.0.2:PORT/              //127.0.0.2:PORT/                  http://inside.test:PORT/
http://six.test:PORT/             http://mixed.test:PORT/            http://[::ffff:0:127.0.0.2]:PORT/
"""
FORMS = SPELLINGS.split()

NAMES = {
    "public.test": [["127.0.0.2"]],
    "inside.test": [["127.0.0.2"]],
    "six.test": [["::ffff:127.0.0.2"]],
    "mixed.test": [["93.184.215.14", "127.0.0.2"]],
}


def test_there_are_at_least_sixty_forms() -> None:
    assert len(set(FORMS)) == len(FORMS) >= 60


@pytest.mark.parametrize("form", FORMS)
async def test_an_inside_address_is_refused_in_every_form(form: str, sink: Sink) -> None:
    web = Web(OPEN, dialer=Dialer(OPEN, resolve=Names(NAMES)))
    with pytest.raises(ToolError) as refused:
        await web.fetch(form.replace("PORT", str(sink.port)), max_bytes=1000, seconds=5)
    assert refused.value.category in ("permission_denied", "invalid_input")
    assert sink.connections == 0


@pytest.mark.parametrize("form", [f for f in FORMS if f != "http://127.0.0.1:PORT/" and "[::1]" not in f])
async def test_no_redirect_leads_inside(form: str, sink: Sink) -> None:
    async def away(request: Received, wire: Wire) -> None:
        del request
        target = form.replace("PORT", str(sink.port)).encode("utf-8").decode("latin-1")
        await wire.send(f"HTTP/1.1 302 X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))

    async with SocketServer(away) as peer:
        dialer = Dialer(OPEN, resolve=Names({**NAMES, "start.test": [[PUBLIC]]}), problem=as_public)
        with pytest.raises(ToolError):
            await Web(OPEN, dialer=dialer).fetch(f"http://start.test:{peer.port}/", max_bytes=1000, seconds=5)
        assert sink.connections == 0


async def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(sink: Sink) -> None:
    async def hello(request: Received, wire: Wire) -> None:
        await wire.answer(request.headers["host"].encode())

    async with SocketServer(hello) as peer:
        names = Names({"flips.test": [[PUBLIC], ["127.0.0.2"]]})
        web = Web(OPEN, dialer=Dialer(OPEN, resolve=names, problem=as_public))
        url = f"http://flips.test:{peer.port}/"
        answer = await web.fetch(url, max_bytes=1000, seconds=5)
        assert (answer.content, names.asked) == (f"flips.test:{peer.port}".encode(), ["flips.test"])
        with pytest.raises(ToolError, match=r"127\.0\.0\.2"):
            await web.fetch(url, max_bytes=1000, seconds=5)
        assert sink.connections == 0


async def test_a_redirect_to_a_name_that_flips_is_judged_anew(sink: Sink) -> None:
    async def again(request: Received, wire: Wire) -> None:
        await wire.send(
            f"HTTP/1.1 302 X\r\nLocation: http://flips.test:{sink.port}/\r\nContent-Length: 0\r\n\r\n".encode()
        )

    async with SocketServer(again) as peer:
        names = Names({"flips.test": [[PUBLIC], ["127.0.0.2"]]})
        web = Web(OPEN, dialer=Dialer(OPEN, resolve=names, problem=as_public))
        with pytest.raises(ToolError, match="Only public hosts"):
            await web.fetch(f"http://flips.test:{peer.port}/", max_bytes=1000, seconds=5)
        assert (len(names.asked), sink.connections) == (2, 0)
