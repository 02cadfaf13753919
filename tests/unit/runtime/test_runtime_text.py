"""What comes in with half a surrogate pair is recorded without it: nothing crashes further in."""

import msgspec
import pytest

from codewhale.domain.commands import NewThread, ThreadPatch, TurnInput
from codewhale.domain.errors import InvalidInput
from codewhale.domain.events import TurnCompleted
from codewhale.domain.requests import Answer
from codewhale.domain.views import ThreadFilter
from codewhale.testing.scene import Stage

ODD = b"caf\xe9".decode("utf-8", "surrogateescape")
KEPT = "caf\ufffd"

SCRIPT = """
[[reply]]
text = "One question."
[[reply.calls]]
id = "call_1"
tool = "request_user_input"
[[reply.calls.arguments.questions]]
header = "Name"
id = "name"
question = "Which name?"
allow_free_text = true
options = [{label = "a", description = "short"}, {label = "b", description = "long"}]
[[reply]]
text = "Thanks."
"""


async def test_every_door_takes_odd_text(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        runtime = scene.runtime
        thread = await runtime.create_thread(NewThread(title=ODD, system_prompt=ODD, allow_shell=False))
        await runtime.update_thread(thread.id, ThreadPatch(title=f"{ODD} again"))
        started = await runtime.start_turn(thread.id, TurnInput(prompt=ODD, input_summary=ODD))
        await scene.until(thread.id, "user_input.required")
        await runtime.steer(thread.id, started.turn.id, f"{ODD}!")
        await runtime.answer(thread.id, "call_1", [Answer(id="name", label=ODD, value=ODD)])
        ended = (await scene.turn(thread.id, started.turn.id))[-1].decode()
        assert isinstance(ended, TurnCompleted)
        assert ended.turn.status == "completed"
        snapshot = await runtime.snapshot(thread.id)
        assert snapshot.thread.title == f"{KEPT} again"
        assert snapshot.thread.system_prompt == KEPT
        assert [item.detail for item in snapshot.items if item.kind == "user_message"] == [KEPT, f"{KEPT}!"]
        assert msgspec.json.encode(snapshot)
        assert [row.id for row in await runtime.summaries(ThreadFilter(search=KEPT))] == [thread.id]
        assert await runtime.threads(ThreadFilter(search=ODD)) == [snapshot.thread]


async def test_a_workspace_that_cannot_be_written_down_is_refused(stage: Stage) -> None:
    async with stage(SCRIPT) as scene:
        with pytest.raises(InvalidInput, match="not UTF-8"):
            await scene.runtime.create_thread(NewThread(workspace=f"/tmp/{ODD}"))
