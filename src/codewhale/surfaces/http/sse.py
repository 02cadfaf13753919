"""Streams to readers: at most one batch in hand per reader, a keep-alive comment, an end when the reader leaves.

A reader pulls from the log at its own pace, so a slow one costs nobody anything; one that does not read for the stall time is
dropped and can resume by cursor. Frames are written whole or not at all.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import aclosing
from typing import cast

from codewhale.domain.errors import StoreError
from codewhale.surfaces.http.exchange import ABORT_KEY, SAFETY_HEADERS, Receive, Scope, Send, Stream
from codewhale.surfaces.http.facts import Limits
from codewhale.surfaces.http.present import KEEPALIVE_FRAME

_HEADERS = (
    *((name, value) for name, value in SAFETY_HEADERS if name != b"cache-control"),
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-store"),
    (b"x-accel-buffering", b"no"),
)


class Streams:
    """The streams open now, so that a shutdown can end them all."""

    def __init__(self) -> None:
        self._open: set[asyncio.Task[None]] = set()
        self._ending = False

    def __len__(self) -> int:
        return len(self._open)

    def add(self, pump: asyncio.Task[None]) -> None:
        """Take part in `end`."""
        self._open.add(pump)
        pump.add_done_callback(self._open.discard)
        if self._ending:
            pump.cancel()

    async def end(self, flush: float) -> None:
        """End every stream at a frame's border, after `flush` seconds in which they may still send what was recorded."""
        if self._open and flush > 0:
            await asyncio.wait(set(self._open), timeout=flush)
        self._ending = True
        for pump in self._open:
            pump.cancel()


class _Link:
    """The connection of one reader."""

    def __init__(self, send: Send, limits: Limits) -> None:
        self._send = send
        self._stall = limits.stall
        self.loop = asyncio.get_running_loop()
        self.last_write = self.loop.time()
        self.busy = False
        self.stalled = False

    async def write(self, frames: bytes) -> None:
        """Send whole frames; `TimeoutError` when the reader has not taken what was sent before for the stall time."""
        self.busy = True
        try:
            async with asyncio.timeout(self._stall):
                await self._send({"type": "http.response.body", "body": frames, "more_body": True})
        except TimeoutError:
            self.stalled = True
            raise
        finally:
            self.busy = False
            self.last_write = self.loop.time()


async def run_stream(
    scope: Scope, receive: Receive, send: Send, stream: Stream, streams: Streams, limits: Limits
) -> None:
    """Answer with `stream` until it is finished, the reader leaves or stalls, or the server ends."""
    await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
    link = _Link(send, limits)
    async with asyncio.TaskGroup() as group:
        pump = group.create_task(_pump(link, stream, limits.chunk))
        watch = group.create_task(_watch(link, receive, pump, limits.keepalive))
        pump.add_done_callback(lambda _: watch.cancel())
        streams.add(pump)
    if link.stalled:
        _abort(scope)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _pump(link: _Link, stream: Stream, chunk: int) -> None:
    presenter = stream.presenter
    try:
        async with aclosing(stream.batches) as batches:
            for piece in pieces(presenter.opening(), chunk):
                await link.write(piece)
            async for batch in batches:
                for piece in pieces(presenter.frames(batch), chunk):
                    await link.write(piece)
                if presenter.finished:
                    return
    except TimeoutError:
        if not link.stalled:
            raise
    except StoreError as error:
        for piece in pieces(presenter.failed(error.message), chunk):
            await link.write(piece)


async def _watch(link: _Link, receive: Receive, pump: "asyncio.Task[None]", keepalive: float) -> None:
    beat = link.loop.time() + keepalive
    while not link.stalled:
        try:
            async with asyncio.timeout_at(beat):
                while (await receive())["type"] != "http.disconnect":
                    pass
            pump.cancel()
            return
        except TimeoutError:
            beat = await _beat(link, keepalive)
    pump.cancel()


async def _beat(link: _Link, keepalive: float) -> float:
    """Send the comment when nothing else was sent for `keepalive` seconds; when to look again."""
    due = link.last_write + keepalive
    if link.busy:
        return link.loop.time() + keepalive
    if due > link.loop.time():
        return due
    try:
        await link.write(KEEPALIVE_FRAME)
    except TimeoutError:
        return 0.0
    return link.last_write + keepalive


def pieces(frames: list[bytes], size: int) -> Iterator[bytes]:
    """The frames joined to writes of about `size` bytes, never cutting one."""
    start, total = 0, 0
    for index, frame in enumerate(frames):
        total += len(frame)
        if total >= size:
            yield b"".join(frames[start : index + 1])
            start, total = index + 1, 0
    if start < len(frames):
        yield b"".join(frames[start:])


def _abort(scope: Scope) -> None:
    abort = cast("Callable[[], None] | None", scope.get(ABORT_KEY))
    if abort is not None:
        abort()
