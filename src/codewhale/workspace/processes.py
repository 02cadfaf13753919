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
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.confinement import Confinement, Tier, within
from codewhale.domain.errors import ToolError
from codewhale.workspace.environ import child_environment, program_in, shell_in
from codewhale.workspace.guard import GUARD, MARK
from codewhale.workspace.shared_cages import SharedCages

if TYPE_CHECKING:  # start-up: what starts programs is loaded with the first one
    from codewhale.workspace.caged import Stay
    from codewhale.workspace.capture import Captured
    from codewhale.workspace.child import Child, Sink
    from codewhale.workspace.converse import Conversation
    from codewhale.workspace.foreground import Foreground
    from codewhale.workspace.sandbox.cage import Entered, Left
    from codewhale.workspace.sandbox.tiers import Proof

HEAD_BYTES = 22_000
TAIL_BYTES = 8_000
TIMEOUT_GRACE = 2.0
CANCEL_GRACE = 0.25
"""Seconds between SIGTERM and SIGKILL. Who interrupts waits for the end of the turn, so there it is short."""


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


class Program(Struct, frozen=True, kw_only=True):
    """A command as it will really be started, with its whole environment and whatever confines it around it. The `fds` must
    reach it under their numbers, the `holds` only its supervisor. All that it starts carries the `mark`. Both must be called,
    once: `started` when it was or could not be, `finished` when its last process is gone; the latter says what was wrong with
    the cage, if anything."""

    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    mark: str
    fds: tuple[int, ...] = ()
    holds: tuple[int, ...] = ()
    confined_by: Tier = "none"
    started: Callable[[], None] = lambda: None
    finished: Callable[[], str | None] = lambda: None


class ProcessResult(Struct, frozen=True, kw_only=True):
    """How it ended: `exit_code`, or None and the `signal` that killed it (None too if it could not be killed). `confined_by`
    is what held it, `denied` what that was seen to refuse, `changed` what steers git or agents and came out different."""

    exit_code: int | None
    signal: int | None
    stdout: "Captured"
    stderr: "Captured"
    duration_ms: int
    timed_out: bool
    confined_by: Tier = "none"
    denied: str | None = None
    changed: tuple[str, ...] = ()


