"""Tasks across processes and failures: what a new owner finds, callers that go away, turns that do not stop."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import pytest

from codewhale.domain.errors import NotFound, StoreError
from codewhale.domain.events import Event, NewEvent, TaskUpdated
from codewhale.domain.records import Turn
from codewhale.domain.tasks import (
    TASK_INTERRUPTED,
    NewTask,
    Task,
    TaskCounts,
    TaskFilter,
    TaskLimits,
    TaskOrigin,
)
from codewhale.engine.ports import Ports
from codewhale.runtime.runtime import Runtime
from codewhale.testing.clocks import SequentialIds
from codewhale.testing.scene import BOUND, Scene, Stage
from codewhale.work.tasks import TaskDefaults, canceled_in_queue
from codewhale.work.tasks_pool import PoolSetup, TaskPool

HELD = '[[reply]]\ntext = ["one ", "two"]\nhold = {name = "mid", at = "mid_text"}\n[[reply]]\ntext = "next"\n'


class Deaf:
    """Turns that go on when they are interrupted."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.create_thread = runtime.create_thread
        self.start_turn = runtime.start_turn
        self.asked = 0

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn:
        del thread_id
        self.asked += 1
        turn = self._runtime.store.turn(turn_id)
        assert turn is not None
        return turn

    def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[Event], None]:
        return self._runtime.events(thread_id, after=after)


def pool_of(scene: Scene, group: asyncio.TaskGroup, turns: Runtime | Deaf | None = None) -> TaskPool:
    setup = PoolSetup(
        turns=turns or scene.runtime,
        defaults=TaskDefaults(model="scripted", workspace=scene.workspace),
        limits=TaskLimits(workers=1),
        waiter=scene.waiter,
    )
    return TaskPool(Ports(store=scene.store, clock=scene.clock, ids=SequentialIds()), setup, group)


def changes(scene: Scene, task_id: str) -> list[str]:
    found = [event.decode() for event in scene.log(task_id)]
    return [payload.change for payload in found if isinstance(payload, TaskUpdated)]


async def until(scene: Scene, task_id: str, change: str) -> Task:
    """The task at this change, waiting for it."""
    return await _first(scene, task_id, lambda payload: payload.change == change)


async def linked(scene: Scene, task_id: str) -> Task:
    """The task once its turn has begun."""
    return await _first(scene, task_id, lambda payload: payload.task.turn_id is not None)


async def _first(scene: Scene, task_id: str, wanted: Callable[[TaskUpdated], bool]) -> Task:
    async with asyncio.timeout(BOUND):
        async for batch in scene.store.subscribe(task_id, after=0):
            for event in batch:
                payload = event.decode()
                if isinstance(payload, TaskUpdated) and wanted(payload):
                    return payload.task
    raise AssertionError("a subscription does not end")


async def test_a_new_owner_ends_what_ran_and_runs_what_waited(stage: Stage) -> None:
    async with stage(HELD, running=False) as scene:
        async with asyncio.TaskGroup() as dead:
            before = pool_of(scene, dead)
            running, waiting = [await before.enqueue(NewTask(prompt=p)) for p in ("a", "b")]
            before.start()
            await linked(scene, running.id)
            async with asyncio.timeout(BOUND):
                await scene.provider.held("mid")
            async with asyncio.TaskGroup() as living:
                after = pool_of(scene, living)
                ticket = after.recover()
                assert ticket is not None
                await ticket
                assert after.recover() is None
                found = await until(scene, running.id, "recovered")
                assert (found.status, found.error, found.duration_ms) == ("failed", TASK_INTERRUPTED, None)
                assert found.runtime_event_count > 0
                assert changes(scene, waiting.id) == ["queued"]
                before.stop()
                scene.provider.release("mid")
                after.start()
                assert (await until(scene, waiting.id, "finished")).status == "completed"
        assert changes(scene, running.id) == ["queued", "running", "runtime_link", "runtime_link", "recovered"]


