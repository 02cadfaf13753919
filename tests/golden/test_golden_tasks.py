"""A gate that a task runs: what stands in the log of its thread."""

from codewhale.domain.tasks import NewTask
from codewhale.testing.call_script import calls
from codewhale.testing.scene import SameLog, Stage


async def test_a_gate_in_a_task(stage: Stage, same_log: SameLog) -> None:
    script = calls(
        ("checklist_write", {"todos": [{"content": "prove it", "status": "in_progress"}]}),
        ("task_gate_run", {"gate": "test", "command": "echo 'port 80'; echo '--- FAIL: TestA'; exit 1"}),
    )
    async with stage(script) as scene:
        queued = await scene.runtime.tasks.add(NewTask(prompt="prove it", allow_shell=True, auto_approve=True))
        scene.runtime.tasks.start()
        task = await scene.runtime.tasks.ended(queued.id)
        assert task.thread_id is not None
        same_log(scene, task.thread_id, "gate_in_task")
