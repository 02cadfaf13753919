"""`task_gate_run`: a check of the work at hand, judged and confined like any command, and put on the record of the task.

The whole log is kept as an artifact; the model gets the verdict and head and tail of it.
"""

from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.task_wishes import OwnTask
from codewhale.domain.tools import ToolOutput
from codewhale.tools.exec_shell import confined
from codewhale.tools.gates import GateName, GateRun, record_of
from codewhale.tools.keeping import Keeping
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.plain import PlainStream, plain
from codewhale.workspace.processes import Command

HEAD_CHARS = 3_000
TAIL_CHARS = 9_000
ENDS = "\n\n"
"""Between the verdict and the ends of the log."""
LOG_BYTES = 512 * 1024


class TaskGateRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `task_gate_run`."""

    gate: GateName
    command: Annotated[str, Meta(min_length=1, description="Shell script that proves it; exit code 0 passes.")]
    cwd: Annotated[str | None, Meta(description="Default: the workspace root.")] = None
    timeout_ms: Annotated[int, Meta(ge=1000, le=600_000)] = 120_000


async def run(args: TaskGateRun, ctx: ToolContext) -> ToolOutput:
    """Run it. A failed gate is an answer, not an error."""
    cwd = ctx.files.directory(args.cwd or ".")
    cleaned = PlainStream()
    result = await ctx.processes.run(
        Command(
            argv=ctx.processes.shell(args.command),
            cwd=cwd,
            timeout=args.timeout_ms / 1000,
            merged=True,
            head_bytes=LOG_BYTES,
            tail_bytes=LOG_BYTES,
        ),
        lambda text: ctx.progress(cleaned.feed(text)),
    )
    gate = GateRun(
        gate=args.gate,
        command=args.command,
        cwd=cwd,
        exit_code=result.exit_code,
        timed_out=result.timed_out,
        duration_ms=result.duration_ms,
        output=plain(result.stdout.text),
        refused=result.denied,
    )
    output = await recorded(gate, ctx)
    return ToolOutput(text=output.text, metadata={**(output.metadata or {}), **confined(result)})


async def recorded(gate: GateRun, ctx: ToolContext) -> ToolOutput:
    """The gate as a result that puts it on the record of the task, with its whole output kept."""
    keeping = Keeping()
    log = await keeping.keep(ctx, "gate.log", gate.output, f"{gate.gate} gate log") if gate.output else None
    record = record_of(gate, log.path if log is not None else None)
    task = await ctx.ask(OwnTask())
    where = f"Recorded on {task}" if task is not None else "This thread belongs to no task, so it stands here only"
    kept = f" The whole log: retrieve_tool_result {log.note.ref[:19]}." if log is not None else ""
    text = f"Gate {gate.gate}: {record['status']}, {record['summary']}\n{where}.{kept}{ENDS}{_ends(gate.output)}"
    return ToolOutput(text=text.rstrip(), metadata={**keeping.metadata(gate=record), "exit_code": gate.exit_code})


def _ends(output: str) -> str:
    if len(output) <= HEAD_CHARS + TAIL_CHARS:
        return output or "(no output)"
    left_out = len(output) - HEAD_CHARS - TAIL_CHARS
    return f"{output[:HEAD_CHARS]}\n[… {left_out:,} characters left out …]\n{output[-TAIL_CHARS:]}"


TOOLS = (
    Tool(
        name="task_gate_run",
        description=(
            "Run a check (format, build, lint, tests) as a gate: its verdict, kind of failure and log go on the record of "
            "the task. Use it to prove that the work is done."
        ),
        arguments=TaskGateRun,
        effects=frozenset({"execute"}),
        default="ask",
        run=run,
        describe=lambda args: (
            f"Run the {args.gate} gate: "
            f"{args.command if args.command.isprintable() else args.command.encode('unicode_escape').decode()}"
        ),
        command=lambda args: (args.command, args.cwd),
    ),
)
