"""`git_status`, `git_diff`, `git_log`, `git_show`, `git_blame`: what git knows, read without running anything that the
repository brought along, and only of the workspace when it is a part of a larger tree."""

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct

from codewhale.domain.confinement import confinement
from codewhale.domain.decisions import Touch
from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.git.repository import Repository, find_repository
from codewhale.workspace.git.run import find_git
from codewhale.workspace.plain import plain
from codewhale.workspace.processes import Processes

LIMIT = 40_000
_BYTES = 4 * LIMIT
_DRIVERLESS = ("--no-ext-diff", "--no-textconv", "--no-color")

Run = Callable[[Any, ToolContext], Awaitable[ToolOutput]]
Path = Annotated[str | None, Meta(description="File or directory; default: the workspace.")]
Unified = Annotated[int, Meta(ge=0, le=50, description="Lines of context.")]
Rev = Annotated[str, Meta(min_length=1, max_length=500)]
Word = Annotated[str, Meta(max_length=200)] | None


class GitStatus(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to look."""

    path: Path = None


class GitDiff(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which changes."""

    path: Path = None
    cached: Annotated[bool, Meta(description="Staged changes instead of unstaged ones.")] = False
    unified: Unified = 3


class GitLog(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which commits. `since` and `until` are dates as git takes them."""

    path: Path = None
    max_count: Annotated[int, Meta(ge=1, le=200)] = 20
    author: Word = None
    since: Word = None
    until: Word = None


class GitShow(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which commit, tag or `REV:FILE`, and how much of it."""

    rev: Rev
    path: Path = None
    patch: bool = True
    stat: bool = True
    unified: Unified = 3


class GitBlame(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines of which file."""

    path: Annotated[str, Meta(description="File.")]
    rev: Rev | None = None
    start_line: Annotated[int, Meta(ge=1)] = 1
    max_lines: Annotated[int, Meta(ge=1, le=2000)] = 200
    porcelain: bool = False


async def status(args: GitStatus, ctx: ToolContext) -> ToolOutput:
    """Branch and changes, one line each."""
    words = ("status", "--short", "--branch", "--untracked-files=normal", "--ignore-submodules=all")
    return await _ask(ctx, words, args.path)


async def diff(args: GitDiff, ctx: ToolContext) -> ToolOutput:
    """A patch of what is not committed or not staged."""
    words = ("diff", *_DRIVERLESS, "--ignore-submodules=all", f"--unified={args.unified}")
    return await _ask(ctx, (*words, "--cached") if args.cached else words, args.path, nothing="No differences.")


async def log(args: GitLog, ctx: ToolContext) -> ToolOutput:
    """Commits, the newest first, one line each."""
    words = ["log", "--no-color", "--no-show-signature", "--no-mailmap", f"--max-count={args.max_count}"]
    words.append("--format=%h %ad %an: %s%d")
    words.append("--date=iso-strict")
    for name in ("author", "since", "until"):
        value: str | None = getattr(args, name)
        if value is not None:
            words.append(f"--{name}={value}")
    return await _ask(ctx, words, args.path, nothing="No such commits.")


async def show(args: GitShow, ctx: ToolContext) -> ToolOutput:
    """A commit with its message and changes, or a file as it was."""
    words = ["show", *_DRIVERLESS, "--no-show-signature", "--ignore-submodules=all", f"--unified={args.unified}"]
    words.append("--patch" if args.patch else "--no-patch")
    if args.stat:
        words.append("--stat")
    return await _ask(ctx, [*words, "--end-of-options", _revision(args.rev)], args.path, whole=":" in args.rev)


async def blame(args: GitBlame, ctx: ToolContext) -> ToolOutput:
    """Who last changed each line, and when."""
    end = args.start_line + args.max_lines - 1
    words = ["blame", "--no-textconv", "-L", f"{args.start_line},{end}", "--date=short"]
    if args.porcelain:
        words.append("--porcelain")
    if args.rev is not None:
        words.append(_revision(args.rev))
    return await _ask(ctx, words, args.path)


def _revision(rev: str) -> str:
    if rev.startswith("-") or "\0" in rev:
        raise ToolError(f"{shown(rev)} is no revision.", category="invalid_input")
    return rev


async def _ask(
    ctx: ToolContext, words: Sequence[str], path: str | None, *, nothing: str = "", whole: bool = False
) -> ToolOutput:
    """What git says of the path. With `whole` the revision names the file itself, so no path may follow."""
    processes = _read_only(ctx)
    git = find_git(processes, ctx.files.root)
    if git is None:
        raise ToolError("git is not installed here (one inside the workspace is not used).", category="not_available")
    repository = find_repository(ctx.files.root)
    if repository is None:
        raise ToolError("The workspace is in no git repository that is ours to read.", category="not_available")
    place = _place(ctx, repository, path)
    words = [*words, "--", place] if place is not None and not whole else [*words]
    done = await git.look(repository, words, output=_BYTES)
    if done.timed_out:
        raise ToolError("git took too long and was stopped. Ask for less, such as a path.", category="timeout")
    if done.exit_code != 0:
        said = plain(done.stderr.text).strip() or "it does not say why"
        raise ToolError(f"git {words[0]} failed: {said[:2000]}")
    text = plain(done.stdout.head)
    cut = bool(done.stdout.omitted) or len(text) > LIMIT
    metadata: dict[str, object] = {
        "truncated": cut,
        "bytes": done.stdout.length,
        "confined_by": processes.confined_by,
    }
    if not text.strip():
        return ToolOutput(text=nothing or "(git says nothing)", metadata=metadata)
    if cut:
        kept = text[:LIMIT]
        text = f"{kept}\n[cut after {len(kept):,} characters of about {done.stdout.length:,} bytes; ask for a path or for less]"
    return ToolOutput(text=text, metadata=metadata)


def _read_only(ctx: ToolContext) -> Processes:
    """Where the turn's programs are confined, git writes nowhere at all and has no network."""
    if ctx.processes.confined_by in ("none", "external"):
        return ctx.processes
    return ctx.processes.confined(confinement("read-only", ctx.files.root, ctx.processes.home))


def _place(ctx: ToolContext, repository: Repository, path: str | None) -> str | None:
    """The path from the top of the repository; None for all of it."""
    real = ctx.files.resolve(path) if path is not None else ctx.files.root
    place = os.path.relpath(real, repository.top)
    if place == ".":
        return None
    if place.startswith(".."):
        raise ToolError(f"{shown(path or '.')} is not in the repository of the workspace.", category="path_escape")
    return place


def _tool(name: str, description: str, arguments: type[Struct], run: Run) -> Tool:
    def touched(args: "GitStatus | GitDiff | GitLog | GitShow | GitBlame") -> list[Touch]:
        return [Touch(path=args.path, beneath=True)] if args.path is not None else []

    return Tool(
        name=name,
        description=description,
        arguments=arguments,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
        describe=lambda args: f"{name} {shown(args.path)}" if args.path is not None else name,
        paths=touched,
    )


_SAFE = "Read-only; runs no hooks, filters or pagers of the repository."
TOOLS = (
    _tool("git_status", f"Branch and changed files, as `git status --short --branch`. {_SAFE}", GitStatus, status),
    _tool("git_diff", f"Unstaged changes as a patch, or staged ones with `cached`. {_SAFE}", GitDiff, diff),
    _tool("git_log", f"Commits, newest first: hash, date, author, subject. {_SAFE}", GitLog, log),
    _tool("git_show", f"A commit with its changes, or a file at a revision as `REV:FILE`. {_SAFE}", GitShow, show),
    _tool("git_blame", f"Who last changed each line of a file, and in which commit. {_SAFE}", GitBlame, blame),
)
