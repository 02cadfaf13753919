"""The real binary against the scripted model over real HTTP: a private home each, and an end for every process.

`site` is one home with its workspace; `served` starts servers on it; `model_of` starts scripted models. All waiting is bounded.
"""

import asyncio
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from codewhale.testing.http_calls import Answer, Frame, OpenStream, Request, SocketCaller

BOUND = 30.0
CODEWHALE = str(Path(sys.executable).with_name("codewhale"))
TOKEN = "a-token-for-tests"

Program = subprocess.Popen[bytes]


class Done(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str


def line_of(program: Program) -> str:
    """The next line of its output, within the bound; empty at its end."""
    assert program.stdout is not None
    said, deadline = b"", time.monotonic() + BOUND
    while not said.endswith(b"\n"):
        ready, _, _ = select.select([program.stdout], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing was said within {BOUND} s, only {said!r}"
        piece = os.read(program.stdout.fileno(), 1)
        if not piece:
            break
        said += piece
    return said.decode()


def ended(program: Program, given: bytes | None = None) -> Done:
    """Wait for its end and read all that it said."""
    out, err = program.communicate(given, timeout=BOUND)
    return Done(program.returncode, (out or b"").decode(), (err or b"").decode())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


class Model:
    """A scripted model server of its own process."""

    def __init__(self, script: Path) -> None:
        command = [CODEWHALE, "scripted-model", "--script", str(script), "--port", "0"]
        self.program = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
        self.url = line_of(self.program).split()[-1]
        self.caller = SocketCaller("127.0.0.1", int(self.url.rsplit(":", 1)[1].split("/")[0]))

    async def held(self, name: str) -> None:
        """Wait until an answer stands at this hold."""
        async with asyncio.timeout(BOUND):
            await self.caller.send(Request(method="GET", path=f"/_held/{name}"))

    async def release(self, name: str) -> None:
        await self.caller.send(Request(method="POST", path=f"/_release/{name}"))

    async def refused(self) -> list[Any]:
        """The requests that were not answered with 200 (a strict server's word on the conversation)."""
        answer = await self.caller.send(Request(method="GET", path="/_requests"))
        return [one for one in answer.json() if one["status"] not in (200, None)]


class Server:
    """A running `codewhale serve --http`, and a client of it."""

    def __init__(self, program: Program, port: int) -> None:
        self.program = program
        self.port = port
        self.token = TOKEN
        self.caller = SocketCaller("127.0.0.1", port)

    async def call(self, method: str, path: str, body: object = None) -> Answer:
        headers = [("Authorization", f"Bearer {self.token}")]
        if body is not None:
            headers.append(("Content-Type", "application/json"))
        content = b"" if body is None else msgspec.json.encode(body)
        return await self.caller.send(Request(method=method, path=path, headers=tuple(headers), body=content))

    async def thread(self, **fields: object) -> str:
        answer = await self.call("POST", "/v1/threads", fields)
        assert answer.status == 201, answer.body
        return answer.json()["id"]

    async def turn(self, thread_id: str, prompt: str, **fields: object) -> str:
        answer = await self.call("POST", f"/v1/threads/{thread_id}/turns", {"prompt": prompt, **fields})
        assert answer.status == 201, answer.body
        return answer.json()["turn"]["id"]

    def events(
        self, thread_id: str, *, after: int = 0, by_header: bool = False
    ) -> AbstractAsyncContextManager[OpenStream]:
        """The thread's stream after a cursor, given as `since_seq` or as `Last-Event-ID`."""
        headers = [("Authorization", f"Bearer {self.token}")]
        path = f"/v1/threads/{thread_id}/events"
        if by_header:
            headers.append(("Last-Event-ID", str(after)))
        else:
            path += f"?since_seq={after}"
        return self.caller.open(Request(method="GET", path=path, headers=tuple(headers)))

    async def until(
        self, thread_id: str, stop: Callable[[Frame], bool], *, after: int = 0, seen: list[Frame] | None = None
    ) -> list[Frame]:
        """The thread's frames up to the first that `stop` says; all frames are added to `seen` as they come."""
        found: list[Frame] = [] if seen is None else seen
        async with self.events(thread_id, after=after) as stream:
            while (frame := await stream.frame()) is not None:
                if frame.event:
                    found.append(frame)
                    if stop(frame):
                        return found
        raise AssertionError(f"the stream ended after {[frame.event for frame in found][-3:]}")

    def kill(self) -> None:
        """`kill -9`, and wait until it is gone."""
        self.program.kill()
        self.program.wait(BOUND)

    def terminate(self) -> Done:
        self.program.send_signal(signal.SIGTERM)
        return ended(self.program)


class Site:
    """One private home and workspace. Programs that still run at the end are killed."""

    def __init__(self, root: Path, stack: ExitStack) -> None:
        self.work = root / "work"
        self.work.mkdir()
        self.home = root / "home"
        self._stack = stack
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "CODEWHALE_HOME": str(self.home),
            "DEEPSEEK_API_KEY": "sk-test",
            "DEEPSEEK_BASE_URL": "http://127.0.0.1:9/v1",
            "DEEPSEEK_MODEL": "scripted",
            "DEEPSEEK_RUNTIME_TOKEN": TOKEN,
        }

    @property
    def data(self) -> Path:
        """The directory that one process owns."""
        return self.home / "tasks" / "runtime"

    def answered_by(self, model: Model) -> None:
        self.env["DEEPSEEK_BASE_URL"] = model.url

    def start(
        self, *words: str | bytes, env: dict[str, str] | None = None, stderr: int | None = subprocess.PIPE
    ) -> Program:
        """`codewhale WORDS` in the workspace, with pipes for its output."""
        program = subprocess.Popen(
            [CODEWHALE, *words],
            cwd=self.work,
            env={**self.env, **(env or {})},
            bufsize=0,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        self._stack.callback(_end, program)
        return program

    def run(self, *words: str | bytes, env: dict[str, str] | None = None) -> Done:
        return ended(self.start(*words, env=env))

    def serve(self, port: int | None = None) -> Server:
        """A server that is ready, its errors shown with those of the test."""
        port = port or free_port()
        program = self.start("serve", "--http", "--port", str(port), stderr=None)
        said = line_of(program)
        assert said, f"the server ended with {program.wait(BOUND)}"
        return Server(program, port)

    def bytes_of_data(self) -> dict[str, bytes]:
        """What lies in the data directory."""
        return {str(path): path.read_bytes() for path in sorted(self.data.rglob("*")) if path.is_file()}


def _end(program: Program) -> None:
    program.kill()
    program.communicate()


@pytest.fixture
def site(tmp_path: Path) -> Generator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


ModelOf = Callable[[str], Model]


@pytest.fixture
def model_of(tmp_path: Path) -> Generator[ModelOf]:
    """Starts a scripted model from the text of a script."""
    with ExitStack() as stack:

        def begin(script: str) -> Model:
            path = tmp_path / "script.toml"
            path.write_text(script)
            model = Model(path)
            stack.callback(_end, model.program)
            return model

        yield begin


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a server that takes whatever is sent to it; its model says the same to everything."""
    root = tmp_path_factory.mktemp("fuzzed")
    script = root / "script.toml"
    script.write_text('[default]\ntext = "All right."\n')
    with ExitStack() as stack:
        model = Model(script)
        stack.callback(_end, model.program)
        site = Site(root, stack)
        site.answered_by(model)
        yield f"http://127.0.0.1:{site.serve().port}"
