"""A log that cannot be written (here: its database may not grow) costs the turns on it, and comes back without a restart."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.errors import NotFound, StoreError, StoreUnwritable
from codewhale.domain.events import ApprovalRequired, Event, ItemStarted, TurnCompleted
from codewhale.domain.laws import violations
from codewhale.engine.recover import RESTARTED
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scene import BOUND, Scene, Stage

SCRIPT = """
[[turn]]
when = {contains = "hello"}
[[turn.reply]]
text = "Hi."
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "Half of it."
hold = {name = "model", at = "mid_text"}
[[turn]]
when = {contains = "much"}
[[turn.reply]]
text = {text = "much text ", count = 20000}
hold = {name = "model", at = "mid_text"}
[[turn]]
when = {contains = "write"}
[[turn.reply]]
calls = [{id = "call_1", tool = "write_file", arguments = {path = "a.txt", content = "a"}}]
[[turn.reply]]
text = "Written."
[[turn]]
when = {contains = "long"}
[[turn.reply]]
calls = [{id = "call_2", tool = "exec_shell", arguments = {command = "yes | head -c 200000"}}]
[[turn.reply]]
text = "Seen."
"""
LARGE = "x" * 100_000
MOST_PAGES = 1 << 30


def limit(store: SqliteStore, pages: int) -> None:
    with store.writing() as db:
        db.execute(f"PRAGMA max_page_count = {pages}")


@contextmanager
def full(store: SqliteStore) -> Generator[None]:
    limit(store, 1)  # SQLite makes that the present size
    try:
        yield
    finally:
        limit(store, MOST_PAGES)


async def break_log(scene: Scene) -> None:
    """Leave the log failed, as the next one to write finds it."""
    with full(scene.store), pytest.raises(StoreUnwritable, match="disk is full"):
        await scene.runtime.create_thread(NewThread(title=LARGE))
    assert scene.store.failure is not None


async def followed(scene: Scene, thread_id: str, seen: list[Event]) -> None:
    with suppress(StoreError):
        async for batch in scene.runtime.events(thread_id):
            seen += batch


async def test_the_next_command_brings_the_log_back_and_ends_what_was_open(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        seen: list[Event] = []
        async with asyncio.timeout(BOUND), asyncio.TaskGroup() as group:
            group.create_task(followed(scene, thread.id, seen))
            await scene.runtime.start_turn(thread.id, TurnInput(prompt="write it"))
            await scene.until(thread.id, ApprovalRequired.WIRE)
            await break_log(scene)
        again = await scene.say(thread.id, "hello")
        log = scene.log(thread.id)
        assert log[: len(seen)] == seen
        ends = [one.decode() for one in log if one.event == TurnCompleted.WIRE]
        assert [(end.turn.status, end.turn.error, end.recovered) for end in ends if isinstance(end, TurnCompleted)] == [
            ("interrupted", RESTARTED, True),
            ("completed", None, False),
        ]
        assert again[-1] == log[-1]
        assert violations(log) == []


@pytest.mark.requirement("BUG-59")
async def test_a_call_whose_permission_cannot_be_recorded_does_not_run(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        await scene.runtime.start_turn(thread.id, TurnInput(prompt="write it"))
        required = (await scene.until(thread.id, ApprovalRequired.WIRE))[-1].decode()
        assert isinstance(required, ApprovalRequired)
        await break_log(scene)
        with suppress(StoreError, NotFound):
            await scene.runtime.decide(required.id, "allow")
        assert (await scene.say(thread.id, "hello"))[-1].event == TurnCompleted.WIRE
        assert not (Path(scene.workspace) / "a.txt").exists()


async def test_a_turn_that_nothing_wakes_is_ended_too(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        waiting, other = await scene.thread(), await scene.thread()
        await scene.runtime.start_turn(waiting.id, TurnInput(prompt="wait"))
        await scene.until(waiting.id, "item.delta")
        await break_log(scene)
        await scene.say(other.id, "hello")
        assert scene.log(waiting.id)[-1].event == TurnCompleted.WIRE
        assert (await scene.say(waiting.id, "hello"))[-1].event == TurnCompleted.WIRE


async def test_many_commands_at_once_wait_for_one_repair(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        threads = [await scene.thread() for _ in range(8)]
        for thread in threads:
            await scene.runtime.start_turn(thread.id, TurnInput(prompt="wait"))
        await break_log(scene)
        async with asyncio.timeout(BOUND), asyncio.TaskGroup() as group:
            said = [group.create_task(scene.say(thread.id, "hello")) for thread in threads]
        assert [task.result()[-1].event for task in said] == [TurnCompleted.WIRE] * 8


async def test_while_the_disk_stays_full_every_command_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        await break_log(scene)

        def still_full() -> None:
            raise StoreUnwritable("Still full.")

        with monkeypatch.context() as patch:
            patch.setattr(scene.store, "reopen", still_full)
            for _ in range(2):
                with pytest.raises(StoreUnwritable, match="Still full"):
                    await scene.runtime.start_turn(thread.id, TurnInput(prompt="hello"))
            with pytest.raises(StoreUnwritable, match="Still full"):
                await anext(scene.runtime.events(thread.id))
            assert (await scene.runtime.snapshot(thread.id)).thread == thread
        assert (await scene.say(thread.id, "hello"))[-1].event == TurnCompleted.WIRE


async def test_a_repair_that_fails_half_way_is_done_again(stage: Stage) -> None:
    """The log opens, but the end of the open turn finds the disk full: its thread must not take another turn before."""
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        await scene.runtime.start_turn(thread.id, TurnInput(prompt="much"))
        await scene.until(thread.id, "item.delta")
        await break_log(scene)
        with full(scene.store):
            for _ in range(2):
                with pytest.raises(StoreUnwritable, match="disk is full"):
                    await scene.runtime.start_turn(thread.id, TurnInput(prompt="hello"))
        assert (await scene.say(thread.id, "hello"))[-1].event == TurnCompleted.WIRE
        assert violations(scene.log(thread.id)) == []


async def test_a_full_disk_under_a_running_command_ends_its_turn(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        seen: list[Event] = []
        async with asyncio.timeout(BOUND):
            await scene.runtime.start_turn(thread.id, TurnInput(prompt="long", auto_approve=True))
            await scene.until(thread.id, ItemStarted.WIRE)
            with full(scene.store):
                await followed(scene, thread.id, seen)
        assert (await scene.say(thread.id, "hello"))[-1].event == TurnCompleted.WIRE
        assert scene.log(thread.id)[: len(seen)] == seen


async def test_an_output_that_cannot_be_kept_fails_its_turn_and_nothing_else(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(content: bytes) -> str:
        raise StoreUnwritable(f"No room for {len(content)} bytes.", hint="Free some space.")

    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        with monkeypatch.context() as patch:
            patch.setattr(scene.store, "put_blob", refuse)
            patch.setattr("codewhale.engine.outputs.INLINE_BYTES", 16)
            ended = (await scene.say(thread.id, "long", TurnInput(prompt="long", auto_approve=True)))[-1].decode()
        assert isinstance(ended, TurnCompleted)
        assert (ended.turn.status, ended.turn.error_code) == ("failed", "store_unwritable")
        assert scene.store.failure is None
        assert (await scene.say(thread.id, "hello"))[-1].event == TurnCompleted.WIRE
