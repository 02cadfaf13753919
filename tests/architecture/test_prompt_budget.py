"""The system text and the tools of a thread's first request: at most 6,000 tokens of four characters, whatever the mode."""

from pathlib import Path

import msgspec
import pytest

from codewhale.context.parts import base_prompt
from codewhale.domain.commands import NewThread
from codewhale.testing.scene import scene
from codewhale.tools.registry import every_spec

TOKENS = 6000
CHARS_PER_TOKEN = 4


@pytest.mark.parametrize("mode", ["agent", "plan", "yolo"])
async def test_the_first_request_is_small(tmp_path: Path, mode: str) -> None:
    async with scene(str(tmp_path), '[[reply]]\ntext = "Hello."\n', environ={}) as stage:
        thread = await stage.thread(NewThread(mode=mode, allow_shell=True))
        await stage.say(thread.id, "hello")
        asked = stage.provider.requests[0]
        tools = {tool.name: len(msgspec.json.encode(tool)) for tool in asked.tools}
        assert "tool_search" in tools
        assert (len(asked.system) + sum(tools.values())) / CHARS_PER_TOKEN <= TOKENS, tools


def test_the_base_prompt_is_short() -> None:
    assert len(base_prompt()) / CHARS_PER_TOKEN <= 1500


def test_no_tool_is_described_in_more_than_sixty_words() -> None:
    assert [tool.name for tool in every_spec() if len(tool.description.split()) > 60] == []
