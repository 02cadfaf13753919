"""`run_tests`: the project's own tests, by the project's own runner, in the sandbox of the turn.

Which command that is gets told from the files before anybody is asked, so the person allows the command and not a word for it.
"""

import shlex
from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.plain import PlainStream, plain
from codewhale.workspace.processes import Command, ProcessResult
from codewhale.workspace.project_report import Report, report_of
from codewhale.workspace.project_tests import Runner, runners_of

SECONDS = 600.0
HEAD_BYTES = 8_000
TAIL_BYTES = 22_000
READ_BYTES = 512 * 1024


class RunTests(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to run beside the usual."""

    args: Annotated[
        Annotated[str, Meta(max_length=4000)] | None,
        Meta(description="Further arguments for the runner: a path, -k name."),
    ] = None
    all_features: Annotated[bool, Meta(description="cargo only: with all features.")] = False


class TestCommand(Struct, frozen=True, kw_only=True):
    """The command that the arguments stand for in this workspace, and other runners that its files speak of."""

    __test__ = False  # pytest takes it for a test by its name

    command: str
    runner: str
    others: tuple[str, ...] = ()


def resolve(args: RunTests, files: Files) -> TestCommand:
    """Find the runner; arguments are quoted, so that none becomes a command of its own."""
    runners = runners_of(files)
    if not runners:
        raise ToolError(
            "No test runner was recognised in this workspace (pytest, unittest, cargo, go, npm and its kin, maven, gradle, "
            "ctest, make, mix, rspec, deno). Run the tests with exec_shell.",
            category="not_available",
        )
    runner = runners[0]
    words = [*runner.words, *_further(args, runner)]
    others = tuple(dict.fromkeys(other.name for other in runners[1:] if other.name != runner.name))
    return TestCommand(command=shlex.join(words), runner=runner.name, others=others)


def _further(args: RunTests, runner: Runner) -> list[str]:
    if args.all_features and runner.name != "cargo":
        raise ToolError(f"`all_features` is for cargo; the runner here is {runner.name}.", category="invalid_input")
    features = ["--all-features"] if args.all_features else []
    try:
        given = shlex.split(args.args or "")
    except ValueError as error:
        raise ToolError(f"`args` cannot be split into words: {error}.", category="invalid_input") from None
    return [*features, *runner.before_arguments, *given] if given else features


async def run(args: TestCommand, ctx: ToolContext) -> ToolOutput:
    """The short of it, then head and tail of what the runner wrote. Failed tests are an answer, a timeout is an error."""
    cleaned = PlainStream()
    result = await ctx.processes.run(
        Command(
            argv=ctx.processes.shell(args.command),
            cwd=ctx.files.root,
            timeout=SECONDS,
            merged=True,
            head_bytes=READ_BYTES,
            tail_bytes=READ_BYTES,
        ),
        lambda text: ctx.progress(cleaned.feed(text)),
    )
    output = plain(result.stdout.text)
    report = report_of(output)
    refused = [f"[the sandbox refused: {plain(result.denied)}]"] if result.denied else []
    said = [_verdict(args, result, report), *_named(report), *refused, "", _bounded(output) or "(no output)"]
    text = "\n".join(said)
    return ToolOutput(text=text, metadata=_metadata(args, result, report), is_error=result.timed_out)


def _verdict(args: TestCommand, result: ProcessResult, report: Report) -> str:
    if result.timed_out:
        outcome = f"was stopped after {SECONDS:.0f} seconds"
    elif result.exit_code == 0:
        outcome = "succeeded"
    elif result.exit_code is None:
        outcome = f"was ended by signal {result.signal}"
    else:
        outcome = f"failed with exit code {result.exit_code}"
    counts = ((report.passed, "passed"), (report.failed, "failed"), (report.skipped, "skipped"))
    said = ", ".join(f"{count} {word}" for count, word in counts if count)
    others = f" (also found here: {', '.join(args.others)})" if args.others else ""
    return f"`{args.command}` {outcome}{': ' + said if said else ''}{others}"


def _named(report: Report) -> list[str]:
    return [f"- {name}" for name in report.failures]


def _bounded(output: str) -> str:
    content = output.encode()
    if len(content) <= HEAD_BYTES + TAIL_BYTES:
        return output.rstrip()
    head = content[:HEAD_BYTES].decode(errors="ignore")
    tail = content[-TAIL_BYTES:].decode(errors="ignore")
    return f"{head}\n[... {len(content) - HEAD_BYTES - TAIL_BYTES} bytes left out ...]\n{tail.rstrip()}"


def _metadata(args: TestCommand, result: ProcessResult, report: Report) -> dict[str, object]:
    return {
        "command": args.command,
        "runner": args.runner,
        "exit_code": result.exit_code,
        "status": "timed_out" if result.timed_out else "completed" if result.exit_code == 0 else "failed",
        "passed": report.passed,
        "failed": report.failed,
        "skipped": report.skipped,
        "failures": list(report.failures),
        "duration_ms": result.duration_ms,
        "sandboxed": result.confined_by != "none",
        "confined_by": result.confined_by,
        **({"sandbox_denied": result.denied} if result.denied else {}),
        **({"integrity_changed": list(result.changed)} if result.changed else {}),
    }


TOOLS = (
    Tool(
        name="run_tests",
        description=(
            "Run the project's tests with its own runner, found from its files (pytest, unittest, cargo, go, npm, pnpm, yarn, bun, "
            "maven, gradle, ctest, make, …). Returns counts, the names of failed tests and the output. At most 10 minutes."
        ),
        arguments=RunTests,
        effects=frozenset({"execute"}),
        default="ask",
        run=run,
        resolve=resolve,
        describe=lambda args: f"Run the tests: {args.command}",
        command=lambda args: (args.command, None),
    ),
)
