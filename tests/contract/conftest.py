"""The product behind the contract: the real runtime with the scripted model, served in process and over a socket."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.config.settings import Route, Settings
from codewhale.domain.ports import RandomIds
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.engine.ports import Ports
from codewhale.runtime.outside import Model, Outside
from codewhale.runtime.rulebook import Rulebook
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.standing import Standing
from codewhale.runtime.surroundings import surroundings_of
from codewhale.runtime.threads import Defaults
from codewhale.runtime.undo.wiring import Undo
from codewhale.store.sqlite import SqliteStore
from codewhale.surfaces.http.app import HttpApp
from codewhale.surfaces.http.facts import Limits, ServerFacts
from codewhale.surfaces.http.server import Ready, ServeOptions, serve
from codewhale.testing.clocks import ManualClock
from codewhale.testing.http_calls import Answer, AsgiCaller, Caller, Frame, OpenStream, Request, SocketCaller
from codewhale.testing.scripted_provider import ScriptedProvider
from codewhale.workspace.processes import Processes

TOKEN = "dst_" + "0123456789abcdef" * 4


def settings_in(home: Path, workspace: Path) -> Settings:
    """Settings of a person with an empty home."""
    return Settings(
        home=str(home),
        config_path=str(home / "config.toml"),
        config_present=False,
        profile=None,
        tasks_dir=str(home / "tasks"),
        runtime_dir=str(home / "runtime"),
        automations_dir=str(home / "automations"),
        workspace=str(workspace),
        route=Route(
            provider="deepseek",
            model="deepseek-v4-pro",
            base_url="https://api.deepseek.com/beta",
            api_key_env=("DEEPSEEK_API_KEY",),
        ),
        skills_dir=str(home / "skills"),
        mcp_config=str(home / "mcp.json"),
        notes_path=str(home / "notes.txt"),
    )


Start = Callable[..., AbstractAsyncContextManager["Product"]]


class Product:
    """A served runtime: `call` and `stream` carry the token unless told not to."""

    clock: ManualClock

    def __init__(self, runtime: Runtime, model: ScriptedProvider, caller: Caller, workspace: Path) -> None:
        self.runtime = runtime
        self.model = model
        self.caller = caller
        self.workspace = workspace

    async def call(
        self,
        method: str,
        path: str,
        json: object = None,
        *,
        headers: tuple[tuple[str, str], ...] = (),
        auth: bool = True,
    ) -> Answer:
        return await self.caller.send(self._request(method, path, json, headers, auth))

    def stream(
        self, path: str, json: object = None, *, headers: tuple[tuple[str, str], ...] = (), auth: bool = True
    ) -> AbstractAsyncContextManager[OpenStream]:
        return self.caller.open(self._request("GET" if json is None else "POST", path, json, headers, auth))

    async def thread(self, **fields: Any) -> str:
        answer = await self.call("POST", "/v1/threads", fields)
        assert answer.status == 201, answer.body
        return answer.json()["id"]

    async def turn(self, thread_id: str, prompt: str = "go", **fields: Any) -> str:
        answer = await self.call("POST", f"/v1/threads/{thread_id}/turns", {"prompt": prompt, **fields})
        assert answer.status == 201, answer.body
        return answer.json()["turn"]["id"]

    async def finished(self, thread_id: str, prompt: str = "go", **fields: Any) -> list[Frame]:
        """Run a turn to its end; all events of the thread up to there."""
        turn_id = await self.turn(thread_id, prompt, **fields)
        async with self.stream(f"/v1/threads/{thread_id}/events") as stream:
            seen: list[Frame] = []
            while not seen or seen[-1].json()["turn_id"] != turn_id or seen[-1].event != "turn.completed":
                seen += await stream.until("turn.completed")
            return seen

    async def detail(self, thread_id: str) -> Any:
        return (await self.call("GET", f"/v1/threads/{thread_id}")).json()

    @staticmethod
    def _request(method: str, path: str, json: object, headers: tuple[tuple[str, str], ...], auth: bool) -> Request:
        sent = [*headers, *([("Authorization", f"Bearer {TOKEN}")] if auth else [])]
        body = b"" if json is None else msgspec.json.encode(json)
        if json is not None:
            sent.append(("Content-Type", "application/json"))
        return Request(method=method, path=path, headers=tuple(sent), body=body)


@pytest.fixture(params=["in process", "over a socket"])
def transport(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def start(transport: str, tmp_path: Path) -> Start:
    """Starts a product that answers from a script, with limits and CORS origins as given."""

    @asynccontextmanager
    async def product(script: str = "", **options: Any) -> AsyncGenerator[Product]:
        workspace = tmp_path / "workspace"
        workspace.mkdir(exist_ok=True)
        model = ScriptedProvider.from_toml(script)
        clock = ManualClock(tick=0.001)  # no two records have the same time, so lists have one order
        store = SqliteStore.open(str(tmp_path / "data"), clock=clock)
        processes = Processes({"PATH": "/usr/bin:/bin"})
        kept = SnapshotLimits(enabled=options.pop("snapshots", False))
        undo = Undo(str(tmp_path / "snapshots"), kept, processes, clock) if kept.enabled else None
        try:
            async with asyncio.timeout(10), asyncio.TaskGroup() as group:
                runtime = Runtime(
                    Ports(store=store, clock=clock, ids=RandomIds()),
                    Defaults(model="scripted", workspace=str(workspace)),
                    Outside(
                        models=lambda name, _: Model(provider=model, name=name),
                        processes=processes,
                        standing=Standing(unconfined=True, book=Rulebook(str(tmp_path / "permissions.toml"), None)),
                        undo=undo,
                        watchers=() if undo is None else (undo.watch,),
                        surroundings=surroundings_of(settings_in(tmp_path / "home", workspace)),
                    ),
                    group,
                )
                await runtime.recover()
                async with AsyncExitStack() as stack:
                    serving = _in_process if transport == "in process" else _over_a_socket
                    caller = await stack.enter_async_context(serving(runtime, store, workspace, options))
                    served = Product(runtime, model, caller, workspace)
                    served.clock = clock
                    yield served
                runtime.stop()
        finally:
            processes.close()
            store.close()

    return product


@asynccontextmanager
async def _in_process(
    runtime: Runtime, store: SqliteStore, workspace: Path, options: dict[str, Any]
) -> AsyncGenerator[Caller]:
    given: dict[str, Any] = {"token": TOKEN, **options}
    facts = ServerFacts(
        version="0.0.1",
        workspace=str(workspace),
        bind_host="127.0.0.1",
        port=7878,
        latest_seq=lambda: store.latest_seq,
        idempotency=runtime.idempotency,
        **given,
    )
    yield AsgiCaller(HttpApp(runtime, facts), "127.0.0.1:7878")


@asynccontextmanager
async def _over_a_socket(
    runtime: Runtime, store: SqliteStore, workspace: Path, options: dict[str, Any]
) -> AsyncGenerator[Caller]:
    stop = asyncio.Event()
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    given: dict[str, Any] = {"token": TOKEN, **options}
    asked = ServeOptions(
        version="0.0.1",
        workspace=str(workspace),
        latest_seq=lambda: store.latest_seq,
        sock=socket.create_server(("127.0.0.1", 0)),
        stop=stop,
        idempotency=runtime.idempotency,
        **given,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(runtime, asked, ready.set_result))
        try:
            known = await ready
            yield SocketCaller(known.host, known.port)
        finally:
            stop.set()


@pytest.fixture
def impatient() -> Limits:
    return Limits(keepalive=0.02)
