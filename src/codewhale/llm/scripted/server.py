"""The scripted model behind HTTP: `async with ScriptedModel(script) as server: server.url, server.requests`.

Routes: POST …/chat/completions, …/messages and …/responses, GET …/models; for tests GET /_requests, GET /_held/NAME,
POST /_release/NAME, POST /_reset.
One task group owns every connection; leaving the block ends them all.
"""

import asyncio
import time
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import msgspec

from codewhale.domain.errors import CodewhaleError, ConfigError, InvalidInput, NotFound
from codewhale.llm.scripted.asked import Asked
from codewhale.llm.scripted.choose import choose
from codewhale.llm.scripted.connection import MAX_BODY, Connection, HttpAsked
from codewhale.llm.scripted.doors import CHAT, Door, door_of
from codewhale.llm.scripted.faults import fault_of
from codewhale.llm.scripted.gates import Attempts, Gates
from codewhale.llm.scripted.plan import plan
from codewhale.llm.scripted.play import Broken, Player
from codewhale.llm.scripted.received import Ledger, Received
from codewhale.llm.scripted.refuse import JSON, headers_of, refusal
from codewhale.llm.scripted.script import Script
from codewhale.llm.scripted.strict import complaint
from codewhale.llm.scripted.wire import error_body, replacement

_ROUTES = (
    "POST /v1/chat/completions, POST /v1/messages, POST /v1/responses, GET /v1/models, GET /_requests, POST /_reset, "
    "POST /_release/NAME, GET /_held/NAME"
)


class ScriptedModel:
    """A model server that answers from a script, listening while the block is open. `port` 0 takes a free one."""

    def __init__(self, script: Script, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.script = script
        self._host = host
        self._port = port
        self._ledger = Ledger()
        self._attempts = Attempts()
        self._gates = Gates(script.hold_names)
        self._group = asyncio.TaskGroup()
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()

    @property
    def url(self) -> str:
        """What a client's `base_url` is, once the server listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/v1"

    @property
    def requests(self) -> list[Received]:
        """What came so far, oldest first, without the requests to this server's own routes (`/_…`)."""
        return self._ledger.all

    async def received(self, count: int) -> None:
        """Wait until `count` requests have come since the last reset. Bound it with `asyncio.timeout`."""
        while self._ledger.count < count:
            await self._news.wait()

    async def held(self, name: str) -> None:
        """Wait until an answer stands at the hold `name`."""
        await self._gates.reached(name)

    async def stalled(self, count: int = 1) -> None:
        """Wait until `count` answers have come to a stop at a `stall` since the last reset."""
        await self._gates.stalled(count)

    def release(self, name: str) -> None:
        """Let the answers at the hold `name` go on; it stays open until a reset."""
        self._gates.release(name)

    def reset(self) -> None:
        """Forget the requests and attempts, and close the holds again."""
        self._ledger.reset()
        self._attempts.reset()
        self._gates.reset()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self._answer, self._spawn), self._host, self._port
            )
        except OSError as error:
            raise ConfigError(
                f"Cannot listen on {self._host} port {self._port}: {error.strerror or error}",
                hint="Another program has the port: choose another one with --port, or 0 for any free one.",
            ) from error
        self._port = self._server.sockets[0].getsockname()[1]
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._connections.values():
            connection.stop()
        await self._group.__aexit__(kind, error, trace)

    def _spawn(self, connection: Connection, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._group.create_task(work)
        self._connections[task] = connection
        task.add_done_callback(self._connections.pop)
        return task

    async def _answer(self, asked: HttpAsked, out: Connection) -> None:
        if asked.path.startswith("/_"):
            await self._own_route(asked, out)
            return
        received = self._ledger.add(asked)
        self._news.set()
        self._news = asyncio.Event()
        try:
            await self._route(asked, out, received)
            received.outcome = "complete"
        except Broken:
            received.outcome = "broken"
        except asyncio.CancelledError:
            received.outcome = "client_gone"
            raise
        except CodewhaleError as error:
            received.status = 404 if isinstance(error, NotFound) else 400
            received.outcome = "complete"
            said = f"{error.message} {error.hint}" if error.hint else error.message
            body = (door_of(asked.path) or CHAT).error(said, error.code, "invalid_request_error")
            await out.respond(received.status, JSON, body, keep=asked.keep_alive)

    async def _route(self, asked: HttpAsked, out: Connection, received: Received) -> None:
        door = door_of(asked.path)
        if asked.too_large:
            received.status = 413
            said = error_body(f"The body is larger than {MAX_BODY} bytes.", "too_large")
            await out.respond(413, JSON, said, keep=False)
        elif door is not None and asked.method == "POST":
            await self._complete(asked, out, received, door)
        elif asked.path.endswith("/models") and asked.method == "GET":
            received.status = 200
            await out.respond(200, JSON, self._models(), keep=asked.keep_alive)
        else:
            raise NotFound(f"No route {asked.method} {asked.path}.", hint=f"There are: {_ROUTES}.")

    async def _complete(self, http: HttpAsked, out: Connection, received: Received, door: Door) -> None:
        asked = self._checked(http.body, door)
        chosen = choose(self.script, asked)
        planned = plan(self.script, chosen, asked)
        received.reply = chosen.place
        received.attempt = self._attempts.next(asked.key)
        fault = fault_of(planned.reply.faults, received.attempt)
        player = Player(out, planned, fault, self._gates)
        await player.begin()
        keep = http.keep_alive and (fault is None or fault.keep_alive)
        refused = refusal(fault, door.error)
        if refused is not None:
            received.status, headers, body = refused
            await out.respond(received.status, headers, body, keep=keep)
            return
        received.status = 200 if fault is None else fault.status or 200
        replaced = replacement(fault)
        if replaced is not None:
            headers = headers_of(fault, replaced[0].decode())
            await out.respond(received.status, headers, replaced[1], keep=keep)
            return
        ident = f"{door.prefix}{received.number}"
        kind = "text/event-stream; charset=utf-8" if asked.stream else "application/json"
        out.head(received.status, headers_of(fault, kind), keep=keep)
        now = int(time.time())
        if asked.stream:
            parts = door.stream(planned, asked, ident, now, fault)
        else:
            parts = door.document(planned, asked, ident, now)
        await player.run(parts)

    def _checked(self, body: bytes, door: Door) -> Asked:
        asked = door.read(body)
        wrong = (complaint(asked) or door.complaint(body)) if self.script.strict else None
        if wrong is not None:
            raise InvalidInput(f"The conversation is not well-formed: {wrong}.", code="not_well_formed")
        return asked

    def _models(self) -> bytes:
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "scripted"} for name in self.script.models]
        return msgspec.json.encode({"object": "list", "data": models})

    async def _own_route(self, asked: HttpAsked, out: Connection) -> None:
        try:
            status, body = 200, await self._own(asked)
        except NotFound as error:
            status, body = 404, error_body(error.message, error.code)
        await out.respond(status, JSON, body, keep=asked.keep_alive)

    async def _own(self, asked: HttpAsked) -> bytes:
        route = f"{asked.method} {asked.path}"
        if route == "GET /_requests":
            return msgspec.json.encode(self.requests)
        if route == "POST /_reset":
            self.reset()
        elif route.startswith("POST /_release/"):
            self.release(route.removeprefix("POST /_release/"))
        elif route.startswith("GET /_held/"):
            await self.held(route.removeprefix("GET /_held/"))
        else:
            raise NotFound(f"No route {route}. There are: {_ROUTES}.")
        return b"{}"
