"""The watch of a turn: an interrupt and the end of the runtime end its checks, and edits that were not made have none."""

import asyncio
from pathlib import Path

import pytest

from codewhale.domain.commands import TurnInput
from codewhale.domain.language_servers import LspSettings
from codewhale.domain.messages import ToolMessage
from codewhale.runtime.edit_diagnostics import language_programs
from codewhale.runtime.threads import Defaults
from codewhale.testing.edit_turn import PLAIN, scripted
from codewhale.testing.scene import BOUND, MODEL, Extras, scene

WRITE = """
[[reply]]
calls = [{id = "call_1", tool = "write_file", arguments = {path = "a.txt", content = "new BAD"}}]
[[reply]]
text = "Done."
"""
PATCH = "diff --git a/a.txt b/b.txt\\nrename from a.txt\\nrename to b.txt\\n--- a/a.txt\\n+++ b/b.txt\\n@@ -1 +1 @@\\n-good\\n+BAD\\n"
RENAME = f"""
[[reply]]
calls = [{{id = "call_1", tool = "apply_patch", arguments = {{patch = "{PATCH}"}}}}]
[[reply]]
calls = [{{id = "call_2", tool = "write_file", arguments = {{path = "../a.txt", content = "BAD"}}}}]
[[reply]]
text = "Done."
"""


def always(workspace: Path) -> Defaults:
    """Nothing is asked."""
    return Defaults(model=MODEL, workspace=str(workspace), allow_shell=True, auto_approve=True)


@pytest.mark.parametrize("how", ["interrupt", "end"])
async def test_nobody_waits_for_a_check_that_nobody_wants(workspace: Path, how: str) -> None:
    extras = Extras(lsp=scripted("mute", wait_ms=60_000))
    async with asyncio.timeout(BOUND):
        async with scene(str(workspace), WRITE, environ=PLAIN, defaults=always(workspace), extras=extras) as stage:
            thread = await stage.thread()
            started = await stage.runtime.start_turn(thread.id, TurnInput(prompt="edit"))
            await stage.until(thread.id, "approval.decided")
            if how == "interrupt":
                await stage.runtime.interrupt(thread.id, started.turn.id)
                await stage.turn(thread.id, started.turn.id)


async def test_a_patch_is_checked_where_it_leads_and_a_refused_edit_is_not(workspace: Path) -> None:
    (workspace / "a.txt").write_text("good\n")
    extras = Extras(lsp=scripted("push"))
    async with scene(str(workspace), RENAME, environ=PLAIN, defaults=always(workspace), extras=extras) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "edit")
        [patched, refused] = [one for one in stage.provider.requests[-1].messages if isinstance(one, ToolMessage)]
    assert patched.text.endswith('<diagnostics file="b.txt">\nERROR [1:1] bad &lt;word&gt; in line\n</diagnostics>')
    assert "diagnostics" not in refused.text


async def test_an_edit_without_patience_is_told_later(workspace: Path) -> None:
    extras = Extras(lsp=scripted("push", wait_ms=0))
    async with scene(str(workspace), WRITE, environ=PLAIN, defaults=always(workspace), extras=extras) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "edit")
        [told, *_] = [one for one in stage.provider.requests[-1].messages if isinstance(one, ToolMessage)]
    assert "pending: the language server is not done" in told.text


def test_doctor_knows_every_language(workspace: Path) -> None:
    found = language_programs(LspSettings(), {"PATH": str(workspace)}, str(workspace))
    assert found == dict.fromkeys(("python", "typescript", "go", "rust", "cpp"))
