"""The only way out of a sandbox that was granted the network: an HTTP proxy on a unix socket, owned by the runtime.

It takes CONNECT and plain HTTP by absolute URI, judges host and address as every other way out does, and connects itself: no
name is ever resolved inside. One request per connection, bounded buffers; all of it ends with `open_proxy`.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import h11

from codewhale.workspace.web.dial import Asked, Dialer
from codewhale.workspace.web.relay import relay

MAX_CONNECTIONS = 64
BACKLOG = 64


class Proxy:
    """A proxy that is listening."""

    def __init__(self, dialer: Dialer, socket_path: str, group: asyncio.TaskGroup) -> None:
        self.socket_path = socket_path
        self._dialer = dialer
        self._group = group
        self._open: set[asyncio.Task[None]] = set()
        self._over = False

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A client has connected."""
        if self._over or len(self._open) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        task = self._group.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # a task that is cancelled at once never runs

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await relay(self._dialer, Asked(by="sandbox"), reader, writer)
        except* (OSError, TimeoutError, h11.ProtocolError):
            pass  # one of the two ends went away, fell silent or spoke nonsense: the other is closed too

    def hang_up(self) -> None:
        """Drop every connection, and take no more."""
        self._over = True
        for task in self._open:
            task.cancel()


@asynccontextmanager
async def open_proxy(dialer: Dialer) -> AsyncGenerator[Proxy, None]:
    """A proxy for one sandbox, on a socket that only this user can reach; leaving hangs up and removes it."""
    folder = tempfile.mkdtemp(prefix="codewhale-net-")
    path = os.path.join(folder, "proxy.sock")
    try:
        listening = _bound(path)
        async with asyncio.TaskGroup() as group:
            proxy = Proxy(dialer, path, group)
            server = await asyncio.start_unix_server(proxy.accept, sock=listening, limit=64 * 1024)
            try:
                yield proxy
            finally:
                server.close()
                proxy.hang_up()
    except BaseExceptionGroup as failures:
        if len(failures.exceptions) == 1:  # the owner's own failure, as it was raised
            raise failures.exceptions[0] from None
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _bound(path: str) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(path)
        os.chmod(path, 0o600)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening
