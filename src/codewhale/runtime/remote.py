"""The runtime of another process: the `Client` protocol over the HTTP API of whoever owns the data directory.

Commands and queries to routes and back to records; how they travel is in `line.py`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import quote

from msgspec import UNSET, Raw, Struct
from msgspec.structs import replace

from codewhale.domain.commands import NewThread, StartedTurn, ThreadPatch, TurnInput
from codewhale.domain.errors import NotFound, StoreOwned
from codewhale.domain.events import Event
from codewhale.domain.ports import is_id
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Answer, ApprovalDecision, ClientCall, ClientToolResult, Request, UserInput
from codewhale.domain.text import whole, whole_fields
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.llm.transport.direct import DirectTransport
from codewhale.llm.transport.port import Transport
from codewhale.runtime.line import ATTEMPTS, Line
from codewhale.runtime.owner import Owner
from codewhale.runtime.remote_automations import RemoteAutomations
from codewhale.runtime.remote_introspection import RemoteIntrospection
from codewhale.runtime.remote_policy import RemotePolicy
from codewhale.runtime.remote_sessions import RemoteRewinds, RemoteSessions
from codewhale.runtime.remote_tasks import RemoteTasks


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
async def connect(
    owner: Owner, transport: Transport | None = None, *, attempts: int | None = ATTEMPTS
) -> AsyncGenerator["RemoteClient"]:
    """A client of the server that `owner` runs; `attempts` None tries for ever to reach it.
    `StoreOwned` when that process does not serve."""
    if owner.url is None:
        raise StoreOwned(
            f"the data directory is in use by process {owner.pid} (codewhale {owner.what}), which does not serve others",
            hint="wait until it has ended, start `codewhale serve --http` first and let all runs use it, or set CODEWHALE_HOME",
        )
    transport = transport or DirectTransport()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(transport.close)
        yield RemoteClient(Line(owner.url, owner.token, transport, attempts))


class RemoteClient:
    """`Client` over HTTP, whatever the server's address. Made by `connect`."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._ask = line.ask
        self.sessions = RemoteSessions(self._ask)
        self.tasks = RemoteTasks(self._ask)
        self.introspection = RemoteIntrospection(self._ask)
        self.policy = RemotePolicy(self._ask)
        self.automations = RemoteAutomations(self._ask)
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

    async def compact(self, thread_id: str, reason: str | None = None) -> StartedTurn:
        return await self._ask("POST", _thread(thread_id, "/compact"), StartedTurn, {"reason": reason})

    async def uncompact(self, thread_id: str) -> StartedTurn:
        return await self._ask("POST", _thread(thread_id, "/uncompact"), StartedTurn, {})

    async def steer(self, thread_id: str, turn_id: str, prompt: str) -> Turn:
        return await self._ask("POST", _turn(thread_id, turn_id, "/steer"), Turn, {"prompt": whole(prompt)})

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn:
        return await self._ask("POST", _turn(thread_id, turn_id, "/interrupt"), Turn)

    async def decide(
        self, approval_id: str, decision: ApprovalDecision, *, remember: bool = False, reason: str | None = None
    ) -> None:
        body = {"decision": decision, "remember": remember, "reason": None if reason is None else whole(reason)}
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

    def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[Event], None]:
        """As the protocol says; `StoreError` when the server is gone for good."""
        kept = f"the thread {thread_id} is kept; see `codewhale threads show {thread_id}`"
        return self._line.events(_thread(thread_id, "/events"), after, kept)


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
    asked = whole_fields(filter)
    parts: list[str] = []
    for name in asked.__struct_fields__:
        value: object = getattr(asked, name)
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
