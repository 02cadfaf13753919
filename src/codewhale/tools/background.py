"""What the tools for background processes share: starting one, and how one is shown to the model and to people.

No tool itself. A result names the tools to go on with and brings them into the thread's requests.
"""

from msgspec import Struct

from codewhale.domain.processes import Process
from codewhale.domain.tools import ToolOutput
from codewhale.tools.process_wishes import Look, RunProcess, StartProcess
from codewhale.tools.tool import ToolContext
from codewhale.workspace.child import signal_name
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Command

TEXT_BYTES = 30_000
GO_ON_WITH = ("exec_shell_wait", "exec_shell_interact", "exec_shell_cancel")


class Start(Struct, frozen=True, kw_only=True):
    """A shell command to start; `timeout` is in seconds, None for none."""

    command: str
    cwd: str | None = None
    stdin: str | None = None
    timeout: float | None = None
    tty: bool = False
    keep: bool = False


async def started(start: Start, ctx: ToolContext, tools: tuple[str, ...] = GO_ON_WITH) -> ToolOutput:
    """Start it, and say how to go on: with `tools`."""
    process = await ctx.ask(await _wish(start, ctx))
    until = "until it ends or is ended, even when codewhale is closed" if start.keep else "until it ends or is ended"
    wait, *others = tools
    text = (
        f"Started {process.id} in the background. It runs {until}; you are told when it ends, so there is no need to wait "
        f'for that. {wait} {{"task_id": "{process.id}"}} gives its new output'
        + (f"; {', '.join(others)} are there too." if others else ".")
    )
    return ToolOutput(text=text, metadata={**metadata(process), "backgrounded": True, "activated": list(tools)})


async def ran(start: Start, ctx: ToolContext) -> ToolOutput:
    """Run it to its end on a terminal."""
    look = await ctx.ask(RunProcess(start=await _wish(start, ctx, wakes=False)))
    timed_out = look.process.end is not None and look.process.end.cause == "timeout"
    return ToolOutput(text=shown(look), metadata=seen(look), is_error=timed_out)


async def _wish(start: Start, ctx: ToolContext, *, wakes: bool = True) -> StartProcess:
    cwd = ctx.files.directory(start.cwd or ".")
    program = await ctx.processes.program(Command(argv=ctx.processes.shell(start.command), cwd=cwd), keep=start.keep)
    return StartProcess(
        program=program,
        command=start.command,
        keep=start.keep,
        tty=start.tty,
        stdin=start.stdin or "",
        timeout=start.timeout,
        wakes=wakes,
    )


def shown(look: Look) -> str:
    """What is new, and how it stands."""
    said = plain(look.new.text).rstrip("\n")
    lines = [said] if said else ["(no new output)"]
    if look.unread:
        lines.append("[it has not read all of the input yet]")
    lines.append(f"[{look.process.id}: {state(look.process)}]")
    return "\n".join(lines)


def state(process: Process) -> str:
    """Running, or how it ended, in words."""
    end = process.end
    if process.status == "running" or end is None:
        return "running"
    if process.status == "lost":
        return "lost: nobody saw its end; what was left of it was killed"
    parts = [f"exit code {end.exit_code}"] if end.exit_code is not None else []
    if end.signal is not None:
        parts.append(f"ended by {signal_name(end.signal)}")
    if end.cause == "timeout":
        parts.append("its timeout_ms was over")
    if end.error is not None:
        parts.append(end.error)
    return "; ".join(parts) or "its end is not known"


def seen(look: Look) -> dict[str, object]:
    """A look for people and programs."""
    return {
        **metadata(look.process),
        "output_seen": look.seen,
        "stdout_len": look.new.length,
        "stdout_truncated": look.new.omitted > 0,
        "stdout_omitted": look.new.omitted,
    }


def metadata(process: Process) -> dict[str, object]:
    """A process for people and programs."""
    end = process.end
    held = process.confined_by not in ("none", "external")
    return {
        "task_id": process.id,
        "command": process.command,
        "status": "timed_out" if end is not None and end.cause == "timeout" else process.status,
        "exit_code": end.exit_code if end is not None else None,
        "signal": signal_name(end.signal) if end is not None and end.signal is not None else None,
        "sandboxed": held,
        "sandbox_type": process.confined_by if held else None,
        "confined_by": process.confined_by,
        "keep": process.keep,
        "tty": process.tty,
        "log_path": process.log_path,
    }
