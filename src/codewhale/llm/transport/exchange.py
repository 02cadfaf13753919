"""One connection and the exchanges on it: bytes in, parsed response out, nothing waited for but the reader.

A connection is used again only when the response before ended where its own framing said so.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Protocol, cast

import httptools

from codewhale import __version__
from codewhale.domain.errors import ProviderCategory, ProviderError
from codewhale.llm.transport.port import MAX_HEAD_BYTES, MAX_HEADERS, Headers, HttpRequest

PAUSE_AT = 1024 * 1024
DRAIN_BYTES = 64 * 1024
DRAIN_SECONDS = 1.0


class Keeper(Protocol):
    """Whoever keeps connections between exchanges."""

    def give_back(self, connection: "Connection") -> None: ...

    def forget(self, connection: "Connection") -> None: ...


class Connection(asyncio.Protocol):
    """A socket to one origin. At most one exchange at a time."""

    def __init__(self, keeper: Keeper, origin: tuple[str, str, int]) -> None:
        self.origin = origin
        self.idle_since = 0.0
        self.closed = asyncio.Event()
        self._keeper = keeper
        self._exchange: Exchange | None = None
        self._transport: asyncio.Transport | None = None

    @property
    def dead(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but name
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.closed.set()
        self._keeper.forget(self)
        if self._exchange is not None:
            self._exchange.lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._exchange is None:
            self.abort()
        else:
            self._exchange.received(data)

    def begin(self, request: HttpRequest) -> "Exchange":
        """Write the whole request; the exchange is the answer to it."""
        exchange = self._exchange = Exchange(self)
        if self._transport is not None:
            self._transport.write(_head(request) + request.body)
        else:
            exchange.lost(None)
        return exchange

    def finish(self) -> None:
        """The exchange is over and well framed: free for the next one."""
        self._exchange = None
        if not self.dead:
            self._keeper.give_back(self)

    def abort(self) -> None:
        """Drop the socket at once."""
        if self._transport is not None:
            self._transport.abort()

    def flow(self, *, wanted: bool) -> None:
        """Pause or resume reading from the socket."""
        if self._transport is None or self._transport.is_closing():
            return
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()


class Exchange:
    """An `HttpResponse` in the making; the `on_*` methods are what httptools calls."""

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: Headers = ()
        self._connection = connection
        self._parser = httptools.HttpResponseParser(self)
        self._pairs: list[tuple[str, str]] = []
        self._head_bytes = 0
        self._headed = False
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._paused = False
        self._complete = False
        self._reusable = False
        self._discarded: int | None = None
        self._drain_timer: asyncio.TimerHandle | None = None
        self._failure: ProviderError | None = None
        self._lost = False
        self._heard = False
        self._waiter: asyncio.Future[None] | None = None

    @property
    def unanswered(self) -> bool:
        """The connection went away before one byte of a response."""
        return self._lost and not self._heard

    async def head(self) -> None:
        """Wait for status and headers; whoever stops waiting drops the connection."""
        arrived = False
        try:
            await self._until(lambda: self._headed)
            arrived = True
        finally:
            if not arrived:
                self._connection.abort()

    async def read(self) -> bytes:
        await self._until(lambda: bool(self._chunks) or self._complete)
        if not self._chunks:
            return b""
        piece = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        if self._paused:
            self._paused = False
            self._connection.flow(wanted=True)
        return piece

    def release(self) -> None:
        """The reader is done: keep the connection if the response is over or ends within a moment."""
        if self._complete:
            self._reuse()
        elif self._failure is None:
            self._discarded = 0
            self._chunks.clear()
            if self._paused:
                self._connection.flow(wanted=True)
            self._drain_timer = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._connection.abort)

    def abort(self) -> None:
        """The reader gave up: drop the connection at once, unless the response is over anyway."""
        if self._complete:
            self._reuse()
        else:
            self._connection.abort()

    def received(self, data: bytes) -> None:
        """Bytes from the socket."""
        self._heard = True
        if self._complete:
            self._connection.abort()
            return
        if not self._headed:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail("protocol", f"What {self._who} sent is not a valid HTTP response: {error}")
        if not self._headed and self._head_bytes > MAX_HEAD_BYTES:
            self._fail("protocol", f"The response head of {self._who} is larger than {MAX_HEAD_BYTES} bytes.")
        if self._discarded is not None:
            self._drained()
        elif self._buffered > PAUSE_AT and not self._paused:
            self._paused = True
            self._connection.flow(wanted=False)
        self._wake()

    def lost(self, error: Exception | None) -> None:
        """The socket is gone."""
        self._lost = True
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        if self._headed and error is None and self._ends_with_connection():
            self._complete = True
        if not self._complete and self._failure is None:
            why = f": {error}" if error is not None else ""
            when = "in the middle of its answer" if self._headed else "without an answer"
            self._failure = ProviderError(
                f"{self._who} closed the connection {when}{why}.",
                category="network",
                hint="The server or something on the way broke off; try again, or check base_url and any proxy.",
            )
        self._wake()

    def on_message_begin(self) -> None:
        if self._complete:
            self._fail("protocol", f"{self._who} sent more than one response to one request.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._complete:
            return
        self._pairs.append((name.decode("latin-1").lower(), value.decode("latin-1")))
        size = len(name) + len(value)
        if len(self._pairs) > MAX_HEADERS or size > MAX_HEAD_BYTES:
            self._fail("protocol", f"The response head of {self._who} is too large.")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and not self._complete:
            self.status = status
            self.headers = tuple(self._pairs)
            self._headed = self._failure is None
        self._pairs = []

    def on_body(self, body: bytes) -> None:
        if self._complete:
            return
        if self._discarded is not None:
            self._discarded += len(body)
        else:
            self._chunks.append(body)
            self._buffered += len(body)

    def on_message_complete(self) -> None:
        if self._headed:
            self._complete = True
            self._reusable = self._parser.should_keep_alive()

    @property
    def _who(self) -> str:
        return f"{self._connection.origin[1]}:{self._connection.origin[2]}"

    def _ends_with_connection(self) -> bool:
        for name, value in self.headers:
            if name == "content-length" or (name == "transfer-encoding" and value.lower().endswith("chunked")):
                return False
        return True

    def _drained(self) -> None:
        if self._complete:
            self._reuse()
        elif (self._discarded or 0) > DRAIN_BYTES:
            self._connection.abort()

    def _reuse(self) -> None:
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        if self._failure is None and self._reusable:
            self._connection.finish()
        else:
            self._connection.abort()

    def _fail(self, category: ProviderCategory, message: str) -> None:
        if self._failure is None:
            self._failure = ProviderError(message, category=category, hint="Check base_url and any proxy in between.")
        self._connection.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _until(self, ready: Callable[[], bool]) -> None:
        while not ready():
            if self._failure is not None:
                raise self._failure
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter


def _head(request: HttpRequest) -> bytes:
    lines = [f"{request.method} {request.url.target} HTTP/1.1", f"Host: {request.url.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    names = {name.lower() for name, _ in request.headers}
    if "user-agent" not in names:
        lines.append(f"User-Agent: codewhale/{__version__}")
    lines.append("Accept-Encoding: identity")
    if request.body or request.method not in ("GET", "DELETE"):
        lines.append(f"Content-Length: {len(request.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "strict")
