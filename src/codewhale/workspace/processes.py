"""The one place that starts programs. Each gets its own session and group, an environment without secrets, bounded
memory for its output, and an end: when `run` returns or raises, nothing that the program started is running any more.

It dies with its owner through the watcher of `guard.py`; a launcher such as `setpriv --pdeathsig` would cost 0.8 ms per
command and would not reach grandchildren. No `preexec_fn`: forking the whole runtime costs tens of milliseconds.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.workspace.capture import Capture, Captured
from codewhale.workspace.child import Child, Sink, Stream
from codewhale.workspace.converse import Conversation, Heard
from codewhale.workspace.environ import child_environment
from codewhale.workspace.guard import GUARD, MARK

HEAD_BYTES = 22_000
TAIL_BYTES = 8_000


class Command(Struct, frozen=True, kw_only=True):
    """What to run. `cwd` is an absolute, already checked directory; `timeout` is in seconds, None for none; `environ` is
    laid over the allow-listed environment; with `merged` both streams arrive as stdout, in the order written. Of each
    stream the first `head_bytes` and the last `tail_bytes` are kept."""

    argv: tuple[str, ...]
    cwd: str
    timeout: float | None = None
    stdin: bytes | None = None
    merged: bool = False
    environ: Mapping[str, str] = {}
    head_bytes: int = HEAD_BYTES
    tail_bytes: int = TAIL_BYTES


class ProcessResult(Struct, frozen=True, kw_only=True):
    """How it ended: `exit_code`, or None and the `signal` that killed it (None too if it could not be killed)."""

    exit_code: int | None
    signal: int | None
    stdout: Captured
    stderr: Captured
    duration_ms: int
    timed_out: bool


class Processes:
    """Starts programs on behalf of tools; one for the whole runtime."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` is the owner's environment; only its allow-listed part is ever passed on."""
        self._environ = child_environment(environ)
        self._shell: tuple[str, ...] | None = None

    def shell(self, script: str) -> tuple[str, ...]:
        """The argv that runs a shell script: bash without start-up files where there is one, else sh."""
        if self._shell is None:
            bash = self.find("bash")
            self._shell = (bash, "--noprofile", "--norc", "-c") if bash else ("/bin/sh", "-c")
        return (*self._shell, script)

    @property
    def home(self) -> str | None:
        """The home directory of the children; None when they have none."""
        return self._environ.get("HOME")

    @property
    def search_path(self) -> str:
        """The children's PATH."""
        return self._environ["PATH"]

    def find(self, program: str) -> str | None:
        """The absolute path of a program in the children's PATH."""
        for folder in self._environ["PATH"].split(os.pathsep):
            path = os.path.join(folder, program)
            if os.path.isabs(path) and os.access(path, os.X_OK) and os.path.isfile(path):
                return path
        return None

    async def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> ProcessResult:
        """Run it to its end. `on_output` gets the decoded text of both streams as it comes; it must not raise or block.

        A timeout or a cancellation kills the program and all that it started, at once. Raises `ToolError` when it cannot
        be started at all; a non-zero exit is a result, not an error.
        """
        begun = time.monotonic()
        out, err = (Capture(command.head_bytes, command.tail_bytes) for _ in range(2))
        child = self._start(command, Stream(out, on_output), Stream(err, on_output))
        timed_out = False
        try:
            async with asyncio.timeout(command.timeout):
                await child.done.wait()
        except TimeoutError:
            timed_out = True
            child.kill()
            await child.done.wait()
        except asyncio.CancelledError:
            child.kill()
            await child.done.wait()  # bounded; a second cancellation only leaves the rest to the callbacks
            raise
        code = child.process.returncode
        return ProcessResult(
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            stdout=out.captured(),
            stderr=err.captured(),
            duration_ms=round((time.monotonic() - begun) * 1000),
            timed_out=timed_out,
        )

    def converse(self, command: Command, on_output: Callable[[bytes], None]) -> Conversation:
        """Start a program that is talked to while it runs; `stdin` of the command is said first, `timeout` does not count.

        `on_output` gets the bytes of stdout as they come, an empty piece at their end; it must not raise or block. Of
        stderr head and tail are kept. Whoever started it must `end` it. Raises `ToolError` when it cannot be started."""
        err = Capture(command.head_bytes, command.tail_bytes)
        talking = command if command.stdin is not None else replace(command, stdin=b"")
        return Conversation(self._start(talking, Heard(on_output), Stream(err, None), talk=True), err)

    def close(self) -> None:
        """Give up what is kept between commands. Call it when none is running."""
        GUARD.close()

    def _start(self, command: Command, out: Sink, err: Sink, *, talk: bool = False) -> Child:
        mark = GUARD.mark()
        try:
            process = subprocess.Popen(
                command.argv,
                stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if command.merged else subprocess.PIPE,
                cwd=command.cwd,
                env={**self._environ, **command.environ, MARK: mark},
                start_new_session=True,
                bufsize=0,
            )
        except (OSError, ValueError) as error:
            raise ToolError(_start_problem(command, error)) from error
        GUARD.started(process.pid)
        pipes = ((process.stdout, out), (process.stderr, err))
        child = Child(process, mark, {pipe.fileno(): sink for pipe, sink in pipes if pipe is not None})
        if command.stdin is not None:
            (child.say if talk else child.feed)(command.stdin)
        return child


def _start_problem(command: Command, error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return "The command contains a NUL character, which no program can be given."
    if not os.path.isdir(command.cwd):
        return f"The directory {command.cwd} does not exist (or is not a directory), so nothing was run in it."
    return f"{command.argv[0]} could not be started: {error.strerror or error}."
