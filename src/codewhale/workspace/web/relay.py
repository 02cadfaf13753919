"""One proxied request: read it strictly, judge it, connect, and pass bytes between the two ends.

What is sent on is written anew from what was understood (h11 parses and serialises), never the client's own bytes, and the
`Host` header is the host that was judged. A tunnel is bytes both ways.
"""

import asyncio

import h11

from codewhale.domain.errors import ToolError
from codewhale.workspace.web.dial import Asked, Dialer
from codewhale.workspace.web.hosts import Host, canonical_host, refused
from codewhale.workspace.web.urls import WebUrl, parse_web_url, port_number

HEAD_SECONDS = 15.0
IDLE_SECONDS = 300.0
MAX_HEAD = 32 * 1024
PIECE = 64 * 1024

_HOP = frozenset(b"connection proxy-connection keep-alive te trailer upgrade host expect".split()) | {
    b"proxy-authorization",
    b"proxy-authenticate",
}


class _End:
    """One end of an HTTP exchange: a socket and the state of the protocol on it."""

    def __init__(self, role: type[h11.CLIENT] | type[h11.SERVER], reader: asyncio.StreamReader) -> None:
        self.http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD)
        self._reader = reader

    async def event(self) -> object:
        while (event := self.http.next_event()) is h11.NEED_DATA:
            async with asyncio.timeout(IDLE_SECONDS):
                self.http.receive_data(await self._reader.read(PIECE))
        return event


async def relay(dialer: Dialer, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve the one request of this connection. Returns when both ends are done; network errors are the caller's."""
    client = _End(h11.SERVER, reader)
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            request = await client.event()
    except h11.RemoteProtocolError:
        await _answer(client, writer, 400, "This is not a request that the proxy understands.\n")
        return
    if not isinstance(request, h11.Request):
        return
    try:
        if request.method == b"CONNECT":
            host, port = _place(request.target)
            far = await dialer.open(host, port, asked)
        else:
            url = _url(request)
            far = await dialer.open(url.host, url.port, asked)
    except ToolError as error:
        await _answer(client, writer, 502 if error.category == "execution_failed" else 403, f"{error.message}\n")
        return
    try:
        if request.method == b"CONNECT":
            await _tunnel(client, (reader, writer), far)
        else:
            await _exchange(client, writer, far, _onward(request, _url(request)))
    finally:
        far[1].transport.abort()


def _place(target: bytes) -> tuple[Host, int]:
    """The `host:port` of a CONNECT."""
    place, colon, port = target.decode("latin-1").rpartition(":")
    if not colon:
        raise refused("CONNECT needs host:port")
    return canonical_host(place), port_number(port)


def _url(request: h11.Request) -> WebUrl:
    url = parse_web_url(request.target.decode("latin-1"))
    if url.scheme != "http":
        raise refused("the proxy takes https as CONNECT only")
    return url


def _onward(request: h11.Request, url: WebUrl) -> h11.Request:
    """The request as it is sent on: the headers that belong to one connection stay behind."""
    sent = [(name, value) for name, value in request.headers]
    named = {word.strip().lower() for name, value in sent if name == b"connection" for word in value.split(b",")}
    if any(name == b"transfer-encoding" for name, _ in sent):
        named.add(b"content-length")  # two lengths are one too many
    headers = [(name, value) for name, value in sent if name not in _HOP and name not in named - {b"transfer-encoding"}]
    own = [(b"Host", url.authority.encode()), (b"Connection", b"close")]
    return h11.Request(method=request.method, target=url.target.encode(), headers=[*own, *headers])


async def _exchange(
    client: _End,
    writer: asyncio.StreamWriter,
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    onward: h11.Request,
) -> None:
    """Request up and answer down, at the same time: a server may answer before it has read everything."""
    server = _End(h11.CLIENT, far[0])
    if client.http.they_are_waiting_for_100_continue:
        writer.write(client.http.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
    far[1].write(server.http.send(onward) or b"")
    try:
        async with asyncio.TaskGroup() as group:
            upward = group.create_task(_upward(client, server, far[1]))
            await _downward(server, client, writer)
            upward.cancel()
    except* h11.ProtocolError:
        if client.http.our_state is h11.SEND_RESPONSE:
            await _answer(client, writer, 502, "What the server sent is not a valid HTTP answer.\n")


async def _upward(client: _End, server: _End, writer: asyncio.StreamWriter) -> None:
    while isinstance(event := await client.event(), h11.Data | h11.EndOfMessage):
        if isinstance(event, h11.EndOfMessage):
            event = h11.EndOfMessage()
        writer.write(server.http.send(event) or b"")
        await writer.drain()
        if isinstance(event, h11.EndOfMessage):
            return


async def _downward(server: _End, client: _End, writer: asyncio.StreamWriter) -> None:
    while True:
        event = await server.event()
        if isinstance(event, h11.InformationalResponse):
            continue
        if isinstance(event, h11.Response):
            headers = [(name, value) for name, value in event.headers if name not in _HOP]
            event = h11.Response(status_code=event.status_code, headers=[*headers, (b"Connection", b"close")])
        elif isinstance(event, h11.EndOfMessage):
            event = h11.EndOfMessage()
        elif not isinstance(event, h11.Data):
            return
        writer.write(client.http.send(event) or b"")
        await writer.drain()
        if isinstance(event, h11.EndOfMessage):
            await _closed(writer)
            return


async def _tunnel(
    client: _End,
    near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    await client.event()  # the end of the request
    near[1].write(client.http.send(h11.Response(status_code=200, headers=[])) or b"")
    early, _ = client.http.trailing_data
    far[1].write(early)
    async with asyncio.TaskGroup() as group:
        group.create_task(_pipe(near[0], far[1]))
        group.create_task(_pipe(far[0], near[1]))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        async with asyncio.timeout(IDLE_SECONDS):
            piece = await reader.read(PIECE)
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _answer(client: _End, writer: asyncio.StreamWriter, status: int, text: str) -> None:
    """An answer of the proxy itself."""
    body = text.encode()
    headers = [
        (b"Content-Type", b"text/plain; charset=utf-8"),
        (b"Content-Length", str(len(body)).encode()),
        (b"Connection", b"close"),
    ]
    if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
        writer.write(client.http.send(event) or b"")
    await _closed(writer)


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Everything written has been handed to the other end before the socket is dropped."""
    async with asyncio.timeout(HEAD_SECONDS):
        writer.close()
        await writer.wait_closed()
