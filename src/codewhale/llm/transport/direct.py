"""The transport of the start path: asyncio sockets, httptools as parser, connections kept alive per origin.

A request is sent again by itself only when a connection that had been idle turned out dead before one byte of the
response came. Memory is bounded: heads by size and number, bodies by pausing the socket.
"""

import asyncio
import ssl
from collections.abc import Coroutine
from types import TracebackType
from typing import Any

from codewhale.domain.errors import ProviderError
from codewhale.llm.transport.exchange import Connection, Exchange
from codewhale.llm.transport.port import CONNECT_TIMEOUT, HttpRequest, check_headers
from codewhale.llm.transport.tls import tls_context
from codewhale.llm.transport.url import Url, is_loopback

IDLE_SECONDS = 30.0
MAX_IDLE_PER_ORIGIN = 8
ATTEMPT_DELAY = 0.25

Origin = tuple[str, str, int]


class DirectTransport:
    """`Transport` over own sockets. Belongs to the event loop that first uses it. `ca_file` replaces the system's
    certificate authorities."""

    def __init__(self, *, connect_timeout: float = CONNECT_TIMEOUT, ca_file: str | None = None) -> None:
        self._connect_timeout = connect_timeout
        self._ca_file = ca_file
        self._tls: ssl.SSLContext | None = None
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: set[Connection] = set()

    def send(self, request: HttpRequest) -> "_Sending":
        check_headers(request.headers)
        return _Sending(self, request)

    async def close(self) -> None:
        self._idle.clear()
        for connection in list(self._open):
            connection.abort()
            await connection.closed.wait()

    async def begin(self, request: HttpRequest) -> Exchange:
        """Send on an idle or a new connection and wait for the head."""
        while True:
            connection = self._reusable(request.url.origin)
            reused = connection is not None
            if connection is None:
                connection = await self._connect(request.url)
            exchange = connection.begin(request)
            try:
                await exchange.head()
            except ProviderError:
                if reused and exchange.unanswered:
                    continue
                raise
            return exchange

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose exchange is over."""
        idle = self._idle.setdefault(connection.origin, [])
        if len(idle) >= MAX_IDLE_PER_ORIGIN:
            connection.abort()
        else:
            connection.idle_since = asyncio.get_running_loop().time()
            idle.append(connection)

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._open.discard(connection)
        idle = self._idle.get(connection.origin)
        if idle is not None and connection in idle:
            idle.remove(connection)

    def _reusable(self, origin: Origin) -> Connection | None:
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if not connection.dead and asyncio.get_running_loop().time() - connection.idle_since < IDLE_SECONDS:
                return connection
            connection.abort()
        return None

    async def _connect(self, url: Url) -> Connection:
        loop = asyncio.get_running_loop()
        where = f"{url.host}:{url.port}"
        try:
            async with asyncio.timeout(self._connect_timeout):
                tls = await self._tls_context() if url.scheme == "https" else None
                _, connection = await self._connecting(loop, url, tls)
        except TimeoutError as error:
            raise ProviderError(
                f"No connection to {where} within {self._connect_timeout:g} s.",
                category="timeout",
                hint="Check the network, the proxy and base_url.",
            ) from error
        except ssl.SSLCertVerificationError as error:
            raise ProviderError(
                f"The TLS certificate of {where} was not accepted: {error.verify_message}.",
                category="protocol",
                hint="Set ca_file (or SSL_CERT_FILE) to the authority that signed it, or correct base_url.",
            ) from error
        except OSError as error:
            raise ProviderError(
                f"Could not connect to {where}: {error.strerror or error}.",
                category="network",
                hint="Is the server running and base_url right?",
            ) from error
        self._open.add(connection)
        return connection

    def _connecting(
        self, loop: asyncio.AbstractEventLoop, url: Url, tls: ssl.SSLContext | None
    ) -> Coroutine[Any, Any, tuple[asyncio.Transport, Connection]]:
        def made() -> Connection:
            return Connection(self, url.origin)

        name = url.host if tls is not None else None
        if is_loopback(url.host) or not isinstance(loop, asyncio.BaseEventLoop):
            # uvloop takes no happy_eyeballs_delay, not even None
            return loop.create_connection(made, url.host, url.port, ssl=tls, server_hostname=name)
        return loop.create_connection(
            made, url.host, url.port, ssl=tls, server_hostname=name, happy_eyeballs_delay=ATTEMPT_DELAY
        )

    async def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = await asyncio.to_thread(tls_context, self._ca_file)
        return self._tls


class _Sending:
    """One request as a context: entered with the head, left by release or abort."""

    def __init__(self, transport: DirectTransport, request: HttpRequest) -> None:
        self._transport = transport
        self._request = request
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> Exchange:
        self._exchange = await self._transport.begin(self._request)
        return self._exchange

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._exchange is not None:
            if kind is None:
                self._exchange.release()
            else:
                self._exchange.abort()
