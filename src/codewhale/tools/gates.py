"""What a command's end says of a gate: passed or not, and what kind of failure it was. Pure; no tool itself.

A kind is told from whole phrases that tools write, never from a word that a failure may happen to contain.
"""

import re
from typing import Literal

from msgspec import Struct

GateName = Literal["fmt", "check", "clippy", "test", "custom"]
Classification = Literal[
    "timeout",
    "passed",
    "environment_port_binding",
    "lint_failure",
    "test_failure",
    "compile_error",
    "environment_or_tooling_failure",
]
SUMMARY_CHARS = 200
_LOOKED_AT = 256 * 1024
_LINE = 500
"""Characters of a line that are looked at: no output can make the looking slow."""
_NOT_RUNNABLE = (126, 127)
"""What a shell says of a program that it cannot run or find."""

_PORT = re.compile(
    r"\bEADDRINUSE\b|\baddress already in use\b|\bport \d{1,5} is (?:already )?(?:in use|allocated)\b"
    r"|only one usage of each socket address|\bport is already allocated\b",
    re.IGNORECASE,
)
_TOOLING = re.compile(
    r": command not found$|^(?:ba|da|z)?sh: .*: (?:not found|permission denied)$|no space left on device"
    r"|could not resolve host|temporary failure in name resolution|no such file or directory \(os error 2\)$"
    r"|no module named '?(?:pytest|ruff|mypy|flake8|black|tox|nox|unittest2)'?|error: no such command"
    r"|cannot find module '?(?:jest|vitest|eslint|typescript|mocha)'?",
    re.IGNORECASE | re.MULTILINE,
)
_COMPILE = re.compile(
    r"^error\[E\d{4}\]|error: could not compile|\berror TS\d{3,5}:|: fatal error:|undefined reference to"
    r"|^(?:\S+:\d+:\d+: )error: |\bcannot find symbol\b|COMPILATION ERROR|\[build failed\]|^\s*(?:Syntax|Indentation)Error:",
    re.MULTILINE,
)
_TESTS = re.compile(
    r"test result: FAILED|^=+ .*\b\d+ (?:failed|errors?)\b.* =+$|^\d+ failed\b|^FAILED \(|^--- FAIL:|^FAIL\b"
    r"|Tests:\s+\d+ failed|\b\d+ failing$|There (?:was|were) \d+ failures?|Failed tests?:",
    re.MULTILINE,
)
_LINT = re.compile(
    r"would reformat\b|would be reformatted|^Diff in .* (?:at line \d+|:\d+:)|Code style issues found|\[-?D?clippy::"
    r"|`-D clippy::|^Found \d+ errors?\.?(?: \[|$)|✖ \d+ problems?|implied by `#\[deny",
    re.MULTILINE,
)


class GateRun(Struct, frozen=True, kw_only=True):
    """How the command of a gate ended. `exit_code` None: a signal or its timeout ended it. `refused` is what a sandbox was
    seen to refuse it, `output` all that is known of what it wrote."""

    gate: GateName
    command: str
    cwd: str
    exit_code: int | None
    timed_out: bool
    duration_ms: int
    output: str
    refused: str | None = None


def classified(run: GateRun) -> Classification:
    """What kind of end it was."""
    if run.timed_out:
        return "timeout"
    if run.exit_code == 0:
        return "passed"
    said = _looked_at(run.output)
    if _PORT.search(said):
        return "environment_port_binding"
    if run.exit_code is None or run.exit_code in _NOT_RUNNABLE or _TOOLING.search(said):
        return "environment_or_tooling_failure"
    return _by_gate(run.gate, said, refused=run.refused is not None)


def _by_gate(gate: GateName, said: str, *, refused: bool) -> Classification:
    if gate == "fmt":
        return "lint_failure"
    if gate == "clippy":
        return "lint_failure" if _LINT.search(said) or not _COMPILE.search(said) else "compile_error"
    if _TESTS.search(said):
        return "test_failure"
    if _COMPILE.search(said):
        return "compile_error"
    if _LINT.search(said):
        return "lint_failure"
    if refused or gate == "custom":
        return "environment_or_tooling_failure"
    return "compile_error" if gate == "check" else "test_failure"


def status_of(run: GateRun) -> Literal["passed", "failed", "timeout"]:
    """The status of the gate's record."""
    return "timeout" if run.timed_out else "passed" if run.exit_code == 0 else "failed"


def summary_of(run: GateRun, classification: Classification) -> str:
    """One line about it: how it ended and what was probably the matter."""
    if classification == "passed":
        return "exit code 0"
    if classification == "timeout":
        return "stopped, with everything it had started: its time was over"
    how = f"exit code {run.exit_code}" if run.exit_code is not None else "ended by a signal"
    telling = _telling(run.output)
    return f"{how}, {classification}" + (f": {telling}" if telling else "")


def record_of(run: GateRun, log_path: str | None) -> dict[str, object]:
    """The gate for `metadata.task_updates`; whoever folds it gives it its id and time."""
    classification = classified(run)
    record: dict[str, object] = {
        "gate": run.gate,
        "command": run.command,
        "cwd": run.cwd,
        "exit_code": run.exit_code,
        "status": status_of(run),
        "classification": classification,
        "duration_ms": run.duration_ms,
        "summary": summary_of(run, classification),
    }
    return {**record, "log_path": log_path} if log_path is not None else record


def _looked_at(output: str) -> str:
    return "\n".join(line[:_LINE] for line in output[-_LOOKED_AT:].splitlines())


def _telling(output: str) -> str:
    """The line that tells most: the first that one of the phrases is in, else the last."""
    output = _looked_at(output)
    for phrases in (_PORT, _TOOLING, _TESTS, _COMPILE, _LINT):
        found = phrases.search(output)
        if found is not None:
            start = output.rfind("\n", 0, found.start()) + 1
            end = output.find("\n", found.end())
            return output[start : end if end >= 0 else len(output)].strip()[:SUMMARY_CHARS]
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:SUMMARY_CHARS] if lines else ""
