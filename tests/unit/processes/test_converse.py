"""Programs that are talked to: they answer while they run, and end with their conversation and all that they started."""

import asyncio
import os
from pathlib import Path

from codewhale.workspace.processes import Command, Processes

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin", "SECRET": "hush"}


class Line:
    """A conversation and what was heard of it."""

    def __init__(self, script: str, cwd: Path) -> None:
        self.heard = b""
        self._more = asyncio.Event()
        self.processes = Processes(ENVIRON)
        argv = ("/bin/sh", "-c", script)
        self.talk = self.processes.converse(Command(argv=argv, cwd=str(cwd)), self._hear)

    def _hear(self, chunk: bytes) -> None:
        self.heard += chunk
        self._more.set()

    async def until(self, wanted: bytes) -> None:
        async with asyncio.timeout(5):
            while wanted not in self.heard:
                self._more.clear()
                await self._more.wait()

    async def over(self) -> str:
        async with asyncio.timeout(5):
            await self.talk.ended()
        self.processes.close()
        return self.talk.ending


async def test_it_answers_each_line_and_ends_when_it_wants_to(tmp_path: Path) -> None:
    line = Line(
        'while read -r word && [ "$word" != bye ]; do echo "you said $word"; done; echo oops >&2; exit 3', tmp_path
    )
    for word in (b"one", b"two"):
        line.talk.say(word + b"\n")
        await line.until(b"you said " + word)
    line.talk.say(b"bye\n")
    assert await line.over() == "exit code 3: oops"
    line.talk.say(b"after the end\n")
    assert (line.talk.over, line.heard) == (True, b"you said one\nyou said two\n")


async def test_it_is_ended_with_what_it_started(tmp_path: Path) -> None:
    line = Line("sh -c 'echo $$; exec sleep 600' & sleep 600", tmp_path)
    await line.until(b"\n")
    assert not line.talk.over
    line.talk.end()
    assert await line.over() == "ended by SIGKILL"
    assert not await asyncio.to_thread(os.path.exists, f"/proc/{int(line.heard)}")


async def test_it_has_no_secrets_and_may_leave_what_is_said_unread(tmp_path: Path) -> None:
    line = Line('echo "[$SECRET]"; exec sleep 600', tmp_path)
    await line.until(b"]")
    line.talk.say(b"x" * 1_000_000)
    assert line.talk.unsaid > 500_000
    line.talk.end()
    await line.over()
    assert line.heard == b"[]\n"
