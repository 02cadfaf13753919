"""One turn driven to its end: the same words and codes whether the runtime is in this process or behind HTTP."""

import asyncio
import signal
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.errors import Conflict, InvalidInput, NotFound
from codewhale.domain.events import TurnStarted
from codewhale.domain.views import ThreadFilter
from codewhale.runtime.client import Client
from codewhale.runtime.owner import Owner
from codewhale.runtime.remote import connect
from codewhale.surfaces.cli.drive import Format, Output, Run, drive
from codewhale.surfaces.cli.terminal import Terminal
from codewhale.surfaces.cli.threads_of import Choice, resolve
from codewhale.surfaces.http.server import Ready, ServeOptions, serve
from codewhale.testing.scene import Scene, scene

TOKEN = "dst_" + "ab" * 32
ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
Play = Callable[[str], AbstractAsyncContextManager[tuple[Client, Scene]]]

PLAIN = '[[reply]]\ntext = "Hello, I am here."\n'
GATED = """
[[reply]]
text = "I write it."
calls = [{id = "call_1", tool = "write_file", arguments = {path = "new.txt", content = "hi\\n"}}]
[[reply]]
text = "Done."
"""
ASKS = """
[[reply]]
[[reply.calls]]
id = "call_1"
tool = "request_user_input"
[[reply.calls.arguments.questions]]
header = "Colour"
id = "colour"
question = "Which colour?"
options = [{label = "red", description = "warm"}, {label = "blue", description = "cool"}]
[[reply]]
text = "Then red."
"""


