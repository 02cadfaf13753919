"""What a command's end says of a gate: told from phrases that tools write, not from words that happen to be there."""

import pytest

from codewhale.domain.task_record import Gate
from codewhale.tools.gates import GateName, GateRun, classified, record_of


def ended(gate: GateName, output: str, exit_code: int | None = 1, *, timed_out: bool = False) -> GateRun:
    return GateRun(
        gate=gate,
        command="make",
        cwd="/w",
        exit_code=exit_code,
        timed_out=timed_out,
        duration_ms=1500,
        output=output,
    )


@pytest.mark.parametrize(
    ("gate", "output", "classification"),
    [
        ("test", "OSError: [Errno 98] Address already in use", "environment_port_binding"),
        ("test", "Error: listen EADDRINUSE: address already in use :::3000", "environment_port_binding"),
        ("custom", "Bind for 0.0.0.0:80 failed: port is already allocated", "environment_port_binding"),
        ("custom", "port 8080 is already in use", "environment_port_binding"),
        ("test", "FAILED tests/test_port.py::test_port - assert port == 80\n= 1 failed in 0.1s =", "test_failure"),
        ("test", "test support::import ... FAILED\ntest result: FAILED. 1 passed; 1 failed", "test_failure"),
        ("test", "ImportError: cannot import name 'report' from 'portal'", "test_failure"),
        ("check", "src/a.c:3:5: error: 'port' undeclared", "compile_error"),
        ("check", "error[E0425]: cannot find value `port` in this scope", "compile_error"),
        ("test", "error[E0425]: cannot find value\nerror: could not compile `x`", "compile_error"),
        ("check", "src/a.ts(1,1): error TS2304: Cannot find name 'x'.", "compile_error"),
        ("check", "nothing that anybody knows", "compile_error"),
        ("fmt", "would reformat a.py", "lint_failure"),
        ("fmt", "nothing that anybody knows", "lint_failure"),
        (
            "clippy",
            "error: unused import\n  = note: `-D clippy::all` implied\nerror: could not compile",
            "lint_failure",
        ),
        ("clippy", "error[E0425]: cannot find value `x`\nerror: could not compile `y`", "compile_error"),
        ("custom", "Found 3 errors.\n", "lint_failure"),
        ("custom", "--- FAIL: TestA (0.00s)\nFAIL\n", "test_failure"),
        ("custom", "nothing that anybody knows", "environment_or_tooling_failure"),
        ("test", "bash: line 1: cargo: command not found", "environment_or_tooling_failure"),
        ("test", "/usr/bin/python: No module named pytest", "environment_or_tooling_failure"),
        ("test", "write error: No space left on device", "environment_or_tooling_failure"),
    ],
)
def test_the_kind_of_failure(gate: GateName, output: str, classification: str) -> None:
    assert classified(ended(gate, output)) == classification


def test_how_it_ended_comes_before_what_it_said() -> None:
    said = "Address already in use"
    assert classified(ended("test", said, 0)) == "passed"
    assert classified(ended("test", said, None, timed_out=True)) == "timeout"
    assert classified(ended("test", "", None)) == "environment_or_tooling_failure"
    assert classified(ended("test", "", 127)) == "environment_or_tooling_failure"


def test_the_record_is_that_of_the_contract() -> None:
    told = record_of(ended("test", "collecting\n--- FAIL: TestA (0.00s)\nmore\n"), "artifacts/log")
    assert Gate(id="g", recorded_at="t", **told) == Gate(  # pyright: ignore[reportArgumentType]
        id="g",
        recorded_at="t",
        gate="test",
        command="make",
        cwd="/w",
        exit_code=1,
        status="failed",
        classification="test_failure",
        duration_ms=1500,
        summary="exit code 1, test_failure: --- FAIL: TestA (0.00s)",
        log_path="artifacts/log",
    )


def test_no_output_makes_looking_slow() -> None:
    """Each phrase looks at short lines only, so that its cost grows with the output and not with its square."""
    assert classified(ended("test", "= 1 failed " * 100_000)) == "test_failure"
    assert classified(ended("test", "a:1" * 300_000)) == "test_failure"