class Processes:
    """Starts programs on behalf of tools; one for the whole runtime, and a confined view of it for each turn."""

    def __init__(
        self, environ: Mapping[str, str], *, held: Confinement | None = None, cages: SharedCages | None = None
    ) -> None:
        """`environ` is the owner's environment; only its allow-listed part is ever passed on. `held` None: unconfined."""
        self._environ: Mapping[str, str] = child_environment(environ)
        self._shell: tuple[str, ...] | None = None
        self._held = held
        self._cages = cages or SharedCages()
        self._bare = False

    def confined(self, held: Confinement, *, bare: bool = False) -> "Processes":
        """The same, for programs that `held` holds for: whatever is started through it is confined, or is not started. Only
        with `bare`, and only on a machine that was found to have no sandbox at all, it runs all the same and says so."""
        view = Processes({}, held=held, cages=self._cages)
        view._environ, view._bare = self._environ, bare
        return view

    def extended(self, environ: Mapping[str, str]) -> "Processes":
        """The same, with variables that the person's own programs give to whatever is started through it."""
        view = Processes({}, held=self._held, cages=self._cages)
        view._environ, view._bare = {**self._environ, **environ}, self._bare
        return view

    @property
    def confinement(self) -> Confinement | None:
        """What holds for programs started through this."""
        return self._held

    @property
    def confined_by(self) -> Tier:
        """What confines the programs started here. Tries the tiers out when nobody did yet, which blocks for a moment."""
        held = self._held
        if held is None or not held.confines:
            return "external" if held is not None and held.policy == "external-sandbox" else "none"
        return self.proof().tier

    @property
    def known_tier(self) -> Tier:
        """The tier that was proved; "none" while it was not."""
        return self._cages.get().proof().tier if self._cages.made and self._cages.get().proved else "none"

    async def settle_tier(self) -> None:
        """Prove the tier if nobody did yet, away from the event loop."""
        if not (self._cages.made and self._cages.get().proved):
            from codewhale.workspace.blocking import blocking  # noqa: PLC0415 - start-up: as above

            await blocking(lambda _: self.proof())

    def proof(self) -> "Proof":
        """The tier that this machine offers and how it was tried. Blocks the first time."""
        return self._cages.get().proof()

    def shell(self, script: str) -> tuple[str, ...]:
        """The argv that runs a shell script: bash without start-up files where there is one, else sh."""
        self._shell = self._shell or shell_in(self.search_path)
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
        return program_in(self._environ["PATH"], program)

    async def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> ProcessResult:
        """Run it to its end. `on_output` gets the decoded text of both streams as it comes; it must not raise or block.

        A timeout or a cancellation asks the program to end and, after its grace, kills it and all that it started. Raises
        `ToolError` when it cannot be started at all; a non-zero exit is a result, not an error.
        """
        from codewhale.workspace.caged import Stay  # noqa: PLC0415 - start-up: as above
        from codewhale.workspace.capture import Capture  # noqa: PLC0415 - start-up: as above
        from codewhale.workspace.child import Stream  # noqa: PLC0415 - start-up: as above

        if self._held is not None and self._held.confines:
            await self.settle_tier()
        begun = time.monotonic()
        out, err = (Capture(command.head_bytes, command.tail_bytes) for _ in range(2))
        stay = Stay()
        child = self._start(command, Stream(out, on_output), Stream(err, on_output), stay)
        timed_out = False
        try:
            async with asyncio.timeout(command.timeout):
                await child.done.wait()
        except TimeoutError:
            timed_out = True
            child.stop(TIMEOUT_GRACE)
            await child.done.wait()
        except asyncio.CancelledError:
            child.stop(CANCEL_GRACE)
            await child.done.wait()  # bounded; a second cancellation only leaves the rest to the callbacks
            raise
        code = child.process.returncode
        result = ProcessResult(
            exit_code=code if code is not None and code >= 0 else None,
            signal=-code if code is not None and code < 0 else None,
            stdout=out.captured(),
            stderr=err.captured(),
            duration_ms=round((time.monotonic() - begun) * 1000),
            timed_out=timed_out,
            confined_by=stay.tier,
        )
        if self._held is None or stay.left is None:
            external = self._held is not None and self._held.policy == "external-sandbox"
            return replace(result, confined_by="external") if external else result
        result = _judged(result, stay.left, self._held)
        self._believed(stay.left)
        return result

    def converse(self, command: Command, on_output: Callable[[bytes], None]) -> "Conversation":
        """Start a program that is talked to while it runs; `stdin` of the command is said first, `timeout` does not count.

        `on_output` gets the bytes of stdout as they come, an empty piece at their end; it must not raise or block. Of
        stderr head and tail are kept. Whoever started it must `end` it. Raises `ToolError` when it cannot be started."""
        from codewhale.workspace.caged import Stay  # noqa: PLC0415 - start-up: as above
        from codewhale.workspace.capture import Capture  # noqa: PLC0415 - start-up: as above
        from codewhale.workspace.child import Stream  # noqa: PLC0415 - start-up: as above
        from codewhale.workspace.converse import Conversation, Heard  # noqa: PLC0415 - start-up: as above

        err = Capture(command.head_bytes, command.tail_bytes)
        talking = command if command.stdin is not None else replace(command, stdin=b"")
        return Conversation(self._start(talking, Heard(on_output), Stream(err, None), Stay(), talk=True), err)

    async def program(self, command: Command, *, keep: bool = False) -> Program:
        """The command for a supervisor that will start it and look after it (`background/launch.py`), confined as all that
        is started here. Unless it is to `keep` running, it has the mark of what dies with us."""
        if self._held is not None and self._held.confines:
            await self.settle_tier()
        mark = GUARD.mark() if not keep else f"kept.{os.urandom(8).hex()}"
        entered = self._entered(command, mark)
        if entered is None:
            environ = {**self._environ, **command.environ, MARK: mark}
            tier: Tier = "external" if self._held is not None and self._held.policy == "external-sandbox" else "none"
            return Program(argv=command.argv, cwd=command.cwd, environ=environ, mark=mark, confined_by=tier)
        return Program(
            argv=tuple(entered.argv),
            cwd=command.cwd,
            environ=entered.environ,
            mark=mark,
            fds=entered.fds,
            holds=entered.holds,
            confined_by=entered.tier,
            started=entered.started,
            finished=lambda: _cage_problem(self._believed(entered.leave())),
        )

    def foreground(self, command: Command) -> "Foreground":
        """Start a program on our own standard streams, for a person who waits for it. `timeout` and the rest of the command
        do not count. Raises `ToolError` when it cannot be started."""
        from codewhale.workspace.caged import Stay  # noqa: PLC0415 - start-up: as above
        from codewhale.workspace.foreground import Foreground  # noqa: PLC0415 - start-up: as above

        mark = GUARD.mark()
        stay = Stay()
        entered = self._entered(command, mark)
        stay.begin(entered, command.argv, {**self._environ, **command.environ, MARK: mark})
        try:
            process = subprocess.Popen(stay.argv, cwd=command.cwd, env=stay.environ, process_group=0, pass_fds=stay.fds)
        except (OSError, ValueError) as error:
            stay.end()
            raise _start_problem(command, error, confined=entered is not None) from error
        finally:
            if entered is not None:
                entered.started()
        GUARD.started(process.pid)
        return Foreground(process, stay.tier, lambda: self._came_back(process, stay))

    def _came_back(self, process: "subprocess.Popen[bytes]", stay: "Stay") -> None:
        """It has ended: look after its cage."""
        GUARD.kill_leftovers(process.pid, "")
        GUARD.ended(process)
        stay.end()
        if stay.left is not None and not stay.left.ready and process.returncode >= 0:
            from codewhale.workspace.sandbox.ground import setup_failed  # noqa: PLC0415 - as below

            raise setup_failed(f"{stay.tier}: the cage was never complete (its words are above).")

    def close(self) -> None:
        """Give up what is kept between commands. Call it when none is running."""
        self._cages.close()
        GUARD.close()

    def _start(self, command: Command, out: "Sink", err: "Sink", stay: "Stay", *, talk: bool = False) -> "Child":
        from codewhale.workspace.child import Child  # noqa: PLC0415 - start-up: as above

        mark = GUARD.mark()
        entered = self._entered(command, mark)
        stay.begin(entered, command.argv, {**self._environ, **command.environ, MARK: mark})
        try:
            process = self._cages.start(
                stay,
                command.cwd,
                subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
                subprocess.STDOUT if command.merged else subprocess.PIPE,
            )
        except (OSError, ValueError) as error:
            stay.end()
            raise _start_problem(command, error, confined=entered is not None) from error
        finally:
            if entered is not None:
                entered.started()
        pipes = ((process.stdout, out), (process.stderr, err))
        child = Child(process, mark, {pipe.fileno(): sink for pipe, sink in pipes if pipe is not None}, stay.end)
        if command.stdin is not None:
            (child.say if talk else child.feed)(command.stdin)
        return child

    def _entered(self, command: Command, mark: str) -> "Entered | None":
        """The command in its cage; None when nothing of ours is to hold it."""
        if self._held is None or not self._held.confines:
            return None
        cages = self._cages.get()
        if self._bare and cages.proof().tier == "none":
            return None
        from codewhale.workspace.sandbox.cage import Wanted  # noqa: PLC0415 - start-up: most starts run no command

        wanted = Wanted(
            argv=command.argv,
            cwd=command.cwd,
            environ={**self._environ, **command.environ},
            mark={MARK: mark},
        )
        return cages.enter(self._held, wanted)

    def spoiled(self, *folders: str) -> bool:
        """Whether a command that was confined here changed what git would run in one of these folders of git."""
        return any(within(folder, place) for folder in folders for place in self._cages.spoiled)

    def _believed(self, left: "Left") -> "Left":
        """What it left behind, remembered for whoever would run git there."""
        self._cages.spoiled.update(left.spoiled)
        return left


