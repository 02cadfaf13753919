"""Tasks that a turn queues: never more than the turn may do, known by their origin, and only those of its workspace."""

from pathlib import Path

import pytest

from codewhale.domain.commands import NewThread
from codewhale.domain.task_record import TaskRecord
from codewhale.domain.tasks import NewTask, TaskFilter
from codewhale.runtime.threads import Defaults
from codewhale.testing.call_script import calls, results
from codewhale.testing.scene import MODEL, Scene, Stage

EVERYTHING = {"prompt": "go on", "mode": "yolo", "allow_shell": True, "trust_mode": True, "auto_approve": True}


async def said(scene: Scene, new: NewThread | None = None) -> list[str]:
    thread = await scene.thread(new or NewThread(auto_approve=True))
    return [item.detail or "" for item in results(await scene.say(thread.id, "go"))]


async def only_task(scene: Scene) -> TaskRecord:
    (row,) = (await scene.runtime.tasks.listed(TaskFilter())).tasks
    return await scene.runtime.tasks.record(row.id)


@pytest.mark.parametrize(
    ("creator", "given"),
    [
        (NewThread(auto_approve=True), ("agent", True, False, True)),
        (NewThread(auto_approve=True, allow_shell=False), ("agent", False, False, True)),
        (NewThread(mode="yolo"), ("yolo", True, False, True)),
        (NewThread(auto_approve=True, trust_mode=True), ("agent", True, True, True)),
    ],
)
async def test_a_task_gets_at_most_what_its_creator_may(
    stage: Stage, creator: NewThread, given: tuple[str, bool, bool, bool]
) -> None:
    async with stage(calls(("task_create", EVERYTHING))) as scene:
        await said(scene, creator)
        task = await only_task(scene)
        assert (task.mode, task.allow_shell, task.trust_mode, task.auto_approve) == given


async def test_without_asking_for_more_a_task_asks_before_it_acts(stage: Stage) -> None:
    async with stage(calls(("task_create", {"prompt": "go on"}))) as scene:
        (text,) = await said(scene, NewThread(mode="yolo"))
        task = await only_task(scene)
        assert (task.mode, task.allow_shell, task.trust_mode, task.auto_approve) == ("agent", False, False, False)
        assert text == f"Queued {task.id}. It runs when the server has a free place; task_read shows how it stands."


async def test_what_it_was_not_given_is_said(stage: Stage) -> None:
    async with stage(calls(("task_create", EVERYTHING))) as scene:
        (text,) = await said(scene)
        assert text.endswith("Not given, because this thread may not either: mode yolo (it is agent), trust_mode.")


async def test_a_task_knows_the_turn_that_queued_it(stage: Stage) -> None:
    async with stage(calls(("task_create", {"prompt": "go on"}))) as scene:
        thread = await scene.thread(NewThread(auto_approve=True))
        events = await scene.say(thread.id, "go")
        task = await only_task(scene)
        assert (task.origin_thread_id, task.origin_turn_id) == (thread.id, events[0].turn_id)
        assert task.workspace == scene.workspace


async def test_nobody_queues_work_elsewhere_unasked(stage: Stage, tmp_path: Path) -> None:
    (Path(tmp_path) / "work" / "sub").mkdir()
    elsewhere = calls(
        ("task_create", {"prompt": "a", "workspace": ".git"}),
        ("task_create", {"prompt": "a", "workspace": "sub"}),
        ("task_create", {"prompt": "a", "workspace": str(tmp_path)}),
        ("task_create", {"prompt": "a", "workspace": "."}),
    )
    async with stage(elsewhere) as scene:
        *refused, last = await said(scene)
        assert all("Queued" not in text for text in refused)
        assert "approves by itself" in refused[1]
        assert last.startswith("Queued")
        assert (await only_task(scene)).workspace == scene.workspace


async def test_creating_asks_and_plan_mode_has_no_way_to(stage: Stage) -> None:
    script = calls(("task_create", {"prompt": "a"}))
    async with stage(script, Defaults(model=MODEL, workspace="/", never_ask=True)) as scene:
        (denied,) = await said(scene, NewThread(workspace=scene.workspace))
        assert denied == "Not allowed: task_create needs an approval and nobody is asked."
    async with stage(script) as scene:
        (refused,) = await said(scene, NewThread(mode="plan", auto_approve=True))
        assert "this is plan mode" in refused
        assert (await scene.runtime.tasks.listed(TaskFilter())).tasks == ()


