"""The life of a task: queued, run by one of few workers, ended once; canceled at any moment; stopped at its limits."""

import asyncio
import os
from pathlib import Path

import pytest

from codewhale.domain.commands import ThreadPatch
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.events import ApprovalDecided, ApprovalRequired, TaskUpdated
from codewhale.domain.task_record import TaskRecord
from codewhale.domain.tasks import NewTask, TaskCounts, TaskFilter
from codewhale.testing.scene import BOUND, Scene, Stage

HELD = """
[[reply]]
text = ["one ", "two"]
hold = {name = "mid", at = "mid_text"}
[[reply]]
text = "next"
[[reply]]
text = "last"
"""


async def over(scene: Scene, task_id: str) -> TaskRecord:
    """The record once the task has ended."""
    async with asyncio.timeout(BOUND):
        return await scene.runtime.tasks.ended(task_id)


async def held(scene: Scene, name: str = "mid") -> None:
    async with asyncio.timeout(BOUND):
        await scene.provider.held(name)


async def linked(scene: Scene, task_id: str) -> str:
    """The thread of a task, once its turn has begun."""
    async with asyncio.timeout(BOUND):
        async for batch in scene.store.subscribe(task_id, after=0):
            for event in batch:
                payload = event.decode()
                if isinstance(payload, TaskUpdated) and payload.task.thread_id and payload.task.turn_id:
                    return payload.task.thread_id
    raise AssertionError("a subscription does not end")


def changes(scene: Scene, task_id: str) -> list[str]:
    """What happened to a task, by its own events."""
    found = [event.decode() for event in scene.log(task_id)]
    return [payload.change for payload in found if isinstance(payload, TaskUpdated)]


async def test_a_task_is_queued_runs_on_a_thread_of_its_own_and_completes(stage: Stage) -> None:
    async with stage('[[reply]]\ntext = "All done."\n') as scene:
        queued = await scene.runtime.tasks.add(NewTask(prompt="  tidy up  "))
        assert (queued.status, queued.prompt, queued.auto_approve, queued.mode) == ("queued", "tidy up", False, "agent")
        assert [(entry.kind, entry.summary) for entry in queued.timeline] == [("queued", "Task queued")]
        record = await over(scene, queued.id)
        assert (record.status, record.terminal_reason, record.result_summary) == ("completed", "completed", "All done.")
        assert [entry.kind for entry in record.timeline] == [
            "queued",
            "running",
            "runtime_link",
            "runtime_link",
            "message",
            "finished",
        ]
        assert record.thread_id is not None
        thread = await scene.runtime.thread(record.thread_id)
        assert (thread.task_id, thread.archived, thread.auto_approve) == (record.id, False, False)
        assert record.turn_id == thread.latest_turn_id
        assert changes(scene, queued.id) == ["queued", "running", "runtime_link", "runtime_link", "finished"]
        assert record.runtime_event_count == len(scene.log(record.thread_id))


async def test_a_turn_that_fails_fails_the_task_with_its_words(stage: Stage) -> None:
    async with stage('[[reply]]\nfaults = [{error = "authentication"}]\n') as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="x"))
        record = await over(scene, task.id)
        assert (record.status, record.terminal_reason) == ("failed", "failed")
        assert record.error
        assert record.timeline[-1].summary == f"Task failed: {record.error}"


async def test_at_most_so_many_run_at_once_and_first_in_is_first_out(stage: Stage) -> None:
    async with stage(HELD, workers=1) as scene:
        first, second, third = [await scene.runtime.tasks.add(NewTask(prompt=p)) for p in ("a", "b", "c")]
        await held(scene)
        listed = await scene.runtime.tasks.listed(TaskFilter())
        assert [(row.id, row.status) for row in listed.tasks] == [
            (third.id, "queued"),
            (second.id, "queued"),
            (first.id, "running"),
        ]
        assert listed.counts == TaskCounts(queued=2, running=1)
        scene.provider.release("mid")
        await over(scene, third.id)
        ended = [
            event.thread_id
            for event in scene.store.read(None, after=0, limit=1000)
            if isinstance(payload := event.decode(), TaskUpdated) and payload.change == "finished"
        ]
        assert ended == [first.id, second.id, third.id]


