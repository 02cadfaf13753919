"""Programs in a turn's confinement: what their results say, and that a cage that fails runs nothing."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from codewhale.domain.confinement import confinement
from codewhale.domain.errors import ToolError
from codewhale.workspace.processes import Command, Processes, ProcessResult

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Held:
    """A workspace and programs that are confined to it."""

    def __init__(self, folder: Path) -> None:
        self.ws = folder.resolve() / "ws"
        self.ws.mkdir()
        self.whole = Processes(ENVIRON)
        if self.whole.proof().tier == "none":
            pytest.skip(f"NOT TRIED: nothing confines programs here: {self.whole.proof().missing}")
        self.processes = self.whole.confined(confinement("workspace-write", str(self.ws), None))

    async def run(self, script: str) -> ProcessResult:
        command = Command(argv=self.processes.shell(script), cwd=str(self.ws), timeout=30)
        return await self.processes.run(command)


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[Held]:
    made = Held(tmp_path)
    yield made
    made.whole.close()


async def test_a_result_says_what_confined_it_and_the_workspace_is_clean_afterwards(held: Held) -> None:
    result = await held.run("echo x >file; echo $TMPDIR >$TMPDIR/kept")
    assert (result.exit_code, result.confined_by, result.denied, result.changed) == (0, held.whole.known_tier, None, ())
    assert os.listdir(held.ws) == ["file"]
    assert (await held.run("cat $TMPDIR/kept")).exit_code == 0


async def test_a_denied_write_is_told(held: Held) -> None:
    outside = held.ws.parent / "outside"
    outside.mkdir()
    result = await held.run(f"echo x >/usr/codewhale-was-here || echo x >{outside}/file")
    assert result.exit_code != 0
    assert "write outside the writable folders" in (result.denied or "")
    assert os.listdir(outside) == []


async def test_what_could_not_be_kept_from_being_planted_is_told(held: Held) -> None:
    result = await held.run("mkdir -p sub/.git/hooks && echo x >sub/.git/hooks/pre-commit")
    assert str(held.ws / "sub" / ".git" / "hooks" / "pre-commit") in result.changed


async def test_a_cage_that_cannot_be_set_up_runs_nothing(held: Held) -> None:
    (held.ws / ".cursor").symlink_to(held.ws)
    with pytest.raises(ToolError) as raised:
        await held.run("echo x >canary")
    assert raised.value.category == "sandbox_setup_failed"
    assert not (held.ws / "canary").exists()


async def test_the_environment_has_no_proxy_and_no_runtime_folder(held: Held) -> None:
    environ = {**ENVIRON, "HTTPS_PROXY": "http://user:word@proxy:1", "XDG_RUNTIME_DIR": "/run/user/0"}
    whole = Processes(environ)
    inside = whole.confined(confinement("workspace-write", str(held.ws), None))
    result = await inside.run(Command(argv=("/usr/bin/env",), cwd=str(held.ws)))
    whole.close()
    assert "proxy" not in result.stdout.text.lower()
    assert "XDG_RUNTIME_DIR" not in result.stdout.text