async def test_what_an_old_owner_still_says_of_an_ended_task_is_refused(stage: Stage) -> None:
    async with stage("", running=False) as scene, asyncio.TaskGroup() as group:
        pool = pool_of(scene, group)
        task = await pool.enqueue(NewTask(prompt="a"))
        await pool.cancel_task(task.id)
        again = NewEvent(
            timestamp=scene.clock.now(),
            thread_id=task.id,
            payload=TaskUpdated(task=canceled_in_queue(task, now=scene.clock.now()), change="canceled"),
        )
        with pytest.raises(StoreError, match="is not open"):
            await scene.store.append([again])


@pytest.mark.parametrize(
    ("cause", "seconds", "expected"),
    [
        ("cancel", 5, ("canceled", "cancel_timeout", "Canceled. Its turn did not stop within 5 s.")),
        (
            "idle",
            125,
            ("failed", "idle_timeout", "Stopped: nothing happened for 120 s. Its turn did not stop within 5 s."),
        ),
    ],
)
async def test_a_turn_that_does_not_stop_is_left_behind(
    stage: Stage, cause: str, seconds: float, expected: tuple[str, str, str]
) -> None:
    async with stage(HELD, running=False) as scene, asyncio.TaskGroup() as group:
        turns = Deaf(scene.runtime)
        pool = pool_of(scene, group, turns)
        pool.start()
        task = await pool.enqueue(NewTask(prompt="a"))
        async with asyncio.timeout(BOUND):
            await scene.provider.held("mid")
        await linked(scene, task.id)
        if cause == "cancel":
            await pool.cancel_task(task.id)
            await pool.cancel_task(task.id)
        await scene.waiter.advance(seconds)
        ended = await until(scene, task.id, "canceled" if cause == "cancel" else "finished")
        assert (ended.status, ended.terminal_reason, ended.error) == expected
        assert turns.asked == 1
        scene.provider.release("mid")


async def test_a_caller_that_goes_away_leaves_a_task_that_runs(stage: Stage) -> None:
    async with stage(HELD, running=False) as scene, asyncio.TaskGroup() as group:
        pool = pool_of(scene, group)
        pool.start()
        caller = group.create_task(pool.enqueue(NewTask(prompt="a")))
        await asyncio.sleep(0)  # noqa: TID251 - the caller has asked, and goes before the answer
        caller.cancel()
        scene.provider.release("mid")
        assert (await until(scene, "task_0000000000000001", "finished")).status == "completed"


async def test_events_beside_a_task_are_recorded_with_it_or_neither(stage: Stage) -> None:
    async with stage("", running=False) as scene, asyncio.TaskGroup() as group:
        pool = pool_of(scene, group)
        seen: list[tuple[str, str]] = []

        def watcher(task: Task) -> Sequence[NewEvent]:
            seen.append((task.id, task.status))
            return ()

        pool.watch(watcher)
        origin = TaskOrigin(automation_id="aut_1", occurrence_id="occ_1")
        task = await pool.enqueue(NewTask(prompt="a"), origin=origin)
        assert (task.automation_id, task.occurrence_id) == ("aut_1", "occ_1")

        def refused(new: Task) -> list[NewEvent]:
            payload = TaskUpdated(task=task, change="queued")
            del new
            return [NewEvent(timestamp=scene.clock.now(), thread_id=task.id, payload=payload)]

        with pytest.raises(StoreError):
            await pool.enqueue(NewTask(prompt="b"), beside=refused)
        assert scene.store.tasks.listed(TaskFilter()).counts == TaskCounts(queued=1)
        await pool.cancel_task(task.id)
        assert seen == [(task.id, "queued"), ("task_0000000000000002", "queued"), (task.id, "canceled")]
        with pytest.raises(NotFound):
            await pool.cancel_task("task_0000000000000002")


async def test_only_one_task_runs_where_only_one_is_wanted(stage: Stage) -> None:
    async with stage(HELD, running=False) as scene:
        scene.provider.release("mid")
        first, second = [await scene.runtime.tasks.add(NewTask(prompt=p)) for p in ("a", "b")]
        scene.runtime.tasks.start(only=second.id)
        async with asyncio.timeout(BOUND):
            assert (await scene.runtime.tasks.ended(second.id)).status == "completed"
        assert (await scene.runtime.tasks.record(first.id)).status == "queued"