def _judged(result: ProcessResult, left: "Left", held: Confinement) -> ProcessResult:
    """The result with what the cage has to say. `sandbox_setup_failed` when it never was complete."""
    from codewhale.workspace.sandbox.denied import denial  # noqa: PLC0415 - start-up: most starts run no command
    from codewhale.workspace.sandbox.ground import setup_failed  # noqa: PLC0415 - as above

    if not left.ready and not result.timed_out and result.signal is None:
        words = (result.stderr.text or result.stdout.text).strip().splitlines()
        raise setup_failed(f"{result.confined_by}: {words[-1][:300] if words else 'no reason given'}.")
    text = f"{result.stderr.text}\n{result.stdout.text}" if result.exit_code else ""
    return replace(result, denied=denial(text, held, result.confined_by), changed=left.changed)


def start_apart(argv: tuple[str, ...], environ: Mapping[str, str], fds: tuple[int, ...]) -> "subprocess.Popen[bytes]":
    """Start a program of our own that looks after itself, talked to over its stdin and stdout; `OSError` when it cannot be."""
    return subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=dict(environ),
        pass_fds=fds,
        start_new_session=True,
        bufsize=0,
    )


def _cage_problem(left: "Left") -> str | None:
    if not left.ready:
        return "sandbox_setup_failed: the sandbox never was complete, so the command was not run"
    return f"changed while it ran: {', '.join(left.changed)}" if left.changed else None


def _start_problem(command: Command, error: OSError | ValueError, *, confined: bool) -> ToolError:
    if isinstance(error, ValueError):
        return ToolError("The command contains a NUL character, which no program can be given.")
    if not os.path.isdir(command.cwd):
        return ToolError(
            f"The directory {command.cwd} does not exist (or is not a directory), so nothing was run in it."
        )
    if confined:
        from codewhale.workspace.sandbox.ground import setup_failed  # noqa: PLC0415 - as above

        return setup_failed(f"The sandbox could not be started: {error.strerror or error}.")
    return ToolError(f"{command.argv[0]} could not be started: {error.strerror or error}.")
