"""Two ways to call an HTTP surface with the same words: in process over ASGI, and over a real socket.

A test written against `Caller` runs on both. Streams are read frame by frame; closing one is the reader going away.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec
from msgspec import Struct

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
HeaderList = tuple[tuple[str, str], ...]


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


class Frame(Struct, frozen=True, kw_only=True):
    """One server-sent event, or a comment (`event` empty, `data` the comment's text)."""

    event: str
    data: str
    id: str | None = None

    def json(self) -> Any:
        """The data, decoded."""
        return msgspec.json.decode(self.data)


class Request(Struct, frozen=True, kw_only=True):
    """A request as it goes out; `headers` come after Host and before those of the body."""

    method: str
    path: str
    headers: HeaderList = ()
    body: bytes = b""


class OpenStream:
    """An answer that goes on: status and headers, then frames."""

    def __init__(self, status: int, headers: dict[str, str], chunks: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = headers
        self._chunks = chunks
        self._buffer = b""

    async def frame(self) -> Frame | None:
        """The next frame; None when the stream has ended."""
        while (end := self._buffer.find(b"\n\n")) < 0:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                assert not self._buffer, "the stream ended inside a frame"
                return None
            self._buffer += chunk
        raw, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return _frame(raw.decode())

    async def frames(self, count: int) -> list[Frame]:
        """The next `count` frames without comments; fewer when the stream ends before."""
        found: list[Frame] = []
        while len(found) < count and (frame := await self.frame()) is not None:
            if frame.event:
                found.append(frame)
        return found

    async def until(self, event: str) -> list[Frame]:
        """All frames up to the first of this event, that one included."""
        found: list[Frame] = []
        while (frame := await self.frame()) is not None:
            if frame.event:
                found.append(frame)
            if frame.event == event:
                break
        return found


class Caller(Protocol):
    """Calls one HTTP surface."""

    host: str
    """What the Host header says unless a test says otherwise."""

    async def send(self, request: Request) -> Answer:
        """Send as given (with no header added but Host where there is none, and Content-Length for a body)."""
        ...

    def open(self, request: Request) -> AbstractAsyncContextManager[OpenStream]:
        """Send and read on; leaving the context drops the connection."""
        ...


def with_defaults(request: Request, host: str) -> HeaderList:
    """The headers that go out."""
    names = {name.lower() for name, _ in request.headers}
    before = () if "host" in names else (("Host", host),)
    sized = names & {"content-length", "transfer-encoding"}
    after = (("Content-Length", str(len(request.body))),) if request.body and not sized else ()
    return (*before, *request.headers, *after)


class AsgiCaller:
    """Calls an ASGI application in this process. `window` bounds the messages that a stream's reader has not taken."""

    def __init__(self, app: AsgiApp, host: str, *, peer: str = "127.0.0.1", window: int = 64) -> None:
        self._app = app
        self.host = host
        self._peer = peer
        self._window = window

    async def send(self, request: Request) -> Answer:
        sent: list[Message] = []

        async def take(message: Message) -> None:
            sent.append(message)

        await self._app(self._scope(request), _receiver(request.body, asyncio.Event()), take)
        body = b"".join(m.get("body", b"") for m in sent[1:])
        return Answer(status=sent[0]["status"], headers=_decoded(sent[0]["headers"]), body=body)

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[OpenStream]:
        gone = asyncio.Event()
        queue: asyncio.Queue[Message] = asyncio.Queue(self._window)

        async def put(message: Message) -> None:
            if not gone.is_set():
                await queue.put(message)

        async with asyncio.TaskGroup() as group:
            scope = self._scope(request)
            answering = group.create_task(_run(self._app, scope, _receiver(request.body, gone), put))
            start = await queue.get()
            try:
                yield OpenStream(start["status"], _decoded(start["headers"]), _chunks(queue))
            finally:
                gone.set()
                while not queue.empty():
                    queue.get_nowait()
            await answering

    def _scope(self, request: Request) -> Message:
        path, _, query = request.path.partition("?")
        host, _, port = self.host.rpartition(":")
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in with_defaults(request, self.host)],
            "client": (self._peer, 50000),
            "server": (host.strip("[]"), int(port)),
        }


class SocketCaller:
    """Calls a server at an address, one connection per request."""

    def __init__(self, address: str, port: int) -> None:
        self._address = address
        self._port = port
        self.host = f"{address}:{port}"

    async def send(self, request: Request) -> Answer:
        async with self._connected(request) as (reader, status, headers):
            return Answer(status=status, headers=headers, body=b"".join([c async for c in _body(reader, headers)]))

    @asynccontextmanager
    async def open(self, request: Request) -> AsyncGenerator[OpenStream]:
        async with self._connected(request) as (reader, status, headers):
            yield OpenStream(status, headers, _body(reader, headers))

    @asynccontextmanager
    async def _connected(self, request: Request) -> AsyncGenerator[tuple[asyncio.StreamReader, int, dict[str, str]]]:
        reader, writer = await asyncio.open_connection(self._address, self._port)
        try:
            lines = [f"{request.method} {request.path} HTTP/1.1"]
            lines += [f"{name}: {value}" for name, value in with_defaults(request, self.host)]
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + request.body)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(": ") for line in head[1:] if line)
            yield reader, int(head[0].split(" ")[1]), {name.lower(): value for name, _, value in pairs}
        finally:
            writer.transport.abort()


async def _run(app: AsgiApp, scope: Message, receive: Any, put: Any) -> None:
    await app(scope, receive, put)


def _receiver(body: bytes, gone: asyncio.Event) -> Callable[[], Awaitable[Message]]:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    return receive


async def _chunks(queue: "asyncio.Queue[Message]") -> AsyncGenerator[bytes]:
    more = True
    while more:
        message = await queue.get()
        more = bool(message.get("more_body", False))
        yield bytes(message.get("body", b""))


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> AsyncGenerator[bytes]:
    if headers.get("transfer-encoding") != "chunked":
        yield await reader.readexactly(int(headers.get("content-length", "0")))
        return
    while size := int(await reader.readuntil(b"\n"), 16):  # a lost connection is an `IncompleteReadError` here too
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()


def _decoded(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode().lower(): value.decode("latin-1") for name, value in headers}


def _frame(raw: str) -> Frame:
    fields: dict[str, str] = {}
    for line in raw.split("\n"):
        name, _, value = line.partition(":")
        fields[name] = value.removeprefix(" ")
    if "" in fields:
        return Frame(event="", data=fields[""])
    return Frame(event=fields["event"], data=fields["data"], id=fields.get("id"))
