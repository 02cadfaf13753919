"""The HTTP server in our own event loop: listens, announces itself, and stops within a bound with streams open.

The order of a stop: no new connections; `drain` (the runtime ends its turns and records that); open streams send what was
recorded and end at a frame's border; requests under way get a moment; the rest is cancelled.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack, closing
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace
from uvicorn.config import Config
from uvicorn.server import ServerState

from codewhale.domain.errors import StoreError
from codewhale.runtime.client import Client
from codewhale.runtime.idempotency import Idempotency
from codewhale.surfaces.http.app import HttpApp
from codewhale.surfaces.http.bind import listen
from codewhale.surfaces.http.exchange import App
from codewhale.surfaces.http.facts import Limits, ServerFacts
from codewhale.surfaces.http.origins import bracketed
from codewhale.surfaces.http.protocol import BoundedProtocol, bounded

T = TypeVar("T")

DRAIN_TIMEOUT = 2.5
FLUSH = 0.25
REQUEST_GRACE = 1.0
SEND_BUFFER = 256 * 1024
"""Asked of the kernel for each connection. Left to itself it takes in 4 MB for a reader that never reads."""


class ServeOptions(Struct, frozen=True, kw_only=True):
    """What `serve` is asked to do. `token` is the resolved one (`tokens.resolve_token`); None is authentication off.

    `latest_seq` is the head of the log; `drain` brings the runtime to rest and is awaited at most `DRAIN_TIMEOUT` seconds.
    `sock` is an already listening socket (tests, socket activation); it goes before `host` and `port` and is closed in the end.
    `stop` is for a caller who decides when to stop: with it, signals are left alone.
    """

    version: str
    workspace: str
    latest_seq: Callable[[], int]
    token: str | None
    host: str = "127.0.0.1"
    port: int = 7878
    cors_origins: tuple[str, ...] = ()
    public_hosts: tuple[str, ...] = ()
    limits: Limits = Limits()
    idempotency: Idempotency | None = None
    drain: Callable[[], Awaitable[None]] | None = None
    sock: socket.socket | None = None
    stop: asyncio.Event | None = None


class Ready(Struct, frozen=True, kw_only=True):
    """The server listens: what a local client must know to use it (write it to a 0600 file, nowhere else). `url` is good on
    this machine also when all addresses are bound."""

    url: str
    host: str
    port: int
    token: str | None


async def serve(client: Client, options: ServeOptions, on_ready: Callable[[Ready], None]) -> None:
    """Serve until `options.stop` is set; without one, until SIGTERM or SIGINT. `ConfigError` when it cannot listen; nothing
    was announced then. Cancelled, it drops every connection at once."""
    sock = options.sock if options.sock is not None else listen(options.host, options.port, options.token)
    host, port = sock.getsockname()[:2]
    facts = ServerFacts(
        version=options.version,
        workspace=options.workspace,
        bind_host=host,
        port=port,
        token=options.token,
        latest_seq=options.latest_seq,
        cors_origins=options.cors_origins,
        public_hosts=options.public_hosts,
        limits=replace(options.limits, connections=min(options.limits.connections, _descriptor_room())),
        idempotency=options.idempotency,
    )
    app = HttpApp(client, facts)
    ready = Ready(url=f"http://{_local(host)}:{port}", host=host, port=port, token=options.token)
    with closing(sock), ExitStack() as stack:
        stop = options.stop
        if stop is None:
            stop = asyncio.Event()
            stack.enter_context(_Signals(stop))
        listener = await _Listener.open(app, facts.limits, sock)
        stack.callback(listener.drop)
        on_ready(ready)
        await stop.wait()
        await listener.close(app, options.drain)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run the server's main coroutine on the fastest event loop there is."""
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(main)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    import uvloop  # noqa: PLC0415 - only where it exists

    return uvloop.new_event_loop


def _local(host: str) -> str:
    """The name under which a program on this machine reaches `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, bracketed(host))  # noqa: S104 - compared with, never bound


class _Listener:
    """Connections of one listening socket."""

    def __init__(self, server: asyncio.Server, state: ServerState, protocol: type[BoundedProtocol]) -> None:
        self._server = server
        self._state = state
        self._protocol = protocol

    @classmethod
    async def open(cls, app: App, limits: Limits, sock: socket.socket) -> "_Listener":
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        protocol = bounded(limits)
        config = Config(
            app=app,
            http=protocol,
            ws="none",
            lifespan="off",
            loop="none",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # what is accepted inherits it
        server = await loop.create_server(lambda: protocol(config, state, {}, loop), sock=sock)
        return cls(server, state, protocol)

    async def close(self, app: HttpApp, drain: Callable[[], Awaitable[None]] | None) -> None:
        """End everything; bounded by the drain, flush and grace times."""
        self._server.close()
        if drain is not None:
            try:
                async with asyncio.timeout(DRAIN_TIMEOUT):
                    await drain()
            except TimeoutError:
                app.report(
                    f"The runtime did not come to rest within {DRAIN_TIMEOUT:g} s; open turns end at the next start\n"
                )
            except StoreError as error:
                app.report(f"{error.message} Open turns end at the next start.\n")
        await app.streams.end(FLUSH)
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=REQUEST_GRACE)
        late = set(self._state.tasks)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=REQUEST_GRACE)

    def drop(self) -> None:
        """Close the listening socket and every connection that is left or still being accepted, at once."""
        self._server.close()
        self._protocol.ended = True
        for connection in list(self._state.connections):
            connection.transport.abort()


class _Signals:
    """Turns SIGTERM and SIGINT into `stop` while it is entered."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._installed: list[signal.Signals] = []

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            try:
                loop.add_signal_handler(number, self._stop.set)
            except (NotImplementedError, RuntimeError, ValueError):
                return  # not the main thread, or no such signals here: the caller has `stop`
            self._installed.append(number)

    def __exit__(self, *exc: object) -> None:
        loop = asyncio.get_running_loop()
        for number in self._installed:
            loop.remove_signal_handler(number)


def _descriptor_room() -> int:
    """How many connections the limit on open files leaves room for."""
    if sys.platform == "win32":
        return 500
    import resource  # noqa: PLC0415 - not on every platform

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1 << 20 if soft == resource.RLIM_INFINITY else max(64, soft - 128)
