"""A client that never gives a result: the call fails, the turn goes on."""

import pytest

from codewhale.domain.commands import TurnInput
from codewhale.domain.events import ToolCallTimeout
from codewhale.domain.requests import ClientTool
from codewhale.engine import client_tools
from codewhale.testing.scene import Stage

LOOKUP = ClientTool(name="lookup", description="Looks up.", input_schema={"type": "object"})
SCRIPT = """
[[reply]]
calls = [{ tool = "lookup", id = "call_1", arguments = {} }]
[[reply]]
text = "{{result}}"
"""


async def test_silence_is_a_failure_of_unknown_effect(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_tools, "CLIENT_TOOL_TIMEOUT_SECS", 0)
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        seen = await scene.say(thread.id, "go", TurnInput(prompt="go", dynamic_tools=(LOOKUP,)))
        (timeout,) = [event.decode() for event in seen if event.event == ToolCallTimeout.WIRE]
        assert timeout == ToolCallTimeout(call_id="call_1", timeout_secs=0)
        items = (await scene.runtime.snapshot(thread.id)).items
        told = "The client gave no result within 0 s; whether it ran the call is not known."
        assert [item.detail for item in items[1:]] == [told, told]


async def test_too_many_waiting_calls_fail_at_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_tools, "CLIENT_TOOLS_PENDING", 0)
    async with stage(SCRIPT) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "go", TurnInput(prompt="go", dynamic_tools=(LOOKUP,)))
        items = (await scene.runtime.snapshot(thread.id)).items
        assert items[1].detail == "0 calls wait for their client already."
