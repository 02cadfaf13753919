"""The runtime of another process: the `Client` protocol over the HTTP API of whoever owns the data directory.

Invariant: an event is given out once and in order, whatever happens to the connection: a lost stream is resumed after the
last `seq` that arrived. Answers of the server become the errors that the runtime itself would have raised.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import TypeVar
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from codewhale.domain.commands import NewThread, StartedTurn, ThreadPatch, TurnInput
from codewhale.domain.errors import (
    CodewhaleError,
    ConfigError,
    Conflict,
    InvalidInput,
    NotAvailable,
    NotFound,
    ProviderError,
    StoreError,
    StoreOwned,
    StoreUnwritable,
)
from codewhale.domain.events import Event
from codewhale.domain.ports import is_id
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Answer, ApprovalDecision, ClientCall, ClientToolResult, Request, UserInput
from codewhale.domain.text import whole, whole_fields
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.llm.sse import SseFrames, data_of
from codewhale.llm.transport.direct import DirectTransport
from codewhale.llm.transport.port import HttpRequest, HttpResponse, Transport
from codewhale.llm.transport.url import parse_url
from codewhale.runtime.owner import Owner
from codewhale.runtime.remote_sessions import RemoteRewinds, RemoteSessions
from codewhale.runtime.remote_tasks import RemoteTasks

T = TypeVar("T")

MAX_ANSWER = 512 * 1024 * 1024
SILENCE = 60.0
"""Seconds without a byte (the server says something every 15) after which a stream counts as lost."""
ATTEMPTS = 3
"""How often in a row a stream may fail without a new event before that is an error."""

_event = msgspec.json.Decoder(Event)


class _Problem(Struct, frozen=True):
    message: str = ""


class _ErrorBody(Struct, frozen=True):
    error: _Problem = _Problem()


class _PendingApproval(Struct, frozen=True):
    id: str
    turn_id: str
    tool_name: str
    description: str
    item_id: str = ""
    expires_at: str | None = None


class _PendingInput(Struct, frozen=True):
    id: str
    turn_id: str
    request: UserInput
    item_id: str = ""


class _PendingCall(Struct, frozen=True):
    turn_id: str
    call_id: str
    tool: str
    arguments: object
    namespace: str | None = None
    item_id: str = ""
    expires_at: str | None = None


class _Detail(Struct, frozen=True):
    thread: Thread
    turns: tuple[Turn, ...]
    items: tuple[Item, ...]
    latest_seq: int
    pending_approvals: tuple[_PendingApproval, ...] = ()
    pending_user_inputs: tuple[_PendingInput, ...] = ()
    pending_dynamic_tool_calls: tuple[_PendingCall, ...] = ()


@asynccontextmanager
async def connect(owner: Owner, transport: Transport | None = None) -> AsyncGenerator["RemoteClient"]:
    """A client of the server that `owner` runs. `StoreOwned` when that process does not serve."""
    if owner.url is None:
        raise StoreOwned(
            f"the data directory is in use by process {owner.pid} (codewhale {owner.what}), which does not serve others",
            hint="wait until it has ended, start `codewhale serve --http` first and let all runs use it, or set CODEWHALE_HOME",
        )
    line = transport or DirectTransport()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(line.close)
        yield RemoteClient(owner.url, owner.token, line)


class RemoteClient:
    """`Client` over HTTP. `url` is the server's address; `token` None means that it wants none."""

    def __init__(self, url: str, token: str | None, transport: Transport) -> None:
        self._url = parse_url(url)
        self._transport = transport
        self._headers = (("authorization", f"Bearer {token}"),) if token else ()
        self.sessions = RemoteSessions(self._ask)
        self.tasks = RemoteTasks(self._ask)
        self.rewinds = RemoteRewinds(self._ask)

    async def create_thread(self, new: NewThread) -> Thread:
        return await self._ask("POST", "/v1/threads", Thread, _given(new))

    async def update_thread(self, thread_id: str, patch: ThreadPatch) -> Thread:
        return await self._ask("PATCH", _thread(thread_id), Thread, _given(patch))

    async def resume_thread(self, thread_id: str) -> Thread:
        return await self._ask("POST", _thread(thread_id, "/resume"), Thread)

    async def fork_thread(self, thread_id: str) -> Thread:
        return await self._ask("POST", _thread(thread_id, "/fork"), Thread)

    async def start_turn(self, thread_id: str, given: TurnInput) -> StartedTurn:
        return await self._ask("POST", _thread(thread_id, "/turns"), StartedTurn, _given(given))

    async def steer(self, thread_id: str, turn_id: str, prompt: str) -> Turn:
        return await self._ask("POST", _turn(thread_id, turn_id, "/steer"), Turn, {"prompt": whole(prompt)})

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn:
        return await self._ask("POST", _turn(thread_id, turn_id, "/interrupt"), Turn)

    async def decide(self, approval_id: str, decision: ApprovalDecision, *, remember: bool = False) -> None:
        body = {"decision": decision, "remember": remember}
        await self._ask("POST", f"/v1/approvals/{quote(approval_id, safe='')}", Raw, body)

    async def answer(self, thread_id: str, input_id: str, answers: Sequence[Answer]) -> None:
        where = f"/v1/user-input/{_known_shape(thread_id)}/{quote(input_id, safe='')}"
        await self._ask("POST", where, Raw, {"answers": [whole_fields(one) for one in answers]})

    async def resolve_call(self, thread_id: str, turn_id: str, call_id: str, result: ClientToolResult) -> None:
        where = _turn(thread_id, turn_id, f"/tool-calls/{quote(call_id, safe='')}/result")
        parts = tuple(whole_fields(part) for part in result.content)
        await self._ask("POST", where, Raw, replace(result, content=parts))

    async def thread(self, thread_id: str) -> Thread:
        return await self.resume_thread(thread_id)

    async def threads(self, filter: ThreadFilter) -> list[Thread]:
        return await self._ask("GET", "/v1/threads" + _query(filter), list[Thread])

    async def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]:
        return await self._ask("GET", "/v1/threads/summary" + _query(filter), list[ThreadSummary])

    async def snapshot(self, thread_id: str) -> ThreadSnapshot:
        return _snapshot(await self._ask("GET", _thread(thread_id), _Detail))

    async def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[Event], None]:
        """As the protocol says; `StoreError` when the server is gone for good."""
        where = _thread(thread_id, "/events")
        failures = 0
        while True:
            try:
                async with aclosing(self._connection(where, after)) as batches:
                    async for batch in batches:
                        failures = 0
                        after = batch[-1].seq
                        yield batch
                problem = "it closed the stream"
            except ProviderError as error:
                problem = error.message
            except TimeoutError:
                problem = f"nothing was heard from it for {SILENCE:g} s"
            failures += 1
            if failures >= ATTEMPTS:
                raise StoreError(
                    f"lost the server at {self._url.authority}: {problem}",
                    hint=f"the thread {thread_id} is kept; see `codewhale threads show {thread_id}`",
                )

    async def _connection(self, where: str, after: int) -> AsyncGenerator[list[Event], None]:
        """The events of one connection; ends or raises when it does."""
        request = self._request("GET", f"{where}?since_seq={after}", b"", accept="text/event-stream")
        async with self._transport.send(request) as response:
            if response.status != 200:
                raise _refusal(response.status, await _body(response))
            frames = SseFrames()
            while True:
                async with asyncio.timeout(SILENCE):
                    piece = await response.read()
                if not piece:
                    return
                batch = [
                    event for event in map(_decoded, frames.feed(piece)) if event is not None and event.seq > after
                ]
                if batch:
                    after = batch[-1].seq
                    yield batch

    async def _ask(self, method: str, target: str, answer: type[T], body: object = None) -> T:
        content = b"" if body is None else msgspec.json.encode(body)
        request = self._request(method, target, content, accept="application/json")
        try:
            async with self._transport.send(request) as response:
                status, said = response.status, await _body(response)
        except ProviderError as error:
            raise StoreError(
                f"the codewhale server at {self._url.authority} cannot be reached: {error.message}",
                hint="is it still running? `codewhale doctor` tells who owns the data directory",
            ) from error
        if not 200 <= status < 300:
            raise _refusal(status, said)
        try:
            return msgspec.json.decode(said or b"null", type=answer)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"the server at {self._url.authority} gave an answer that this codewhale does not understand: {error}",
                hint="client and server may be of different versions; restart the server",
            ) from error

    def _request(self, method: str, target: str, body: bytes, *, accept: str) -> HttpRequest:
        headers = (*self._headers, ("accept", accept))
        if body:
            headers = (*headers, ("content-type", "application/json"))
        return HttpRequest(method=method, url=self._url.with_target(target), headers=headers, body=body)


