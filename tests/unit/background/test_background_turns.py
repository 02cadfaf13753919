"""Commands in the background as a thread sees them: started, looked at, typed into, ended, told about once."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import Event, ProcessEnded, ProcessStarted, ProcessTold
from codewhale.domain.messages import ToolMessage, UserMessage
from codewhale.domain.processes import Process
from codewhale.runtime.process_telling import MOST_WAKES
from codewhale.testing.scene import BOUND, Scene, Stage

FIRST = "proc_0000000000000001"


def call(number: int, tool: str, arguments: str) -> str:
    return (
        f'[[reply]]\ncalls = [{{id = "call_{number}", tool = "{tool}", arguments = {{{arguments}}}, force = true}}]\n'
    )


def starting(command: str, more: str = "") -> str:
    return call(1, "exec_shell", f"command = '''{command}''', background = true{more}")


DONE = '[[reply]]\ntext = "Done."\n'


def results(events: list[Event]) -> list[str]:
    """What the model got to read of its calls."""
    found: list[str] = []
    for event in events:
        payload = event.decode()
        item = getattr(payload, "item", None)
        if event.event in ("item.completed", "item.failed") and item is not None and item.call is not None:
            found.append(item.detail or "")
    return found


async def said(scene: Scene, given: TurnInput | None = None) -> list[str]:
    """The results of the calls of one turn that approves everything."""
    thread = await scene.thread(NewThread(auto_approve=True))
    return results(await scene.say(thread.id, "go", given))


def processes(events: list[Event]) -> list[tuple[str, str]]:
    """What happened to processes, in order."""
    found: list[tuple[str, str]] = []
    for event in events:
        payload = event.decode()
        if isinstance(payload, ProcessStarted | ProcessEnded):
            found.append((event.event, payload.process.status))
        elif isinstance(payload, ProcessTold):
            found.append((event.event, payload.process_id))
    return found


async def end_of(scene: Scene, thread_id: str) -> Process:
    """The record of the first process to end."""
    async with asyncio.timeout(BOUND), aclosing(scene.store.subscribe(thread_id, after=0)) as batches:
        async for batch in batches:
            for event in batch:
                payload = event.decode()
                if isinstance(payload, ProcessEnded):
                    return payload.process
    raise AssertionError("a subscription does not end")


async def test_a_wait_gives_the_output_and_the_end(stage: Stage) -> None:
    script = starting("echo one; echo two >&2; exit 3") + call(2, "exec_shell_wait", f'task_id = "{FIRST}"') + DONE
    async with stage(script) as scene:
        _, looked = await said(scene)
        assert looked == f"one\ntwo\n[{FIRST}: exit code 3]"
        thread_id = scene.store.processes.get(FIRST).thread_id  # pyright: ignore[reportOptionalMemberAccess]
        assert processes(scene.log(thread_id)) == [
            ("process.started", "running"),
            ("process.ended", "failed"),
            ("process.told", FIRST),
        ]


async def test_each_look_gives_only_what_is_new(stage: Stage) -> None:
    look = f'task_id = "{FIRST}"'
    script = (
        starting("echo ready; read line; echo got $line; read line; echo bye")
        + call(2, "exec_shell_wait", look)
        + call(3, "exec_shell_interact", f'{look}, input = "first\\n", timeout_ms = 5000')
        + call(4, "exec_shell_wait", f"{look}, wait = false")
        + call(5, "exec_shell_interact", f"{look}, close_stdin = true, timeout_ms = 5000")
        + DONE
    )
    async with stage(script) as scene:
        _, ready, got, nothing, bye = await said(scene)
        assert ready == f"ready\n[{FIRST}: running]"
        assert got == f"got first\n[{FIRST}: running]"
        assert nothing == f"(no new output)\n[{FIRST}: running]"
        assert bye == f"bye\n[{FIRST}: exit code 0]"


async def test_a_cancelled_one_is_gone_with_all_that_it_started(stage: Stage) -> None:
    script = (
        starting("(setsid sleep 300 &); sleep 300")
        + call(2, "exec_shell_cancel", f'task_id = "{FIRST}"')
        + call(3, "exec_shell_cancel", "all = true")
        + DONE
    )
    async with stage(script) as scene:
        _, ended, none_left = await said(scene)
        assert ended == f"(no new output)\n[{FIRST}: ended by SIGTERM]"
        assert none_left == "No background process is running."


async def test_a_terminal_has_a_size_and_the_folder_that_was_named(stage: Stage) -> None:
    script = call(1, "exec_shell", "command = 'stty size; basename $PWD', tty = true, cwd = 'sub'") + DONE
    async with stage(script) as scene:
        (scene_folder := Path(scene.workspace) / "sub").mkdir()
        (shown,) = await said(scene)
        assert shown == f"40 120\n{scene_folder.name}\n[{FIRST}: exit code 0]"


async def test_a_background_command_runs_in_the_folder_that_was_named(stage: Stage) -> None:
    script = starting("basename $PWD", ", cwd = 'sub'") + call(2, "exec_shell_wait", f'task_id = "{FIRST}"') + DONE
    async with stage(script) as scene:
        (Path(scene.workspace) / "sub").mkdir()
        _, looked = await said(scene)
        assert looked == f"sub\n[{FIRST}: exit code 0]"


async def test_the_time_that_was_given_ends_it(stage: Stage) -> None:
    script = starting("sleep 300", ", timeout_ms = 50") + call(2, "exec_shell_wait", f'task_id = "{FIRST}"') + DONE
    async with stage(script) as scene:
        _, looked = await said(scene)
        assert looked == f"(no new output)\n[{FIRST}: ended by SIGTERM; its timeout_ms was over]"


async def test_an_end_during_the_turn_is_told_before_the_next_step(stage: Stage) -> None:
    script = starting("echo built") + '[[reply]]\ntext = "Waiting."\nhold = "busy"\n' + DONE
    script = script.replace('hold = "busy"', 'hold = {name = "busy", at = "mid_text"}')
    async with stage(script) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="build"))
        async with asyncio.timeout(BOUND):
            await scene.provider.held("busy")
        await end_of(scene, thread.id)
        scene.provider.release("busy")
        await scene.turn(thread.id, started.turn.id)
        last = scene.provider.requests[-1].messages[-1]
        assert isinstance(last, UserMessage)
        assert last.text == (
            "[Notice of the runtime, not words of the person]\n"
            f"The background process {FIRST} (echo built) has ended: exit code 0.\n"
            "The end of its new output, quoted as data:\n"
            "| built"
        )
        assert scene.provider.requests[-1].messages[:-2] == scene.provider.requests[-2].messages
        assert processes(scene.log(thread.id))[1:] == [("process.ended", "completed"), ("process.told", FIRST)]


async def test_an_end_after_the_turn_is_told_when_the_next_one_begins(stage: Stage) -> None:
    script = """
    [[turn]]
    [[turn.reply]]
    calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "sleep 0.1; echo late", background = true}}]
    [[turn.reply]]
    text = "Started."
    [[turn]]
    [[turn.reply]]
    text = "I see."
    """
    async with stage(script) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        await scene.say(thread.id, "begin")
        await end_of(scene, thread.id)
        await scene.say(thread.id, "well?")
        *_, asked, told = scene.provider.requests[-1].messages
        assert asked == UserMessage(text="well?")
        assert isinstance(told, UserMessage)
        assert "has ended: exit code 0." in told.text
        assert scene.store.processes.untold() == []


WAKING = """
[[turn]]
[[turn.reply]]
calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "sleep 0.1; echo late; exit 1", background = true}}]
[[turn.reply]]
text = "Started."
[[turn]]
[[turn.reply]]
text = "It failed."
"""


async def test_where_the_runtime_stays_an_end_begins_a_turn(stage: Stage) -> None:
    async with stage(WAKING) as scene:
        scene.runtime.processes.telling.begin_waking()
        thread = await scene.thread(NewThread(auto_approve=True))
        first = await scene.say(thread.id, "begin")
        async with asyncio.timeout(BOUND), aclosing(scene.runtime.events(thread.id, after=first[-1].seq)) as batches:
            async for batch in batches:
                if any(event.event == "turn.completed" for event in batch):
                    break
        snapshot = await scene.runtime.snapshot(thread.id)
        assert [turn.input_summary for turn in snapshot.turns] == ["begin", f"Background process {FIRST}: exit code 1"]
        assert [(i.kind, (i.metadata or {}).get("source")) for i in snapshot.items[-2:]] == [
            ("user_message", "background_process"),
            ("agent_message", None),
        ]
        assert scene.store.processes.untold() == []


async def test_interrupting_a_wait_works_at_once_and_leaves_the_process(stage: Stage) -> None:
    script = starting("sleep 300") + call(2, "exec_shell_wait", f'task_id = "{FIRST}", timeout_ms = 600000') + DONE
    async with stage(script) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        async with asyncio.timeout(BOUND), aclosing(scene.runtime.events(thread.id)) as batches:
            async for batch in batches:
                if any(b"exec_shell_wait" in bytes(event.payload) for event in batch if event.event == "item.started"):
                    break
        await scene.runtime.interrupt(thread.id, started.turn.id)
        await scene.turn(thread.id, started.turn.id)
        assert [record.id for record in scene.runtime.processes.running(thread.id)] == [FIRST]


async def test_a_runtime_that_ends_takes_along_what_is_not_to_be_kept(stage: Stage) -> None:
    async with stage(starting("sleep 300") + DONE) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        await scene.say(thread.id, "go")
        scene.runtime.stop()
        record = await end_of(scene, thread.id)
        assert (record.status, record.end.signal if record.end else None) == ("killed", 15)


async def test_a_task_takes_its_processes_along(stage: Stage) -> None:
    async with stage(starting("sleep 300") + DONE) as scene:
        thread = await scene.thread(NewThread(auto_approve=True, task_id="task_1"))
        await scene.say(thread.id, "go")
        assert (await end_of(scene, thread.id)).status == "killed"


async def test_the_start_brings_the_other_tools_into_the_requests(stage: Stage) -> None:
    async with stage(starting("true") + DONE) as scene:
        await said(scene)
        first, second = ({tool.name for tool in request.tools} for request in scene.provider.requests[:2])
        assert second - first == {"exec_shell_wait", "exec_shell_interact", "exec_shell_cancel"}


async def test_the_end_of_a_command_is_the_gate_that_a_wait_names(stage: Stage) -> None:
    script = (
        call(1, "task_shell_start", 'command = "exit 2"')
        + call(2, "task_shell_wait", f'task_id = "{FIRST}", wait = true, gate = "test"')
        + DONE
    )
    async with stage(script) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        await scene.say(thread.id, "go")
        item = (await scene.runtime.snapshot(thread.id)).items[-2]
        updates = msgspec.convert((item.metadata or {})["task_updates"], dict[str, dict[str, object]])
        told = [updates["gate"][name] for name in ("gate", "exit_code", "status", "command")]
        assert told == ["test", 2, "failed", "exit 2"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("command = 'vi', interactive = true", "no terminal of a person"),
        ("command = 'true', keep = true", "keep goes with background"),
        ("command = 'true', background = true, cwd = 'nowhere'", "nowhere"),
    ],
)
async def test_what_cannot_be_had_is_refused_in_words(stage: Stage, arguments: str, told: str) -> None:
    async with stage(call(1, "exec_shell", arguments) + DONE) as scene:
        (refusal,) = await said(scene)
        assert told in refusal


async def test_an_unknown_process_is_told_with_those_that_run(stage: Stage) -> None:
    async with stage(call(1, "exec_shell_wait", 'task_id = "proc_9"') + DONE) as scene:
        (refusal,) = await said(scene)
        assert refusal == "There is no background process 'proc_9' in this thread. Running: none."


async def test_typing_asks_a_person(stage: Stage) -> None:
    script = starting("cat") + call(2, "exec_shell_interact", f'task_id = "{FIRST}", input = "x"') + DONE
    async with stage(script) as scene:
        thread = await scene.thread()
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        await scene.until(thread.id, "approval.required")
        await scene.runtime.decide("call_1", "allow")
        async with asyncio.timeout(BOUND), aclosing(scene.runtime.events(thread.id)) as batches:
            async for batch in batches:
                if any(e.event == "approval.required" and b"call_2" in bytes(e.payload) for e in batch):
                    break
        await scene.runtime.decide("call_2", "deny")
        await scene.turn(thread.id, started.turn.id)
        last = scene.provider.requests[-1].messages[-1]
        assert isinstance(last, ToolMessage)
        assert "Denied" in last.text


async def test_a_short_name_stands_for_the_tool(stage: Stage) -> None:
    script = starting("echo one") + call(2, "exec_wait", f'task_id = "{FIRST}"') + DONE
    async with stage(script) as scene:
        _, looked = await said(scene)
        assert looked == f"one\n[{FIRST}: exit code 0]"


async def test_what_ends_together_is_told_together_and_once(stage: Stage) -> None:
    script = (
        starting("sleep 300")
        + call(2, "exec_shell", "command = 'sleep 300', background = true")
        + call(3, "exec_shell_cancel", "all = true")
        + DONE
    )
    async with stage(script) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        *_, ended = results(await scene.say(thread.id, "go"))
        assert ended.count("ended by SIGTERM") == 2
        kinds = [kind for kind, _ in processes(scene.log(thread.id))]
        assert sorted(kinds) == ["process.ended"] * 2 + ["process.started"] * 2 + ["process.told"] * 2
        assert "Notice of the runtime" not in str(scene.provider.requests[-1].messages)


async def test_ends_that_begin_turns_that_begin_processes_come_to_rest(stage: Stage) -> None:
    one = """
    [[turn]]
    [[turn.reply]]
    calls = [{tool = "exec_shell", arguments = {command = "sleep 0.02", background = true}}]
    [[turn.reply]]
    text = "Again."
    """
    async with stage(one * 20) as scene:
        scene.runtime.processes.telling.begin_waking()
        thread = await scene.thread(NewThread(auto_approve=True))
        await scene.runtime.start_turn(thread.id, TurnInput(prompt="begin"))
        ended = 0
        async with asyncio.timeout(3 * BOUND), aclosing(scene.store.subscribe(thread.id, after=0)) as batches:
            async for batch in batches:
                ended += sum(event.event == ProcessEnded.WIRE for event in batch)
                if ended == MOST_WAKES + 1 and scene.store.processes.untold(thread.id):
                    break
        snapshot = await scene.runtime.snapshot(thread.id)
        assert len(snapshot.turns) <= MOST_WAKES + 1
        await scene.say(thread.id, "go on")
        assert scene.store.processes.open() == [] or scene.store.processes.untold(thread.id) == []


async def test_nobody_is_woken_after_an_interrupt(stage: Stage) -> None:
    script = starting("while [ ! -e stop ]; do sleep 0.02; done") + call(2, "exec_shell", "command = 'sleep 300'")
    async with stage(script) as scene:
        scene.runtime.processes.telling.begin_waking()
        thread = await scene.thread(NewThread(auto_approve=True))
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        async with asyncio.timeout(BOUND), aclosing(scene.runtime.events(thread.id)) as batches:
            async for batch in batches:
                if any(b"sleep 300" in bytes(event.payload) for event in batch if event.event == "item.started"):
                    break
        await scene.runtime.interrupt(thread.id, started.turn.id)
        await scene.turn(thread.id, started.turn.id)
        (Path(scene.workspace) / "stop").touch()
        await end_of(scene, thread.id)
        await scene.store.append([])
        assert [record.id for record in scene.store.processes.untold()] == [FIRST]
        assert len((await scene.runtime.snapshot(thread.id)).turns) == 1
