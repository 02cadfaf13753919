"""Sessions and rewinds through the client: the same in the owning process and from another one."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.errors import InvalidInput, NotAvailable, NotFound
from codewhale.domain.sessions import ResumeSession, SaveSession, SessionPatch
from codewhale.domain.views import SessionFilter
from codewhale.runtime.client import Client
from codewhale.runtime.owner import Owner
from codewhale.runtime.remote import connect
from codewhale.surfaces.http.server import Ready, ServeOptions, serve
from codewhale.testing.scene import Scene, scene

Play = Callable[[], AbstractAsyncContextManager[tuple[Client, Scene]]]

SCRIPT = '[[turn]]\n[[turn.reply]]\ntext = "Good."\n'


@pytest.fixture(params=["in process", "over HTTP"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[tuple[Client, Scene]]:
        async with asyncio.timeout(20), scene(str(tmp_path), SCRIPT, environ={"PATH": "/usr/bin:/bin"}) as stage:
            if request.param == "in process":
                yield stage.runtime, stage
            else:
                async with _served(stage) as client:
                    yield client, stage

    return opened


@asynccontextmanager
async def _served(stage: Scene) -> AsyncGenerator[Client]:
    stop = asyncio.Event()
    ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
    options = ServeOptions(
        version="0",
        workspace=stage.workspace,
        latest_seq=lambda: stage.store.latest_seq,
        token="dst_" + "ab" * 32,
        sock=socket.create_server(("127.0.0.1", 0)),
        stop=stop,
        idempotency=stage.runtime.idempotency,
    )
    async with asyncio.TaskGroup() as group:
        group.create_task(serve(stage.runtime, options, ready.set_result))
        try:
            known = await ready
            owner = Owner(pid=1, started_at="", what="serve", url=known.url, token=known.token)
            async with connect(owner) as client:
                yield client
        finally:
            stop.set()


async def test_sessions_are_listed_looked_at_changed_and_hidden(play: Play) -> None:
    async with play() as (client, stage):
        thread = await stage.thread()
        await stage.say(thread.id, "hello")
        sessions = client.sessions
        (listed,) = await sessions.page(SessionFilter(search="HELLO"))
        (row,) = await sessions.summaries(SessionFilter(sort="size", include_archived=True))
        assert (listed.id, row.id, row.message_count) == (thread.id, thread.id, 2)
        assert (await sessions.detail(thread.id)).metadata == listed
        assert [entry.text for entry in (await sessions.peek(thread.id, 1)).entries] == ["Good."]
        assert (await sessions.patch(thread.id, SessionPatch(title="T"))).changes == {"title": "T"}
        resumed = await sessions.resume(thread.id, ResumeSession())
        assert (resumed.session_id, resumed.message_count) == (thread.id, 2)
        await sessions.delete(thread.id)
        with pytest.raises(NotFound, match="not found"):
            await sessions.detail(thread.id)
        with pytest.raises(InvalidInput, match="Invalid session id"):
            await sessions.detail("a b")
        assert (await sessions.save(SaveSession(thread_id=thread.id))).title == "T"


async def test_undo_and_retry(play: Play) -> None:
    async with play() as (client, stage):
        thread = await stage.thread()
        await stage.say(thread.id, "hello")
        undone = await client.rewinds.undo(thread.id, 0)
        assert (undone.original_user_text, undone.thread.latest_turn_id) == ("hello", None)
        retried = await client.rewinds.retry(thread.id, 0, None)
        await stage.turn(retried.thread.id, retried.turn.id)
        assert [item.detail for item in stage.store.items(retried.thread.id)] == ["hello", "Good."]
        with pytest.raises(NotAvailable):
            await client.rewinds.patch_undo(thread.id, 0)
        with pytest.raises(InvalidInput, match="exceeds"):
            await client.rewinds.undo(thread.id, 5)
