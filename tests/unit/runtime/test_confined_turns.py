"""Turns whose commands are confined: the mode decides by what, the log says what was refused."""

from pathlib import Path

import msgspec
import pytest

from codewhale.domain.commands import NewThread
from codewhale.domain.events import ItemCompleted, ItemFailed, SandboxDenied
from codewhale.testing.scene import Scene, scene
from codewhale.workspace.processes import Processes

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
DONE = '[[reply]]\ntext = "Done."\n'


@pytest.fixture(autouse=True)
def tier() -> str:
    processes = Processes(ENVIRON)
    found = processes.proof().tier
    processes.close()
    if found == "none":
        pytest.skip("NOT TRIED: nothing confines programs here")
    return found


def script(tool: str, arguments: str) -> str:
    return f'[[reply]]\ncalls = [{{id = "call_1", tool = "{tool}", arguments = {arguments}}}]\n{DONE}'


async def told(stage: Scene, mode: str) -> tuple[dict[str, object], list[str]]:
    """The metadata of the one call in a thread of this mode, and the refusals in the log."""
    thread = await stage.thread(NewThread(mode=mode, auto_approve=True))
    await stage.say(thread.id, "do it")
    refused: list[str] = []
    metadata: dict[str, object] = {}
    for event in stage.log(thread.id):
        payload = msgspec.json.decode(event.payload)
        if event.event == SandboxDenied.WIRE:
            refused.append(payload["reason"])
        elif event.event in (ItemCompleted.WIRE, ItemFailed.WIRE) and payload["item"]["kind"] == "command_execution":
            metadata = payload["item"]["metadata"]
    return metadata, refused


async def test_a_write_outside_is_refused_and_on_record(tmp_path: Path, tier: str) -> None:
    command = '{command = "echo x >/usr/codewhale-was-here"}'
    async with scene(str(tmp_path), script("exec_shell", command), environ=ENVIRON) as stage:
        metadata, refused = await told(stage, "agent")
    assert (metadata["sandboxed"], metadata["confined_by"], metadata["sandbox_type"]) == (True, tier, tier)
    assert "write outside the writable folders" in str(metadata["sandbox_denied"])
    assert len(refused) == 1
    assert "codewhale-was-here" in refused[0]


async def test_a_cage_that_cannot_be_set_up_is_an_error_on_record(tmp_path: Path) -> None:
    (tmp_path / ".agents").symlink_to(tmp_path)
    command = '{command = "echo x >canary"}'
    async with scene(str(tmp_path), script("exec_shell", command), environ=ENVIRON) as stage:
        metadata, refused = await told(stage, "agent")
    assert metadata["error"] == "sandbox_setup_failed"
    assert ".agents" in refused[0]
    assert not (tmp_path / "canary").exists()


async def test_yolo_is_not_confined_and_says_so(tmp_path: Path) -> None:
    async with scene(str(tmp_path), script("exec_shell", '{command = "echo x"}'), environ=ENVIRON) as stage:
        metadata, refused = await told(stage, "yolo")
    assert (metadata["sandboxed"], metadata["confined_by"], refused) == (False, "none", [])


async def test_what_steers_git_and_was_changed_is_told(tmp_path: Path) -> None:
    (tmp_path / "plant.sh").write_text("mkdir -p sub/.git/hooks; echo x >sub/.git/hooks/post-checkout\n")
    async with scene(str(tmp_path), script("exec_shell", '{command = "sh plant.sh"}'), environ=ENVIRON) as stage:
        thread = await stage.thread(NewThread(auto_approve=True))
        payloads = [event.decode() for event in await stage.say(thread.id, "do it")]
    items = [payload.item for payload in payloads if isinstance(payload, ItemCompleted)]
    hook = str(tmp_path / "sub" / ".git" / "hooks" / "post-checkout")
    (told_of,) = [item.metadata["integrity_changed"] for item in items if item.metadata and item.call]
    assert hook in str(told_of)
    (note,) = [item.detail for item in items if item.kind == "status"]
    assert note is not None
    assert note.startswith("exec_shell changed files that steer git, agents or editors: ")
    assert hook in note
