"""A client over a list of events, and the HTTP surface on top of it, in process."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from codewhale.domain import events as e
from codewhale.domain.commands import NewThread, StartedTurn, ThreadPatch, TurnInput
from codewhale.domain.errors import CodewhaleError, NotFound
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Answer, ApprovalDecision, ClientToolResult
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.surfaces.http.app import HttpApp
from codewhale.surfaces.http.facts import Limits, ServerFacts
from codewhale.surfaces.http.server import Ready, ServeOptions, serve
from codewhale.testing.http_calls import Answer as HttpAnswer
from codewhale.testing.http_calls import AsgiCaller, Request

NOW = "2026-01-01T00:00:00.000Z"
TOKEN = "dst_" + "ab" * 32

THREAD = Thread(
    schema_version=2,
    id="thr_aaaa1111aaaa1111",
    created_at=NOW,
    updated_at=NOW,
    model="m",
    workspace="/w",
    mode="agent",
    allow_shell=False,
    trust_mode=False,
    auto_approve=False,
    archived=False,
    coherence_state="healthy",
)
TURN = Turn(
    schema_version=2,
    id="turn_bbbb2222bbbb2222",
    thread_id=THREAD.id,
    status="in_progress",
    input_summary="list files",
    created_at=NOW,
    item_ids=(),
    steer_count=0,
)


class ListClient:
    """One thread whose log is a list. `fail` is raised by every call when set; `readers` counts open subscriptions."""

    def __init__(self) -> None:
        self.log: list[e.Event] = []
        self.fail: Exception | None = None
        self.readers = 0
        self.opened = asyncio.Event()
        self._grown = asyncio.Event()

    def append(self, payload: e.Payload, *, item_id: str | None = None, turn_id: str | None = TURN.id) -> None:
        new = e.NewEvent(timestamp=NOW, thread_id=THREAD.id, turn_id=turn_id, item_id=item_id, payload=payload)
        self.log.append(e.recorded(len(self.log) + 1, new))
        self._grown.set()

    def _check(self, thread_id: str) -> None:
        if self.fail is not None:
            raise self.fail
        if thread_id != THREAD.id:
            raise NotFound(f"Thread not found: {thread_id}")

    async def create_thread(self, new: NewThread) -> Thread:
        self._check(THREAD.id)
        return THREAD

    async def update_thread(self, thread_id: str, patch: ThreadPatch) -> Thread:
        return await self.thread(thread_id)

    async def resume_thread(self, thread_id: str) -> Thread:
        return await self.thread(thread_id)

    async def fork_thread(self, thread_id: str) -> Thread:
        return await self.thread(thread_id)

    async def start_turn(self, thread_id: str, given: TurnInput) -> StartedTurn:
        return StartedTurn(thread=await self.thread(thread_id), turn=TURN)

    async def steer(self, thread_id: str, turn_id: str, prompt: str) -> Turn:
        self._check(thread_id)
        return TURN

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn:
        self._check(thread_id)
        return TURN

    async def decide(
        self, approval_id: str, decision: ApprovalDecision, *, remember: bool = False, reason: str | None = None
    ) -> None:
        raise NotFound(approval_id)

    async def answer(self, thread_id: str, input_id: str, answers: Sequence[Answer]) -> None:
        raise NotFound(input_id)

    async def resolve_call(self, thread_id: str, turn_id: str, call_id: str, result: ClientToolResult) -> None:
        raise NotFound(call_id)

    async def thread(self, thread_id: str) -> Thread:
        self._check(thread_id)
        return THREAD

    async def threads(self, filter: ThreadFilter) -> list[Thread]:
        self._check(THREAD.id)
        return [THREAD]

    async def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]:
        return []

    async def snapshot(self, thread_id: str) -> ThreadSnapshot:
        self._check(thread_id)
        return ThreadSnapshot(thread=THREAD, turns=(), items=(), requests=(), latest_seq=len(self.log))

    async def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[e.Event], None]:
        self.readers += 1
        self.opened.set()
        try:
            while True:
                if self.fail is not None:
                    raise self.fail
                batch = self.log[after : after + 256]
                after += len(batch)
                if batch:
                    yield batch
                else:
                    self._grown.clear()
                    await self._grown.wait()
        finally:
            self.readers -= 1

    def break_log(self, error: CodewhaleError) -> None:
        self.fail = error
        self._grown.set()


class Site:
    """The surface in process, and what it reported."""

    def __init__(self, client: ListClient, **facts: Any) -> None:
        self.client = client
        self.reports: list[str] = []
        known: dict[str, Any] = {
            "version": "0.0.1",
            "workspace": "/w",
            "bind_host": "127.0.0.1",
            "port": 7878,
            "token": TOKEN,
            "latest_seq": lambda: len(client.log),
        }
        self.app = HttpApp(cast("Any", client), ServerFacts(**{**known, **facts}), report=self.reports.append)
        self.caller = AsgiCaller(self.app, "127.0.0.1:7878")

    async def call(
        self,
        method: str,
        path: str,
        *headers: tuple[str, str],
        body: bytes = b"",
        json: object = None,
        auth: bool = True,
    ) -> HttpAnswer:
        given = list(headers)
        if auth:
            given.append(("Authorization", f"Bearer {TOKEN}"))
        if json is not None:
            given.append(("Content-Type", "application/json"))
            body = msgspec.json.encode(json)
        return await self.caller.send(Request(method=method, path=path, headers=tuple(given), body=body))


@pytest.fixture
def client() -> ListClient:
    return ListClient()


@pytest.fixture
def site_of(client: ListClient) -> Callable[..., Site]:
    def make(**facts: Any) -> Site:
        return Site(client, **facts)

    return make


@pytest.fixture
def site(site_of: Callable[..., Site]) -> Site:
    return site_of()


@pytest.fixture
def quick() -> Limits:
    return Limits(body=64, body_timeout=0.05, keepalive=0.02, stall=0.05, chunk=128)


def item(number: int, **fields: Any) -> Item:
    known: dict[str, Any] = {
        "schema_version": 2,
        "id": f"item_{number:016x}",
        "turn_id": TURN.id,
        "kind": "agent_message",
        "status": "completed",
        "summary": "",
        "artifact_refs": (),
    }
    return Item(**{**known, **fields})


@pytest.fixture
def make_item() -> Callable[..., Item]:
    return item


Serving = Callable[..., AbstractAsyncContextManager[Ready]]


@pytest.fixture
def serving(client: Any) -> Serving:
    @asynccontextmanager
    async def start(**options: Any) -> AsyncGenerator[Ready]:
        stop = asyncio.Event()
        ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        known: dict[str, Any] = {
            "version": "0.0.1",
            "workspace": "/w",
            "latest_seq": lambda: len(client.log),
            "token": TOKEN,
            "stop": stop,
            **options,
        }
        known.setdefault("sock", socket.create_server(("127.0.0.1", 0)) if "sock" not in options else None)
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(client, ServeOptions(**known), ready.set_result))
            try:
                yield await ready
            finally:
                stop.set()

    return start
