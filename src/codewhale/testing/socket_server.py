"""A server on a real loopback socket that plays what a test tells it to, byte by byte, and keeps what it was sent.

It knows just enough HTTP to read a request. What it answers is entirely the player's, valid or not.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from msgspec import Struct

LINGER = b"\x01\x00\x00\x00\x00\x00\x00\x00"
BOUND = 5.0


class Received(Struct, frozen=True, kw_only=True):
    """One request as it came: header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


class Wire:
    """The server's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Write the pieces and wait until the socket has taken them."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()

    async def answer(self, body: bytes, *, status: int = 200, headers: str = "") -> None:
        """A whole, well-formed response with a content length. `headers`: lines, each ended by CRLF."""
        await self.send(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body)

    async def begin_chunks(self, content_type: str = "text/event-stream") -> None:
        """The head of a chunked response."""
        await self.send(
            f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )

    async def chunk(self, *pieces: bytes) -> None:
        """One chunk for each piece; the empty one ends the response."""
        for piece in pieces:
            await self.send(b"%x\r\n%s\r\n" % (len(piece), piece))

    async def stream(self, *pieces: bytes) -> None:
        """A whole chunked event stream."""
        await self.begin_chunks()
        await self.chunk(*pieces, b"")

    async def gone(self) -> None:
        """Returns when the client has dropped the connection."""
        while await self._reader.read(65536):
            pass

    def close(self) -> None:
        """FIN: whatever was written still arrives."""
        self._writer.close()

    def reset(self) -> None:
        """RST."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(1, 13, LINGER)
        self._writer.transport.abort()


Player = Callable[[Received, Wire], Awaitable[None]]


class SocketServer:
    """Async context: listens on a free port of 127.0.0.1, calls `player` for each request of each connection.
    `requests` and `connections` say what has come; `dropped` is set when a client goes away."""

    def __init__(self, player: Player, *, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.dropped = asyncio.Event()
        self._player = player
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def port(self) -> int:
        if self._server is None:
            raise RuntimeError("the server has not started")
        return self._server.sockets[0].getsockname()[1]

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        async with asyncio.timeout(BOUND):
            await self._quiet.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        self._quiet.clear()
        try:
            while (request := await _request(reader)) is not None:
                self.requests.append(request)
                await self._player(request, Wire(reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.dropped.set()
            writer.close()
            self._open.discard(writer)
            if not self._open:
                self._quiet.set()


async def _request(reader: asyncio.StreamReader) -> Received | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, target, _ = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method=method, target=target, headers=headers, body=body)
