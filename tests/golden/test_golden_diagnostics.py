"""What the model sees of diagnostics: in the result of the edit that brought them, or before its next step."""

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

from codewhale.domain.messages import AssistantMessage, ToolMessage, UserMessage
from codewhale.runtime.threads import Defaults
from codewhale.testing.edit_turn import scripted
from codewhale.testing.scene import BOUND, MODEL, Extras, SameLog, Scene, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
NOTE = (
    "The language server has finished with your last edits.\n"
    '<diagnostics file="a.txt">\nERROR [1:5] bad &lt;word&gt; in line\n</diagnostics>'
)
EDITS = """
[[reply]]
calls = [{id = "call_1", tool = "write_file", arguments = {path = "a.txt", content = "BAD before\\nand BAD\\n"}}]
[[reply]]
calls = [{id = "call_2", tool = "edit_file", arguments = {path = "a.txt", search = "before", replace = "as before"}}]
[[reply]]
calls = [{id = "call_3", tool = "apply_patch", arguments = {changes = [
  {path = "a.txt", content = "BAD as before\\nand good\\nnew BAD & worse\\n"}, {path = "b.txt", content = "DUBIOUS\\n"},
]}}]
[[reply]]
calls = [{id = "call_f", tool = "tool_search", arguments = {query = "diagnostics"}}]
[[reply]]
calls = [{id = "call_4", tool = "diagnostics", arguments = {path = "a.txt"}}]
[[reply]]
text = "Done."
"""


def always(workspace: Path) -> Defaults:
    """Nothing is asked."""
    return Defaults(model=MODEL, workspace=str(workspace), allow_shell=True, auto_approve=True)


async def test_an_edit_comes_with_what_it_broke(tmp_path: Path, same_log: SameLog) -> None:
    (tmp_path / "a.txt").write_text("BAD before\n")
    async with scene(
        str(tmp_path), EDITS, environ=ENVIRON, defaults=always(tmp_path), extras=Extras(lsp=scripted("push"))
    ) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "edit")
        same_log(stage, thread.id, "diagnostics")


LATE = """
[[reply]]
calls = [{id = "call_1", tool = "write_file", arguments = {path = "a.txt", content = "new BAD\\n"}}]
[[reply]]
text = "Done."
hold = {at = "before_done", name = "finding"}
[[reply]]
text = "Done indeed."
"""


async def noted(stage: Scene, thread_id: str) -> None:
    """Wait for the note in the log."""
    async with asyncio.timeout(BOUND), aclosing(stage.runtime.events(thread_id)) as batches:
        async for batch in batches:
            if any(b'"metadata":{"source":"diagnostics"}' in bytes(one.payload) for one in batch):
                return


async def test_a_late_finding_is_read_in_one_more_step(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("good\n")
    os.mkfifo(tmp_path / "pipe")
    lsp = scripted("late", str(tmp_path / "pipe"), wait_ms=800)
    async with scene(str(tmp_path), LATE, environ=ENVIRON, defaults=always(tmp_path), extras=Extras(lsp=lsp)) as stage:
        thread = await stage.thread()
        async with asyncio.TaskGroup() as group:
            turn = group.create_task(stage.say(thread.id, "edit"))
            await stage.provider.held("finding")
            await asyncio.to_thread((tmp_path / "pipe").write_text, "")
            await noted(stage, thread.id)
            stage.provider.release("finding")
            await turn
    *_, result, answer, note = stage.provider.requests[-1].messages
    assert isinstance(result, ToolMessage)
    assert "pending" in result.text
    assert isinstance(answer, AssistantMessage)
    assert note == UserMessage(text=NOTE)
