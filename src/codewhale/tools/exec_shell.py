"""`exec_shell`: runs a shell command in the foreground, from a checked directory, to its end.

The model gets bounded plain text and always the exit code; people see the output as it comes. Nothing that the command
started runs on after it.
"""

from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.capture import Captured
from codewhale.workspace.child import signal_name
from codewhale.workspace.plain import PlainStream, plain
from codewhale.workspace.processes import Command, ProcessResult

TEXT_BYTES = 30_000
SMALL_BYTES = 10_000
SHOWN_CHARS = 256 * 1024
TIMEOUT_MS = 120_000
MAX_TIMEOUT_MS = 600_000


class ExecShell(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `exec_shell`."""

    command: Annotated[str, Meta(min_length=1, description="Shell script to run; several lines are fine.")]
    timeout_ms: (
        Annotated[int, Meta(ge=1, le=MAX_TIMEOUT_MS, description="Default 120000; in the background: none.")] | None
    ) = None
    cwd: Annotated[str | None, Meta(description="Directory to run in; default: the workspace root.")] = None
    stdin: Annotated[str | None, Meta(description="Text for standard input; default: empty.")] = None
    combined_output: Annotated[bool, Meta(description="Put stderr into stdout, in the order written.")] = False
    background: Annotated[bool, Meta(description="Start it and go on, as for servers and long builds.")] = False
    keep: Annotated[bool, Meta(description="With background: it outlives codewhale.")] = False
    tty: Annotated[bool, Meta(description="Give it a terminal.")] = False
    interactive: Annotated[bool, Meta(description="Give it the person's own terminal.")] = False


async def run(args: ExecShell, ctx: ToolContext) -> ToolOutput:
    """Run it. A non-zero exit is an answer, a timeout is an error; output beyond 30,000 bytes keeps head and tail."""
    _check(args)
    if args.background or args.tty:
        return await _supervised(args, ctx)
    cwd = ctx.files.directory(args.cwd or ".")
    result = await ctx.processes.run(
        Command(
            argv=ctx.processes.shell(args.command),
            cwd=cwd,
            timeout=_limit_ms(args) / 1000,
            stdin=args.stdin.encode() if args.stdin is not None else None,
            merged=args.combined_output,
        ),
        _shown(ctx.progress),
    )
    return ToolOutput(text=_text(result, args), metadata=_metadata(result), is_error=result.timed_out)


def _check(args: ExecShell) -> None:
    if args.interactive:
        raise ToolError(
            "There is no terminal of a person to hand over here. tty gives the command a terminal of its own, and with "
            "background exec_shell_interact types into it.",
            category="not_available",
        )
    if args.keep and not args.background:
        raise ToolError("keep goes with background.", category="invalid_input")


async def _supervised(args: ExecShell, ctx: ToolContext) -> ToolOutput:
    from codewhale.tools.background import Start, ran, started  # noqa: PLC0415 - most commands run in the foreground

    limit = args.timeout_ms if args.background else _limit_ms(args)
    start = Start(
        command=args.command,
        cwd=args.cwd,
        stdin=args.stdin,
        timeout=limit / 1000 if limit is not None else None,
        tty=args.tty,
        keep=args.keep,
    )
    return await (started(start, ctx) if args.background else ran(start, ctx))


def _limit_ms(args: ExecShell) -> int:
    return args.timeout_ms if args.timeout_ms is not None else TIMEOUT_MS


def _describe(args: ExecShell) -> str:
    where = f" in {plain(args.cwd)}" if args.cwd else ""
    how = " in the background" + (", outliving codewhale" if args.keep else "") if args.background else ""
    return f"Run{how}{where}: {args.command.encode('unicode_escape').decode() if _odd(args.command) else args.command}"


def _command(args: ExecShell) -> tuple[str, str | None]:
    return args.command, args.cwd


def _odd(command: str) -> bool:
    return not command.isprintable()


def _shown(progress: Callable[[str], None]) -> Callable[[str], None]:
    """Streams plain text to people until 256 Ki characters; a command that never stops talking must not fill the log."""
    cleaned = PlainStream()
    room = SHOWN_CHARS

    def on_output(text: str) -> None:
        nonlocal room
        if room <= 0:
            return
        shown = cleaned.feed(text)[:room]
        room -= len(shown)
        if shown:
            progress(shown)
        if room <= 0:
            progress("\n[more output follows; it is not shown live]\n")

    return on_output


def _text(result: ProcessResult, args: ExecShell) -> str:
    out, err = result.stdout, result.stderr
    room_for_err = max(TEXT_BYTES - _kept(out), SMALL_BYTES)
    stderr = _bounded(err, room_for_err)
    stdout = _bounded(out, TEXT_BYTES - min(_kept(err), room_for_err))
    parts = [stdout] if stdout else []
    if stderr:
        parts.append(f"STDERR:\n{stderr}")
    parts = parts or ["(no output)"]
    ending = [*_caged(result), *_ending(result, args)]
    return "\n".join(part.rstrip("\n") for part in [*parts, *ending])


def _kept(captured: Captured) -> int:
    return captured.length - captured.omitted


def _bounded(captured: Captured, limit: int) -> str:
    """Plain text of at most `limit` bytes (and the line that says what is missing), split 22 to 8 when it must be cut."""
    if not captured.omitted and captured.length <= limit:
        return plain(captured.head)
    if captured.omitted and _kept(captured) <= limit:
        return plain(captured.text)
    head = (captured.head if captured.omitted else captured.text).encode()[: limit * 22 // 30].decode(errors="ignore")
    tail = captured.text.encode()[-(limit * 8 // 30) :].decode(errors="ignore")
    omitted = captured.length - len(head.encode()) - len(tail.encode())
    return plain(Captured(head=head, tail=tail, length=captured.length, omitted=omitted).text)


def _ending(result: ProcessResult, args: ExecShell) -> list[str]:
    if result.timed_out:
        stopped = f"stopped after {_limit_ms(args)} ms, with everything it had started"
        advice = f"Give a longer timeout_ms (at most {MAX_TIMEOUT_MS}), a command that ends by itself, or background"
        return [f"[{stopped}. {advice}.]"]
    if result.exit_code is None:
        return [f"[ended by {signal_name(result.signal)}]" if result.signal else "[could not be stopped]"]
    return [f"[exit code {result.exit_code}]"] if result.exit_code else []


def _caged(result: ProcessResult) -> list[str]:
    """What the sandbox has to say, for the model."""
    told = [f"[the sandbox refused: {result.denied}]"] if result.denied else []
    if result.changed:
        names = ", ".join(plain(path) for path in result.changed)
        told.append(f"[files that steer git, agents or editors were changed: {names}]")
    return told


def confined(result: ProcessResult) -> dict[str, object]:
    """What held the program, for the metadata of a result."""
    held = result.confined_by not in ("none", "external")
    told: dict[str, object] = {
        "sandboxed": held,
        "sandbox_type": result.confined_by if held else None,
        "confined_by": result.confined_by,
    }
    if result.denied:
        told["sandbox_denied"] = result.denied
    if result.changed:
        told["integrity_changed"] = list(result.changed)
    return told


def _metadata(result: ProcessResult) -> dict[str, object]:
    status = "completed" if result.exit_code == 0 else "failed" if result.exit_code is not None else "killed"
    return {
        "exit_code": result.exit_code,
        "status": "timed_out" if result.timed_out else status,
        "signal": signal_name(result.signal) if result.signal else None,
        "duration_ms": result.duration_ms,
        **confined(result),
        "stdout_len": result.stdout.length,
        "stderr_len": result.stderr.length,
        "stdout_truncated": result.stdout.omitted > 0,
        "stderr_truncated": result.stderr.omitted > 0,
        "stdout_omitted": result.stdout.omitted,
        "stderr_omitted": result.stderr.omitted,
    }


TOOLS = (
    Tool(
        name="exec_shell",
        description=(
            "Run a shell command in the workspace and wait for it: builds, tests, git, scripts. Returns stdout, stderr "
            "and the exit code; what it leaves behind is stopped. With background it goes on while you work, and you are "
            "told when it ends. To read, search or edit files use the file tools."
        ),
        arguments=ExecShell,
        effects=frozenset({"execute"}),
        default="ask",
        run=run,
        describe=_describe,
        command=_command,
    ),
)
