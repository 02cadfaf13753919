"""LH-06: a whole session with a token that can be told apart, and then a look at every place where it must not be."""

import asyncio
from typing import Any

import pytest

from codewhale.testing.http_calls import Frame

CANARY = "CANARY-0123456789abcdef0123456789abcdef"
SCRIPT = """
[[reply]]
calls = [{ tool = "exec_shell", arguments = { command = "env; tr '\\\\0' '\\\\n' < /proc/$PPID/cmdline" } }]
[[reply]]
text = "Done."
"""


def ended(frame: Frame) -> bool:
    return frame.event == "turn.completed"


@pytest.mark.requirement("LH-06")
async def test_the_token_is_where_its_owner_finds_it_and_nowhere_else(site: Any, model_of: Any) -> None:
    site.answered_by(model_of(SCRIPT))
    site.env["DEEPSEEK_RUNTIME_TOKEN"] = CANARY
    server = site.serve()
    server.token = CANARY
    async with asyncio.timeout(20):
        thread = await server.thread(allow_shell=True, auto_approve=True, title="a session")
        await server.turn(thread, f"the token is {CANARY}")
        seen = await server.until(thread, ended)
    assert not [frame.data for frame in seen if CANARY in frame.data]
    done = server.terminate()
    assert CANARY not in done.out + done.err
    leaks = [name for name, content in site.bytes_of_data().items() if CANARY.encode() in content]
    assert leaks == []
