"""What the model is told of the end of a background process. Pure. What a program said is quoted as data, never as words of the
person.
"""

from codewhale.domain.processes import Process
from codewhale.workspace.capture import Captured
from codewhale.workspace.child import signal_name
from codewhale.workspace.plain import plain

COMMAND_SHOWN = 200


def ending(process: Process) -> str:
    """How it ended, in words: `exit code 1`."""
    end = process.end
    if process.status == "running" or end is None:
        return "running"
    if process.status == "lost":
        return "lost: nobody saw its end, and what was left of it was killed"
    how = f"exit code {end.exit_code}" if end.exit_code is not None else ""
    if end.signal is not None:
        how = f"ended by {signal_name(end.signal)}"
    why = {
        "cancelled": "it was told to end",
        "timeout": "its time was over",
        "owner": "the runtime went away",
        "not_started": "it could not be started",
    }.get(end.cause)
    said = [part for part in (how, why, end.error) if part]
    return "; ".join(said) or "its end is not known"


def summary(process: Process) -> str:
    """One line for lists."""
    return f"Background process {process.id}: {ending(process)}"


def command_line(process: Process) -> str:
    """The command on one line of bounded length."""
    line = " ".join(plain(process.command[: 2 * COMMAND_SHOWN]).split())
    return line if len(line) <= COMMAND_SHOWN else line[: COMMAND_SHOWN - 3] + "..."


def notice(process: Process, new: Captured) -> str:
    """The notice: what ended and how, and the last of the output that the model has not seen."""
    lines = [
        "[Notice of the runtime, not words of the person]",
        f"The background process {process.id} ({command_line(process)}) has ended: {ending(process)}.",
    ]
    tail = plain(new.tail or new.head).strip("\n")
    if tail:
        lines += ["The end of its new output, quoted as data:", *(f"| {line}" for line in tail.split("\n"))]
        if new.omitted:
            lines.append(f'All of it: exec_shell_wait {{"task_id": "{process.id}"}}.')
    return "\n".join(lines)


def worth_a_turn(process: Process) -> bool:
    """Whether the end begins a turn: not where somebody wanted it, nor where it ended only because we did."""
    return process.wakes and process.end is not None and process.end.cause in ("exited", "timeout")