async def test_the_queue_is_bounded_for_turns(stage: Stage) -> None:
    async with stage(calls(("task_create", {"prompt": "one more"}))) as scene:
        for _ in range(64):
            await scene.runtime.tasks.add(NewTask(prompt="p"))
        (refused,) = await said(scene)
        assert refused.startswith("64 tasks are waiting or running")


async def test_tasks_are_listed_read_and_canceled(stage: Stage) -> None:
    script = calls(
        ("task_list", {}),
        ("task_read", {"task_id": "task_"}),
        ("task_cancel", {"task_id": "task_"}),
        ("task_read", {"task_id": "task_nobody"}),
    )
    async with stage(script) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="look\naround"))
        listed, read, canceled, unknown = await said(scene)
        assert listed == f"{task.id}  {task.created_at[:16].replace('T', ' ')}  queued     look around"
        assert read.splitlines()[0] == f"{task.id}: queued"
        assert "prompt: look around" in read
        assert canceled == f"{task.id}: canceled."
        assert unknown == "Task not found: task_nobody"


async def test_tasks_of_other_workspaces_are_not_to_be_had(stage: Stage, tmp_path: Path) -> None:
    script = calls(("task_list", {}), ("task_read", {"task_id": "task_"}), ("task_cancel", {"task_id": "task_"}))
    async with stage(script) as scene:
        task = await scene.runtime.tasks.add(NewTask(prompt="secret", workspace=str(tmp_path)))
        listed, *refused = await said(scene)
        assert listed == "There are no tasks of this workspace."
        assert refused == [f"{task.id} is a task of another workspace."] * 2
        assert (await only_task(scene)).status == "queued"


async def test_a_gate_goes_on_the_record_of_its_task_with_its_whole_log(stage: Stage) -> None:
    command = "seq 1 20000; echo '--- FAIL: TestPort'; exit 1"
    script = calls(("task_gate_run", {"gate": "test", "command": command}))
    async with stage(script) as scene:
        queued = await scene.runtime.tasks.add(NewTask(prompt="prove it", allow_shell=True, auto_approve=True))
        scene.runtime.tasks.start()
        task = await scene.runtime.tasks.ended(queued.id)
        (gate,) = task.gates
        assert (gate.gate, gate.command, gate.cwd) == ("test", command, scene.workspace)
        assert (gate.exit_code, gate.status, gate.classification) == (1, "failed", "test_failure")
        (artifact,) = task.artifacts
        assert (artifact.label, artifact.path) == ("test gate log", gate.log_path)
        log = await scene.runtime.tasks.text(task.id, artifact.path)
        assert log.text == "".join(f"{number}\n" for number in range(1, 20001)) + "--- FAIL: TestPort\n"
        output = task.tool_calls[0].output_summary or ""
        assert output.startswith("Gate test: failed, exit code 1, test_failure: --- FAIL: TestPort")
        kinds = [entry.kind for entry in task.timeline]
        assert kinds.index("tool_completed") < kinds.index("gate") < kinds.index("artifact")


async def test_a_gate_outside_of_a_task_says_so_and_its_log_can_be_read_back(stage: Stage) -> None:
    script = calls(
        ("task_gate_run", {"gate": "fmt", "command": "seq 1 9999"}),
        ("retrieve_tool_result", {"ref": "sha256:69102a5a", "mode": "query", "query": "4321"}),
    )
    async with stage(script) as scene:
        gate, _ = await said(scene)
        first, where, _, *shown = gate.splitlines()
        assert first == "Gate fmt: passed, exit code 0"
        assert where.startswith("This thread belongs to no task, so it stands here only. The whole log: ")
        assert (shown[0], shown[-1]) == ("1", "9999")
        assert any("characters left out" in line for line in shown)


async def test_a_gate_is_judged_like_any_command(stage: Stage) -> None:
    script = calls(("task_gate_run", {"gate": "custom", "command": "rm -rf /"}))
    async with stage(script) as scene:
        (refused,) = await said(scene)
        assert refused.startswith("Not allowed: ")
