"""uvicorn's HTTP/1.1 protocol with the limits that it lacks: a timer for half-sent headers, bounds on their size and
number, a bound on connections, origin-form targets only. It must not look at anything a guard in the application can see.
"""

import asyncio
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from codewhale.surfaces.http.errors import body_of
from codewhale.surfaces.http.exchange import ABORT_KEY
from codewhale.surfaces.http.facts import Limits

_REASONS = {
    400: b"Bad Request",
    408: b"Request Timeout",
    431: b"Request Header Fields Too Large",
    503: b"Service Unavailable",
}


LINGER = 1.0
"""Seconds in which a peer that is still sending may read why it was refused, before the connection is reset."""


class _Lingering:
    """The part of a transport that an answer uses, with another way to close."""

    def __init__(self, transport: asyncio.Transport, close: Callable[[], None]) -> None:
        self.write = transport.write
        self.is_closing = transport.is_closing
        self.close = close


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `limits` is set on the subclass that `bounded` makes; with `ended` set there too, connections that were
    accepted but not yet made are dropped."""

    limits = Limits()
    ended = False

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.access_log = False
        self._head_timer: TimerHandle | None = None
        self._in_head = True
        self._head_begun = False
        self._head_bytes = 0
        self._refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.ended:
            self.transport.abort()
            return
        if len(self.connections) > self.limits.connections:
            self._refuse(503, "The server has too many connections open; try again later")
            return
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > self.limits.header_bytes:
            self._refuse(431, "The request has too large headers")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[ABORT_KEY] = self.transport.abort  # type: ignore[typeddict-unknown-key]
        if self._head_timer is None:
            self._head_bytes = 0
            self._await_head()
        self._head_begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) < self.limits.header_count:
            super().on_header(name, value)
        else:
            self._refuse(431, "The request has too many headers")

    def on_headers_complete(self) -> None:
        self._head_done()
        if self._refused:
            return
        if not self.url.startswith(b"/"):
            self._refuse(400, "The request target must be a path")
            return
        super().on_headers_complete()
        self.cycle.transport = cast("asyncio.Transport", _Lingering(self.transport, self._close_after_answer))

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if not self._refused:
            super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, msg)

    def _await_head(self) -> None:
        self._in_head = True
        self._head_begun = False
        self._head_timer = self.loop.call_later(self.limits.header_timeout, self._head_late)

    def _head_done(self) -> None:
        self._in_head = False
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_late(self) -> None:
        if self._head_begun:
            self._refuse(408, "The request's headers did not arrive in time")
        else:
            self.transport.close()

    def _refuse(self, status: int, message: str) -> None:
        """Answer outside the application and end the connection."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        if self.cycle is not None and not self.cycle.response_complete:  # pyright: ignore[reportUnnecessaryComparison]
            self.transport.abort()  # an answer is under way: nothing can be said in the middle of it
            return
        body = body_of(status, message)
        head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        self.transport.write(head % (status, _REASONS[status], len(body)) + body)
        self._linger()

    def _close_after_answer(self) -> None:
        if self.cycle.more_body:
            self._refused = True
            self._linger()
        else:
            self.transport.close()

    def _linger(self) -> None:
        """Say that we are done, and take in (and drop) what the peer still sends: a reset would lose our answer."""
        self._head_done()
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._head_timer = self.loop.call_later(LINGER, self.transport.abort)


def bounded(limits: Limits) -> type[BoundedProtocol]:
    """The protocol with these limits."""

    class Protocol(BoundedProtocol):
        pass

    Protocol.limits = limits
    return Protocol