@pytest.fixture(params=["in process", "over HTTP"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """A client of a runtime whose model plays a script."""

    @asynccontextmanager
    async def opened(script: str) -> AsyncGenerator[tuple[Client, Scene]]:
        async with asyncio.timeout(20), scene(str(tmp_path), script, environ=ENVIRON) as stage:
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
        token=TOKEN,
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


def run_of(stage: Scene, prompt: str = "go", *, deny: str | None = "nobody is here", **fields: Any) -> Run:
    choice = Choice(workspace=stage.workspace, new=NewThread(workspace=stage.workspace), **fields)
    return Run(choice=choice, turn=TurnInput(prompt=prompt), mode="agent", deny=deny)


async def driven(
    client: Client, run: Run, capfd: pytest.CaptureFixture[str], format: Format = "text"
) -> tuple[int, str, str]:
    capfd.readouterr()
    code = await drive(client, run, Output(format, Terminal()))
    said = capfd.readouterr()
    return code, said.out, said.err


async def test_only_the_answer_goes_to_stdout(play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    async with play(PLAIN) as (client, stage):
        code, out, err = await driven(client, run_of(stage), capfd)
    assert (code, out) == (0, "Hello, I am here.\n")
    assert err.startswith("— thread thr_")


async def test_without_anybody_to_ask_a_gated_call_is_denied_at_once(
    play: Play, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with play(GATED) as (client, stage):
        code, out, err = await driven(client, run_of(stage, deny="no terminal; allow with --auto"), capfd)
    assert (code, out) == (0, "I write it.\nDone.\n")
    assert "? Write new.txt (3 characters)  [write_file]" in err
    assert "failed: Denied: nobody was asked (no terminal; allow with --auto)." in err
    assert "denied: no terminal; allow with --auto" in err
    assert not (tmp_path / "new.txt").exists()


async def test_automatic_approval_is_not_advised_where_it_would_not_help(
    play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    script = GATED.replace("new.txt", ".envrc")
    async with play(script) as (client, stage):
        _, _, err = await driven(client, run_of(stage, deny="no terminal; allow with --auto"), capfd)
    assert "denied: no terminal, and --auto does not speak for this" in err
    assert "allow with --auto" not in err


async def test_what_the_thread_allows_is_not_asked(
    play: Play, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with play(GATED) as (client, stage):
        allowed = msgspec.structs.replace(run_of(stage), turn=TurnInput(prompt="go", auto_approve=True))
        code, _, err = await driven(client, allowed, capfd)
    assert (code, "? Write" in err) == (0, False)
    assert (tmp_path / "new.txt").read_text() == "hi\n"


async def test_a_question_without_a_person_is_answered_at_once(play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    async with play(ASKS) as (client, stage):
        code, out, _ = await driven(client, run_of(stage), capfd)
    assert (code, out) == (0, "Then red.\n")


async def test_stream_json_begins_with_the_thread_and_ends_with_done(
    play: Play, capfd: pytest.CaptureFixture[str]
) -> None:
    async with play(GATED) as (client, stage):
        code, out, _ = await driven(client, run_of(stage), capfd, "stream-json")
        (thread,) = await client.threads(ThreadFilter())
    lines = [msgspec.json.decode(line) for line in out.splitlines()]
    assert code == 0
    assert (lines[0]["type"], lines[0]["content"]) == ("session_capture", thread.id)
    assert [line["type"] for line in lines if line["type"] != "content"] == [
        "session_capture",
        "tool_use",
        "tool_result",
        "metadata",
        "done",
    ]
    assert all(line["schema_version"] == 1 for line in lines)


async def test_json_is_one_object(play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    async with play(PLAIN) as (client, stage):
        _, out, err = await driven(client, run_of(stage), capfd, "json")
    assert (out.count("\n"), err) == (1, "")
    found = msgspec.json.decode(out)
    assert (found["success"], found["output"], found["prompt"]) == (True, "Hello, I am here.", "go")


async def test_a_thread_goes_on_by_id_by_prefix_or_as_the_latest(play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    async with play(PLAIN * 4) as (client, stage):
        await driven(client, run_of(stage, "one"), capfd)
        (thread,) = await client.threads(ThreadFilter())
        ways: list[dict[str, Any]] = [{"exact": thread.id}, {"prefix": thread.id[:-1]}, {"latest": True}]
        for fields in ways:
            code, out, _ = await driven(client, run_of(stage, "more", **fields), capfd)
            assert (code, out) == (0, "Hello, I am here.\n")
        assert len((await client.snapshot(thread.id)).turns) == 4


async def test_a_prefix_that_fits_several_threads_is_an_error(play: Play) -> None:
    async with play(PLAIN) as (client, stage):
        first, second = [await client.create_thread(NewThread(workspace=stage.workspace)) for _ in range(2)]
        with pytest.raises(InvalidInput, match="2 threads have an id that begins with 'thr_'") as raised:
            await resolve(client, "thr_")
        assert all(thread.id in raised.value.message for thread in (first, second))
        assert await resolve(client, first.id) == first.id
        with pytest.raises(NotFound):
            await resolve(client, "turn_")


async def test_the_first_signal_interrupts_the_turn(play: Play, capfd: pytest.CaptureFixture[str]) -> None:
    async with (
        play('[[reply]]\ntext = "never said"\nhold = "for ever"\n') as (client, stage),
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(driven(client, run_of(stage), capfd))
        while not (threads := await client.threads(ThreadFilter())):
            await asyncio.to_thread(stage.store.snapshot, "none")
        await stage.until(threads[0].id, TurnStarted.WIRE)
        signal.raise_signal(signal.SIGTERM)
        code, out, err = await task
    assert (code, out) == (143, "")
    assert "interrupting the turn" in err
    assert "interrupted: " in err


async def test_errors_are_those_of_the_runtime(play: Play) -> None:
    async with play('[[reply]]\ntext = "x"\nhold = "for ever"\n') as (client, stage):
        thread = await client.create_thread(NewThread(workspace=stage.workspace, title="a title"))
        assert (await client.thread(thread.id)).title == "a title"
        with pytest.raises(NotFound, match="Thread not found: thr_none"):
            await client.snapshot("thr_none")
        with pytest.raises(InvalidInput, match="prompt is required"):
            await client.start_turn(thread.id, TurnInput(prompt="  "))
        started = await client.start_turn(thread.id, TurnInput(prompt="go"))
        with pytest.raises(Conflict, match="already has an active turn"):
            await client.start_turn(thread.id, TurnInput(prompt="again"))
        with pytest.raises(NotFound):
            await client.decide("none", "allow")
        assert (await client.interrupt(thread.id, started.turn.id)).id == started.turn.id
