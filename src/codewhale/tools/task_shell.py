"""`task_shell_start`, `task_shell_wait`: a long command of a task, and the gate that its end proves.

Thin forms of the background processes of `exec_shell`. A wait that names a gate puts it on the record of the task once the
command has ended: with the command that ran, whatever it is called.
"""

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from codewhale.domain.times import millis_between
from codewhale.domain.tools import ToolOutput
from codewhale.tools.background import Start, seen, shown, started
from codewhale.tools.exec_shell_background import MAX_TIMEOUT_MS, SETTLE_SECONDS, TaskId
from codewhale.tools.gates import GateName, GateRun
from codewhale.tools.process_wishes import Look, ReadLog, WatchProcess
from codewhale.tools.task_gate_run import ENDS, LOG_BYTES, recorded
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.plain import plain


class TaskShellStart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `task_shell_start`."""

    command: Annotated[str, Meta(min_length=1, description="Shell script to run.")]
    cwd: Annotated[str | None, Meta(description="Default: the workspace root.")] = None
    timeout_ms: Annotated[int, Meta(ge=1, le=MAX_TIMEOUT_MS, description="Default: none.")] | None = None
    stdin: str | None = None
    tty: bool = False


class TaskShellWait(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `task_shell_wait`."""

    task_id: TaskId
    wait: bool = False
    timeout_ms: Annotated[int, Meta(ge=0, le=MAX_TIMEOUT_MS)] = 30_000
    gate: Annotated[GateName | None, Meta(description="The gate that its end proves.")] = None
    command: Annotated[str | None, Meta(description="What was run; it counts as gate custom unless gate is given.")] = (
        None
    )


async def start(args: TaskShellStart, ctx: ToolContext) -> ToolOutput:
    """Start it in the background."""
    wanted = Start(
        command=args.command,
        cwd=args.cwd,
        stdin=args.stdin,
        timeout=args.timeout_ms / 1000 if args.timeout_ms is not None else None,
        tty=args.tty,
    )
    return await started(wanted, ctx, ("task_shell_wait", "exec_shell_cancel"))


async def wait(args: TaskShellWait, ctx: ToolContext) -> ToolOutput:
    """Look at it, or wait for it; with `gate`, its end goes on the record."""
    seconds = args.timeout_ms / 1000 if args.wait else 0.0
    look = await ctx.ask(WatchProcess(name=args.task_id, seconds=seconds, settle=SETTLE_SECONDS))
    output = ToolOutput(text=shown(look), metadata=seen(look))
    run = await _gate_run(args, look, ctx)
    if run is None:
        return output
    gate = await recorded(run, ctx)
    text = f"{output.text}\n{gate.text.partition(ENDS)[0]}"
    return replace(output, text=text, metadata={**(output.metadata or {}), **(gate.metadata or {})})


async def _gate_run(args: TaskShellWait, look: Look, ctx: ToolContext) -> GateRun | None:
    """The gate that was named; None while the command runs, or when none was."""
    process = look.process
    if (args.gate is None and args.command is None) or process.end is None:
        return None
    return GateRun(
        gate=args.gate or "custom",
        command=process.command,
        cwd=process.cwd,
        exit_code=process.end.exit_code,
        timed_out=process.end.cause == "timeout",
        duration_ms=millis_between(process.started_at, process.ended_at or process.started_at) or 0,
        output=plain(await ctx.ask(ReadLog(name=process.id, limit=LOG_BYTES))),
    )


def _command(args: TaskShellStart) -> tuple[str, str | None]:
    return args.command, args.cwd


def _describe(args: TaskShellStart) -> str:
    shown_command = args.command if args.command.isprintable() else args.command.encode("unicode_escape").decode()
    return f"Run in the background: {shown_command}"


TOOLS = (
    Tool(
        name="task_shell_start",
        description="Start a long shell command of this task in the background; task_shell_wait looks at it.",
        arguments=TaskShellStart,
        effects=frozenset({"execute"}),
        default="ask",
        run=start,
        describe=_describe,
        command=_command,
    ),
    Tool(
        name="task_shell_wait",
        description="Look at a command of task_shell_start; with gate, its end counts as that gate's run.",
        arguments=TaskShellWait,
        effects=frozenset({"read"}),
        default="allow",
        run=wait,
    ),
)
