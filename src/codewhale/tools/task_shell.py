"""`task_shell_start`, `task_shell_wait`: a long command of a task, and the gate that its end proves.

Thin forms of the background processes of `exec_shell`. A wait that names a gate gives the gate's facts in `gate_run`, for the
part that keeps a task's gates.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.domain.processes import Process
from codewhale.domain.tools import ToolOutput
from codewhale.tools.background import Start, seen, shown, started
from codewhale.tools.exec_shell_background import MAX_TIMEOUT_MS, SETTLE_SECONDS, TaskId
from codewhale.tools.process_wishes import Look, WatchProcess
from codewhale.tools.tool import Tool, ToolContext

GateName = Literal["fmt", "check", "clippy", "test", "custom"]


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
    command: Annotated[str | None, Meta(description="What the gate's record calls the command.")] = None


class GateRun(Struct, frozen=True, kw_only=True):
    """What a command's end says of a gate. `exit_code` None: a signal or its timeout ended it."""

    gate: GateName
    command: str
    cwd: str
    exit_code: int | None
    timed_out: bool
    output: str
    log_path: str


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
    """Look at it, or wait for it; with `gate`, what its end proves is in the metadata."""
    seconds = args.timeout_ms / 1000 if args.wait else 0.0
    look = await ctx.ask(WatchProcess(name=args.task_id, seconds=seconds, settle=SETTLE_SECONDS))
    told = seen(look)
    run = gate_run(args, look)
    if run is not None:
        told["gate_run"] = {name: getattr(run, name) for name in run.__struct_fields__ if name != "output"}
    return ToolOutput(text=shown(look), metadata=told)


def gate_run(args: TaskShellWait, look: Look) -> GateRun | None:
    """The facts of the gate that was named; None while the command runs, or when none was."""
    process: Process = look.process
    if args.gate is None or process.end is None:
        return None
    return GateRun(
        gate=args.gate,
        command=args.command or process.command,
        cwd=process.cwd,
        exit_code=process.end.exit_code,
        timed_out=process.end.cause == "timeout",
        output=look.new.text,
        log_path=process.log_path,
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
