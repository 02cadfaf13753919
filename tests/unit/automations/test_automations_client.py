"""Automations through the client: the same in the owning process and from another one."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.automations import AutomationPatch, NewAutomation, RulePreview
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.runtime.client import Client
from codewhale.runtime.owner import Owner
from codewhale.runtime.remote import connect
from codewhale.surfaces.http.server import Ready, ServeOptions, serve
from codewhale.testing.scene import Scene, scene

Play = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture(params=["in process", "over HTTP"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    @asynccontextmanager
    async def opened() -> AsyncGenerator[Client]:
        async with asyncio.timeout(20), scene(str(tmp_path), "", environ={"PATH": "/usr/bin:/bin"}) as stage:
            if request.param == "in process":
                yield stage.runtime
            else:
                async with _served(stage) as client:
                    yield client

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


async def test_made_changed_run_and_deleted(play: Play) -> None:
    async with play() as client:
        automations = client.automations
        made = await automations.create(
            NewAutomation(
                name="Sweep", prompt="go", rrule="freq=hourly", timezone="UTC", misfire="all", max_age_secs=60
            )
        )
        assert (made.rrule, made.misfire, made.max_age_secs, made.auto_approve) == ("FREQ=HOURLY", "all", 60, False)
        assert await automations.listed() == [await automations.get(made.id)] == [made]
        changed = await automations.update(made.id, AutomationPatch(name="Rake", max_age_secs=0, allow_shell=True))
        assert (changed.name, changed.max_age_secs, changed.allow_shell, changed.prompt) == ("Rake", None, True, "go")
        assert (await automations.pause(made.id)).next_run_at is None
        run = await automations.run_now(made.id)
        assert (run.status, run.trigger) == ("queued", "manual")
        assert await automations.runs(made.id, None) == await automations.runs(made.id, 1) == [run]
        resumed = await automations.resume(made.id)
        assert resumed.next_run_at == "2026-01-01T01:00:00.000Z"
        assert await automations.delete(made.id) == resumed
        assert await automations.listed() == []
        assert await automations.runs(made.id, 5) == [run]
        for gone in (made.id, "../x", "auto_1"):
            with pytest.raises(NotFound, match="Failed to read automation"):
                await automations.get(gone)


async def test_previews(play: Play) -> None:
    async with play() as client:
        rule = RulePreview(rrule="FREQ=CRON;EXPR=0 9 * * *", timezone="Asia/Kolkata", n=2)
        found = await client.automations.preview_rule(rule)
        assert [run.scheduled_for for run in found.runs] == ["2026-01-01T03:30:00.000Z", "2026-01-02T03:30:00.000Z"]
        made = await client.automations.create(
            NewAutomation(name="n", prompt="p", rrule=rule.rrule, timezone=rule.timezone, status="paused")
        )
        assert await client.automations.preview(made.id, 2) == found
        assert len((await client.automations.preview(made.id, None)).runs) == 5
        with pytest.raises(InvalidInput, match="RRULE must include FREQ"):
            await client.automations.preview_rule(RulePreview(rrule="BYDAY=MO"))
