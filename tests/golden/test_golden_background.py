"""A turn with a server in the background: started, looked at, typed into, ended. The .jsonl file beside this one is its log."""

from pathlib import Path

from codewhale.domain.commands import NewThread
from codewhale.testing.scene import Extras, SameLog, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
SCRIPT = """
[[reply]]
text = "Starting it."
calls = [{id = "call_1", tool = "exec_shell", arguments = {command = "echo listening; read word; echo got $word; read never", background = true}}]
[[reply]]
calls = [{id = "call_2", tool = "exec_shell_wait", arguments = {task_id = "proc_0000000000000001"}}]
[[reply]]
calls = [{id = "call_3", tool = "exec_shell_interact", arguments = {task_id = "proc_0000000000000001", input = "hello\\n", timeout_ms = 5000}}]
[[reply]]
calls = [{id = "call_4", tool = "exec_shell_cancel", arguments = {task_id = "proc_0000000000000001"}}]
[[reply]]
text = "It works."
"""


async def test_a_server_in_the_background(tmp_path: Path, same_log: SameLog) -> None:
    workspace = tmp_path / "work"
    workspace.mkdir()
    extras = Extras(processes_dir=str(tmp_path / "processes"))
    async with scene(str(workspace), SCRIPT, environ=ENVIRON, extras=extras) as stage:
        thread = await stage.thread(NewThread(auto_approve=True))
        await stage.say(thread.id, "try the server")
        same_log(stage, thread.id, "background")
