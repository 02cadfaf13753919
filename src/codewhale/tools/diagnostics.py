"""`diagnostics`: what this machine and workspace offer, which language servers there are, and what they find in a file."""

import platform
from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown

PROGRAMS = (
    *(
        "git",
        "gh",
        "rg",
        "make",
        "cmake",
        "docker",
        "python3",
        "uv",
        "pip",
        "node",
        "npm",
        "pnpm",
        "yarn",
        "bun",
        "deno",
    ),
    *("go", "cargo", "rustc", "gcc", "clang", "java", "mvn", "gradle", "ruby", "php", "dotnet", "swift"),
)


class Diagnose(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to look at."""

    path: Annotated[
        str | None, Meta(description="File to ask its language server about; leave out for the overview.")
    ] = None


class LanguageFacts(Struct, frozen=True, kw_only=True):
    """`servers` has a line per language; `findings` the element about the asked file, or why there is none."""

    servers: tuple[str, ...]
    findings: str | None = None


class AskLanguageServers(Wish[LanguageFacts], frozen=True, kw_only=True):
    """Ask how the language servers are and, with `path`, what they find in that file as it is now."""

    path: str | None = None


async def _run(args: Diagnose, context: ToolContext) -> ToolOutput:
    facts = await context.ask(AskLanguageServers(path=args.path))
    if args.path is not None:
        return ToolOutput(text=facts.findings or f"Nothing was found in {shown(args.path)}.")
    there = [name for name in PROGRAMS if context.processes.find(name) is not None]
    lines = [
        f"Workspace: {context.files.root}",
        f"System: {platform.system()} {platform.release()} on {platform.machine()}",
        f"Programs: {', '.join(there) or 'none of the usual ones'}",
        "Language servers:",
        *(f"- {line}" for line in facts.servers),
    ]
    return ToolOutput(text="\n".join(lines), metadata={"programs": there})


TOOLS = (
    Tool(
        name="diagnostics",
        description=(
            "Show what the machine and workspace offer (system, programs, language servers), or with `path` the errors that "
            "a language server finds in that file now. After edits new errors are shown without asking."
        ),
        arguments=Diagnose,
        effects=frozenset({"read"}),
        default="allow",
        run=_run,
        paths=lambda args: [Touch(path=args.path)] if args.path is not None else [],
    ),
)
