"""In a turn: the model is told why a command is never run, and a person sees the verdict before and beside the result."""

import os
from pathlib import Path

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.events import ApprovalDecided, ApprovalRequired, ItemCompleted, ItemFailed, Payload
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, scene


def script(command: str) -> str:
    return f"""
    [[reply]]
    calls = [{{id = "call_1", tool = "exec_shell", arguments = {{command = '{command}'}}}}]
    [[reply]]
    text = "Done."
    """


async def payloads(tmp_path: Path, command: str) -> list[Payload]:
    """What a thread that approves everything by itself records when the model runs the command."""
    defaults = Defaults(model=MODEL, workspace=str(tmp_path), allow_shell=True, auto_approve=True)
    environ = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/home/someone"}
    async with scene(str(tmp_path), script(command), environ=environ, defaults=defaults) as stage:
        thread = await stage.thread(NewThread())
        return [event.decode() for event in await stage.say(thread.id, "go", TurnInput(prompt="go"))]


async def test_a_forbidden_command_is_not_run_though_everything_is_approved(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    found = await payloads(tmp_path, "touch made; rm -rf .git")
    (failed,) = [p for p in found if isinstance(p, ItemFailed)]
    assert failed.item.detail is not None
    assert failed.item.detail.startswith("Not allowed: it would destroy the history of the repository (.git).")
    assert failed.item.metadata is not None
    assert failed.item.metadata["safety_level"] == "forbid"
    assert not [p for p in found if isinstance(p, ApprovalRequired | ApprovalDecided)]
    assert os.listdir(tmp_path) == [".git"]


async def test_a_person_sees_the_verdict(tmp_path: Path) -> None:
    found = await payloads(tmp_path, "touch made")
    (required,) = [p for p in found if isinstance(p, ApprovalRequired)]
    assert (required.matched_rule, required.safety_level) == ("auto_approve", "ask")
    assert required.safety_reason == "touch is not on the list of commands known to only read"
    (ran,) = [p.item for p in found if isinstance(p, ItemCompleted) and p.item.kind == "command_execution"]
    assert ran.metadata is not None
    assert (ran.metadata["safety_level"], ran.metadata["exit_code"]) == ("ask", 0)