async def _body(response: HttpResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await response.read():
        size += len(piece)
        if size > MAX_ANSWER:
            raise StoreError(f"the server's answer is larger than {MAX_ANSWER} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _decoded(block: bytes) -> Event | None:
    content = data_of(block)
    try:
        return None if content is None else _event.decode(content)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"the server sent an event that this codewhale does not understand: {error}",
            hint="client and server may be of different versions; restart the server",
        ) from error


_BY_STATUS: dict[int, type[CodewhaleError]] = {
    400: InvalidInput,
    404: NotFound,
    409: Conflict,
    501: NotAvailable,
    413: InvalidInput,
    422: InvalidInput,
    503: StoreUnwritable,
}


def _refusal(status: int, body: bytes) -> CodewhaleError:
    """The error that the server answered with, as the tree has it."""
    try:
        message = msgspec.json.decode(body, type=_ErrorBody).error.message
    except msgspec.MsgspecError:
        message = body[:200].decode("utf-8", "replace").strip()
    message = message or f"the server answered HTTP {status}"
    if status in (401, 403):
        return ConfigError(message, hint="the server's token has changed; run the command again")
    return _BY_STATUS.get(status, StoreError)(message)


def _known_shape(thread_id: str) -> str:
    if not is_id(thread_id):
        raise NotFound(f"Thread not found: {thread_id[:80]!r}")
    return thread_id


def _thread(thread_id: str, rest: str = "") -> str:
    return f"/v1/threads/{_known_shape(thread_id)}{rest}"


def _turn(thread_id: str, turn_id: str, rest: str) -> str:
    if not is_id(turn_id):
        raise NotFound(f"Turn not found: {turn_id[:80]!r}")
    return _thread(thread_id, f"/turns/{turn_id}{rest}")


def _given(command: Struct) -> dict[str, object]:
    """What the command says; left out is what it does not."""
    command = whole_fields(command)
    pairs = ((name, getattr(command, name)) for name in command.__struct_fields__)
    return {name: value for name, value in pairs if value is not None and value is not UNSET}


def _query(filter: ThreadFilter) -> str:
    filter = whole_fields(filter)
    parts: list[str] = []
    for name in filter.__struct_fields__:
        value: object = getattr(filter, name)
        if value is None or value is False:
            continue
        parts.append(f"{name}={quote('true' if value is True else str(value), safe='')}")
    return "?" + "&".join(parts) if parts else ""


def _snapshot(detail: _Detail) -> ThreadSnapshot:
    approvals = (
        Request(
            id=r.id,
            kind="approval",
            thread_id=detail.thread.id,
            turn_id=r.turn_id,
            item_id=r.item_id,
            tool_name=r.tool_name,
            description=r.description,
            created_at="",
            expires_at=r.expires_at,
        )
        for r in detail.pending_approvals
    )
    questions = (
        Request(
            id=r.id,
            kind="question",
            thread_id=detail.thread.id,
            turn_id=r.turn_id,
            item_id=r.item_id,
            tool_name="request_user_input",
            description=r.request.questions[0].question if r.request.questions else "",
            created_at="",
            user_input=r.request,
        )
        for r in detail.pending_user_inputs
    )
    calls = (
        Request(
            id=r.call_id,
            kind="client_tool",
            thread_id=detail.thread.id,
            turn_id=r.turn_id,
            item_id=r.item_id,
            tool_name=r.tool,
            description=f"{r.tool} is run by the client",
            created_at="",
            expires_at=r.expires_at,
            client_call=ClientCall(tool=r.tool, arguments=r.arguments, namespace=r.namespace),
        )
        for r in detail.pending_dynamic_tool_calls
    )
    return ThreadSnapshot(
        thread=detail.thread,
        turns=detail.turns,
        items=detail.items,
        requests=(*approvals, *questions, *calls),
        latest_seq=detail.latest_seq,
    )