async def test_a_queued_task_waits_for_a_process_that_runs_tasks(stage: Stage) -> None:
    async with stage('[[reply]]\ntext = "ok"\n', running=False) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="later"))
        assert changes(scene, task.id) == ["queued"]
        scene.runtime.tasks.start()
        assert (await over(scene, task.id)).status == "completed"


@pytest.mark.parametrize("prompt", ["", " \n "])
async def test_a_task_needs_a_prompt(stage: Stage, prompt: str) -> None:
    async with stage("") as scene:
        with pytest.raises(InvalidInput, match=r"^prompt is required$"):
            await scene.runtime.tasks.add(NewTask(prompt=prompt))


async def test_what_a_name_can_mean(stage: Stage) -> None:
    async with stage("", running=False) as scene:
        one = await scene.runtime.tasks.add(NewTask(prompt="x"))
        assert (await scene.runtime.tasks.record("task_")).id == one.id
        await scene.runtime.tasks.add(NewTask(prompt="y"))
        assert (await scene.runtime.tasks.record(one.id)).id == one.id
        with pytest.raises(InvalidInput, match=r"^Ambiguous task prefix 'task_': matches 2 tasks$"):
            await scene.runtime.tasks.record("task_")
        for missing in ("task_9", "../etc", ""):
            with pytest.raises(NotFound, match=f"^Task not found: {missing}$"):
                await scene.runtime.tasks.record(missing)


async def test_a_queued_task_is_canceled_at_once_and_the_next_one_runs(stage: Stage) -> None:
    async with stage(HELD, workers=1) as scene:
        first, second, third = [await scene.runtime.tasks.add(NewTask(prompt=p)) for p in ("a", "b", "c")]
        await held(scene)
        canceled = await scene.runtime.tasks.cancel(second.id)
        assert (canceled.status, canceled.terminal_reason, canceled.started_at) == ("canceled", "canceled", None)
        assert canceled == await scene.runtime.tasks.cancel(second.id)
        scene.provider.release("mid")
        assert (await over(scene, third.id)).status == "completed"
        assert changes(scene, second.id) == ["queued", "canceled"]
        assert (await over(scene, first.id)).status == "completed"


async def test_cancel_while_the_model_speaks(stage: Stage) -> None:
    async with stage(HELD) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        await held(scene)
        asked = await scene.runtime.tasks.cancel(task.id)
        assert asked.status in ("running", "canceled")
        assert "cancel_requested" in [entry.kind for entry in asked.timeline]
        record = await over(scene, task.id)
        assert (record.status, record.terminal_reason, record.error) == ("canceled", "canceled", None)
        assert record == await scene.runtime.tasks.cancel(task.id)
        assert changes(scene, task.id).count("cancel_requested") == 1


@pytest.mark.parametrize("rounds", range(24))
async def test_a_cancel_at_any_step_of_the_start_is_not_lost(stage: Stage, rounds: int) -> None:
    """The task is canceled however little of it has happened: before its thread, before its turn, before its first event."""
    async with stage(HELD) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        for _ in range(rounds):
            await asyncio.sleep(0)  # noqa: TID251 - lets the task get one step further
        await scene.runtime.tasks.cancel(task.id)
        record = await over(scene, task.id)
        assert (record.status, record.terminal_reason) == ("canceled", "canceled")


async def test_work_that_was_done_before_the_cancel_came_counts(stage: Stage) -> None:
    async with stage('[[reply]]\ntext = "done"\n') as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        record = await over(scene, task.id)
        assert (await scene.runtime.tasks.cancel(task.id)) == record
        assert record.result_summary == "done"


async def test_an_interrupt_by_a_person_cancels_the_task(stage: Stage) -> None:
    async with stage(HELD) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        thread_id = await linked(scene, task.id)
        await held(scene)
        turn = (await scene.runtime.thread(thread_id)).latest_turn_id
        assert turn is not None
        await scene.runtime.interrupt(thread_id, turn)
        record = await over(scene, task.id)
        assert (record.status, record.terminal_reason) == ("canceled", "canceled")


