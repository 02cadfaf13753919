"""`code_execution` and `js_execution`: a short program, run in the workspace by Python or node, in the sandbox of the turn.

The program comes on stdin, so it has no file and no length that a command line would limit. Nothing that it started runs on.
"""

import shlex
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import Effect, ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Command, ProcessResult

SECONDS = 120.0
_SHOWN = 2000
_EXECUTE: frozenset[Effect] = frozenset({"execute"})


class Code(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program."""

    code: Annotated[
        str, Meta(min_length=1, max_length=200_000, description="Source of the program; print what you need.")
    ]


class _Runner(Struct, frozen=True):
    """Who runs it: programs to look for, in order, and the words that make one read its program from stdin."""

    language: str
    programs: tuple[str, ...]
    words: tuple[str, ...]
    inline: tuple[str, ...]

    async def run(self, args: Code, ctx: ToolContext) -> ToolOutput:
        """Its output and exit code as JSON; a program that failed is an answer, one that never ends an error."""
        program = next((path for name in self.programs if (path := ctx.processes.find(name))), None)
        if program is None:
            raise ToolError(f"{' or '.join(self.programs)} is not installed on this machine.", category="not_available")
        result = await ctx.processes.run(
            Command(
                argv=(program, *self.words),
                cwd=ctx.files.root,
                timeout=SECONDS,
                stdin=args.code.encode("utf-8", "replace"),
                environ={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONIOENCODING": "utf-8"},
            ),
            lambda text: ctx.progress(plain(text)),
        )
        return ToolOutput(text=_text(result), metadata=_metadata(result), is_error=result.timed_out)

    def describe(self, args: Code) -> str:
        """The program itself, for the person who is asked."""
        cut = f" […{len(args.code) - _SHOWN} more characters]" if len(args.code) > _SHOWN else ""
        return f"Run {self.language}:\n{plain(args.code[:_SHOWN])}{cut}"

    def command(self, args: Code) -> tuple[str, str | None]:
        """What a shell would have to be told to do the same, for the gate to judge."""
        return shlex.join([self.programs[0], *self.inline, args.code]), None


def _text(result: ProcessResult) -> str:
    shown: dict[str, object] = {
        "stdout": plain(result.stdout.text),
        "stderr": plain(result.stderr.text),
        "return_code": result.exit_code,
    }
    if result.denied:
        shown["sandbox_refused"] = plain(result.denied)
    if result.timed_out:
        shown["message"] = f"Stopped after {SECONDS:.0f} seconds, with everything it had started."
    elif result.signal:
        shown["message"] = f"Ended by signal {result.signal}."
    return msgspec.json.encode(shown).decode()


def _metadata(result: ProcessResult) -> dict[str, object]:
    return {
        "exit_code": result.exit_code,
        "status": "timed_out" if result.timed_out else "completed" if result.exit_code == 0 else "failed",
        "duration_ms": result.duration_ms,
        "stdout_len": result.stdout.length,
        "stderr_len": result.stderr.length,
        "sandboxed": result.confined_by != "none",
        "confined_by": result.confined_by,
        **({"sandbox_denied": result.denied} if result.denied else {}),
        **({"integrity_changed": list(result.changed)} if result.changed else {}),
    }


def _tool(name: str, description: str, runner: _Runner) -> Tool:
    describe: Callable[[Code], str] = runner.describe
    return Tool(
        name=name,
        description=description,
        arguments=Code,
        effects=_EXECUTE,
        default="ask",
        run=runner.run,
        describe=describe,
        command=runner.command,
    )


TOOLS = (
    _tool(
        "code_execution",
        "Run a Python program in the workspace, at most 120 seconds, without a person's input. Returns JSON with stdout, stderr "
        "and return_code.",
        _Runner("Python", ("python3", "python"), ("-I", "-"), ("-I", "-c")),
    ),
    _tool(
        "js_execution",
        "Run a JavaScript program with node in the workspace, at most 120 seconds. Returns JSON with stdout, stderr and "
        "return_code.",
        _Runner("JavaScript", ("node",), ("-",), ("-e",)),
    ),
)
