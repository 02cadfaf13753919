"""One client's connection: HTTP/1.1 requests in, answers out, one after the other. Knows nothing of models.

When the client goes away the answer being written is cancelled, so that nothing waits for nobody.
"""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable, Coroutine
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol, cast

import httptools
from msgspec import Struct

MAX_BODY = 64 * 1024 * 1024
_MAX_WAITING = 16


class HttpAsked(Struct, frozen=True, kw_only=True):
    """One request. `path` is without query; header names are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool
    http_1_1: bool
    too_large: bool = False


class Answer(Protocol):
    """Writes the answer to one request."""

    def __call__(self, asked: HttpAsked, out: "Connection") -> Coroutine[Any, Any, None]: ...


class Connection(asyncio.Protocol):
    """Reads requests and writes what `answer` says. `spawn` starts the connection's one task."""

    def __init__(
        self, answer: Answer, spawn: Callable[["Connection", Coroutine[Any, Any, None]], "asyncio.Task[None]"]
    ) -> None:
        self._answer = answer
        self._spawn = spawn
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[HttpAsked] = deque()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._chunked = True
        self._http_1_1 = True
        self._closing = False
        self.on_message_begin()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._task = self._spawn(self, self._serve())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost makes no difference
        self._transport = None
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._transport is not None:
                self._transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                self._transport.close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    # httptools

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size <= MAX_BODY:
            self._body.append(body)

    def on_message_complete(self) -> None:
        self._waiting.append(
            HttpAsked(
                method=self._parser.get_method().decode("ascii"),
                path=self._url.partition(b"?")[0].decode("latin-1"),
                headers=self._headers,
                body=b"".join(self._body) if self._size <= MAX_BODY else b"",
                keep_alive=self._parser.should_keep_alive(),
                http_1_1=self._parser.get_http_version() == "1.1",
                too_large=self._size > MAX_BODY,
            )
        )
        self._arrived.set()
        if len(self._waiting) == _MAX_WAITING and self._transport is not None:
            self._transport.pause_reading()

    # what an answer uses

    def head(self, status: int, headers: dict[str, str], *, keep: bool, length: int | None = None) -> None:
        """Write the status line and headers. Without `length` the body follows through `body` and `end`."""
        self._chunked = length is None and self._http_1_1
        self._closing = not keep or (length is None and not self._http_1_1)
        lines = [f"HTTP/1.1 {status} {_reason(status)}", f"Date: {formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if self._chunked:
            lines.append("Transfer-Encoding: chunked")
        elif length is not None:
            lines.append(f"Content-Length: {length}")
        lines += [f"Connection: {'close' if self._closing else 'keep-alive'}", "", ""]
        self._write("\r\n".join(lines).encode("latin-1", "replace"))

    async def body(self, part: bytes) -> None:
        """Write a part of the body and wait while the client does not read."""
        if not part:
            return
        self._write(b"%x\r\n%b\r\n" % (len(part), part) if self._chunked else part)
        await self._writable.wait()

    def end(self) -> None:
        """End a body of unknown length."""
        if self._chunked:
            self._write(b"0\r\n\r\n")

    async def respond(self, status: int, headers: dict[str, str], body: bytes, *, keep: bool) -> None:
        """Write a whole answer."""
        self.head(status, headers, keep=keep, length=len(body))
        await self.body(body)

    def cut(self, part: bytes = b"") -> None:
        """Write the beginning of something and close the connection in the middle of it."""
        if part:
            self._write(b"%x\r\n%b" % (len(part) + 64, part) if self._chunked else part)
        self._closing = True

    def half_close(self) -> None:
        """Say that nothing more comes, and go on listening."""
        if self._transport is not None:
            self._transport.write_eof()

    def reset(self) -> None:
        """Break the connection: the client sees a reset."""
        transport = self._transport
        if transport is None:
            return
        sock = cast(socket.socket, transport.get_extra_info("socket"))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
        self._closing = True

    def stop(self) -> None:
        """Drop the connection and whatever is being answered."""
        if self._transport is not None:
            self._transport.abort()
        if self._task is not None:
            self._task.cancel()

    def _write(self, part: bytes) -> None:
        if self._transport is not None:
            self._transport.write(part)

    async def _serve(self) -> None:
        while not self._closing:
            await self._arrived.wait()
            asked = self._waiting.popleft()
            if not self._waiting:
                self._arrived.clear()
                if self._transport is not None:
                    self._transport.resume_reading()
            self._http_1_1 = asked.http_1_1
            await self._answer(asked, self)
        if self._transport is not None:
            self._transport.close()


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