async def test_a_task_that_hears_nothing_is_stopped(stage: Stage) -> None:
    async with stage(HELD) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        await linked(scene, task.id)
        await held(scene)
        await scene.waiter.advance(119)
        assert (await scene.runtime.tasks.record(task.id)).status == "running"
        await scene.waiter.advance(2)
        record = await over(scene, task.id)
        assert (record.status, record.terminal_reason) == ("failed", "idle_timeout")
        assert record.error == "Stopped: nothing happened for 120 s."


SILENT = """
[[reply]]
calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "cat until", timeout_ms = 600000}}]
[[reply]]
text = "ran"
"""


async def test_a_task_whose_call_runs_in_silence_is_not_idle(stage: Stage) -> None:
    async with stage(SILENT) as scene:
        fifo = os.path.join(scene.workspace, "until")
        os.mkfifo(fifo)
        task = await scene.runtime.tasks.add(NewTask(prompt="a", allow_shell=True, auto_approve=True))
        thread_id = await linked(scene, task.id)
        await scene.until(thread_id, ApprovalDecided.WIRE)
        await scene.waiter.advance(500)
        assert (await scene.runtime.tasks.record(task.id)).status == "running"
        async with asyncio.timeout(BOUND):
            await asyncio.to_thread(Path(fifo).write_text, "")
        assert (await over(scene, task.id)).status == "completed"


APPROVAL = """
[[reply]]
calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "echo yes"}}]
[[reply]]
text = "ran"
"""


async def test_a_task_that_waits_for_a_person_is_not_idle(stage: Stage) -> None:
    async with stage(APPROVAL) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        thread_id = await linked(scene, task.id)
        await scene.until(thread_id, ApprovalRequired.WIRE)
        await scene.waiter.advance(1000)
        waiting = await scene.runtime.tasks.record(task.id)
        assert waiting.status == "running"
        assert waiting.timeline[-1].summary.startswith("Waiting for a person (call_1)")
        await scene.runtime.decide("call_1", "allow")
        record = await over(scene, task.id)
        assert (record.status, [(call.name, call.status) for call in record.tool_calls]) == (
            "completed",
            [("exec_shell", "success")],
        )


async def test_a_task_that_takes_too_long_is_stopped_even_while_it_waits(stage: Stage) -> None:
    async with stage(APPROVAL) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        thread_id = await linked(scene, task.id)
        await scene.until(thread_id, ApprovalRequired.WIRE)
        await scene.waiter.advance(1800)
        record = await over(scene, task.id)
        assert (record.status, record.terminal_reason) == ("failed", "wall_timeout")
        assert [call.status for call in record.tool_calls] == ["canceled"]


async def test_a_task_approves_nothing_by_itself_whatever_its_thread_learns_later(stage: Stage) -> None:
    async with stage(APPROVAL) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a", auto_approve=True))
        record = await over(scene, task.id)
        assert (record.auto_approve, record.status) == (True, "completed")
        assert record.thread_id is not None
        await scene.runtime.update_thread(record.thread_id, ThreadPatch(auto_approve=False))
        assert (await scene.runtime.tasks.record(task.id)) == record


async def test_later_turns_on_the_thread_are_not_the_tasks(stage: Stage) -> None:
    async with stage('[[reply]]\ntext = "mine"\n[[reply]]\ntext = "not mine"\n') as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="a"))
        record = await over(scene, task.id)
        assert record.thread_id is not None
        await scene.say(record.thread_id, "more")
        assert (await scene.runtime.tasks.record(task.id)) == record


async def test_shutting_down_fails_what_runs_and_keeps_what_is_queued(stage: Stage) -> None:
    async with stage(HELD, workers=1) as scene:
        first, second = [await scene.runtime.tasks.add(NewTask(prompt=p)) for p in ("a", "b")]
        await held(scene)
        scene.runtime.stop()
        record = await over(scene, first.id)
        assert (record.status, record.terminal_reason) == ("failed", "shutdown")
        assert (await scene.runtime.tasks.record(second.id)).status == "queued"
