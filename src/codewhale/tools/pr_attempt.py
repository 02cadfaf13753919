"""`pr_attempt_record`, `pr_attempt_list`, `pr_attempt_read`, `pr_attempt_preflight`: several tries at one change, each with its
patch, so that they can be compared and one be taken. Nothing here changes a file or the repository.
"""

import os
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.task_record import Attempt
from codewhale.domain.task_wishes import ListAttempts, OwnTask, ReadPatch
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.keeping import Keeping
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.git.attempt import Changes, fits
from codewhale.workspace.git.repository import Repository, find_repository
from codewhale.workspace.git.run import Git, find_git
from codewhale.workspace.plain import plain

PATCH_CHARS = 8_000
MOST_FILES = 50

TaskId = Annotated[Annotated[str, Meta(max_length=80)] | None, Meta(description="Default: this thread's own.")]
AttemptId = Annotated[str, Meta(min_length=1, max_length=80)]


class TakeChanges(Wish[Changes], frozen=True, kw_only=True):
    """What the workspace differs by from where its work began."""


class AttemptRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `pr_attempt_record`."""

    attempt_group_id: Annotated[str, Meta(min_length=1, max_length=80, description="The same for all tries.")]
    attempt_index: Annotated[int, Meta(ge=1, le=100)]
    attempt_count: Annotated[int, Meta(ge=1, le=100)]
    summary: Annotated[str, Meta(min_length=1, max_length=2000)]
    verification: Annotated[
        tuple[Annotated[str, Meta(max_length=500)], ...], Meta(max_length=50, description="What was checked.")
    ] = ()
    task_id: TaskId = None


class AttemptList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `pr_attempt_list`."""

    task_id: TaskId = None


class AttemptNamed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `pr_attempt_read` and `pr_attempt_preflight`."""

    attempt_id: AttemptId
    task_id: TaskId = None


async def record(args: AttemptRecord, ctx: ToolContext) -> ToolOutput:
    """Keep the patch, and put the attempt on the record."""
    if args.attempt_index > args.attempt_count:
        raise ToolError("attempt_index is greater than attempt_count.", category="invalid_input")
    own = await ctx.ask(OwnTask())
    if args.task_id is not None and (own is None or not own.startswith(args.task_id)):
        raise ToolError("An attempt is recorded by its task's own turn; leave task_id out.", category="invalid_input")
    found = await ctx.ask(TakeChanges())
    if not found.patch.strip():
        raise ToolError("Nothing differs from where the work began, so there is no attempt to record.")
    keeping = Keeping()
    kept = await keeping.keep(ctx, "attempt.patch", found.patch, f"patch of attempt {args.attempt_index}")
    given = msgspec.to_builtins(args)
    attempt = {name: given[name] for name in given if name != "task_id"}
    attempt |= {name: getattr(found, name) for name in ("base_ref", "base_sha", "head_ref", "head_sha")}
    attempt |= {"changed_files": list(found.files), "patch_path": kept.path}
    where = f"on {own}" if own is not None else "in this thread, which belongs to no task"
    size = f"{len(found.files)} files, {len(found.patch):,} characters of patch"
    against = found.base_ref or found.base_sha[:12]
    lines = [f"Attempt {args.attempt_index} of {args.attempt_count} recorded {where}: {size} against {against}."]
    if kept.altered:
        lines.append("Secrets were taken out of the kept patch: it will not apply there.")
    if "\ufffd" in found.patch:
        lines.append("The patch has text that is not UTF-8: it may not apply there.")
    lines.append(f"Its text: retrieve_tool_result {kept.note.ref[:19]}.")
    return ToolOutput(text="\n".join(lines), metadata=keeping.metadata(attempt=attempt))


async def listed(args: AttemptList, ctx: ToolContext) -> ToolOutput:
    """One line each."""
    attempts = await ctx.ask(ListAttempts(task=args.task_id))
    lines = [
        f"{one.id}  {one.attempt_group_id} {one.attempt_index}/{one.attempt_count}  {len(one.changed_files)} files"
        f"  {' '.join(plain(one.summary).split())[:120]}"
        for one in attempts
    ]
    metadata: dict[str, object] = {"attempts": [one.id for one in attempts]}
    return ToolOutput(text="\n".join(lines) or "No attempts are recorded there.", metadata=metadata)


async def read(args: AttemptNamed, ctx: ToolContext) -> ToolOutput:
    """All about one, with the beginning of its patch."""
    one = await _found(args, ctx)
    lines = [
        f"{one.id}: {one.attempt_index} of {one.attempt_count} in {one.attempt_group_id}, {one.recorded_at}",
        f"base {one.base_ref or '(no branch)'} {one.base_sha or ''}",
        f"head {one.head_ref or '(no branch)'} {one.head_sha or ''}",
        f"summary: {one.summary}",
        *(f"checked: {check}" for check in one.verification),
        *(f"changed: {name}" for name in one.changed_files[:MOST_FILES]),
    ]
    if len(one.changed_files) > MOST_FILES:
        lines.append(f"… and {len(one.changed_files) - MOST_FILES} more files")
    if one.patch_path is not None:
        patch = await ctx.ask(ReadPatch(task=args.task_id, attempt=one))
        cut = f"\n[{len(patch) - PATCH_CHARS:,} characters more]" if len(patch) > PATCH_CHARS else ""
        lines += ["", patch[:PATCH_CHARS].rstrip() + cut]
    return ToolOutput(text=plain("\n".join(lines)), metadata={"attempt": msgspec.to_builtins(one)})


async def preflight(args: AttemptNamed, ctx: ToolContext) -> ToolOutput:
    """Whether its patch would apply to the files as they are now."""
    one = await _found(args, ctx)
    git, repository = repository_of(ctx)
    patch = await ctx.ask(ReadPatch(task=args.task_id, attempt=one))
    fit = await fits(git, repository, patch)
    said = {
        "applies": "applies to the files as they are",
        "applied": "is in the files already",
        "conflicts": f"does not apply: {', '.join(fit.files[:10]) or 'git does not say where'}",
    }[fit.verdict]
    text = f"The patch of {one.id} {said}." + (f"\n{fit.said}" if fit.said else "")
    metadata: dict[str, object] = {"attempt_id": one.id, "verdict": fit.verdict, "files": list(fit.files)}
    return ToolOutput(text=text, metadata={**metadata, "confined_by": ctx.processes.confined_by})


async def _found(args: AttemptNamed, ctx: ToolContext) -> Attempt:
    attempts = await ctx.ask(ListAttempts(task=args.task_id))
    exact = [one for one in attempts if one.id == args.attempt_id]
    found = exact or [one for one in attempts if one.id.startswith(args.attempt_id)]
    if len(found) != 1:
        known = ", ".join(one.id for one in attempts[-10:]) or "none"
        problem = f"{len(found)} attempts begin so" if found else "There is no such attempt"
        raise ToolError(f"{problem}: {args.attempt_id}. Recorded there: {known}.", category="invalid_input")
    return found[0]


def repository_of(ctx: ToolContext) -> tuple[Git, Repository]:
    """git, and the repository of the workspace; `ToolError` where either is missing."""
    git = find_git(ctx.processes, ctx.files.root)
    if git is None:
        raise ToolError("git is not installed here (one inside the workspace is not used).", category="not_available")
    repository = find_repository(ctx.files.root)
    if repository is None:
        raise ToolError("The workspace is in no git repository that is ours to read.", category="not_available")
    return git, repository


def place_of(repository: Repository, workspace: str) -> str | None:
    """The workspace from the top of its repository; None when it is all of it."""
    place = os.path.relpath(workspace, repository.top)
    return None if place == "." else place


def _tool(name: str, description: str, arguments: type[Struct]) -> Tool:
    runs = {"record": record, "list": listed, "read": read, "preflight": preflight}
    kind = name.removeprefix("pr_attempt_")
    return Tool(
        name=name,
        description=description,
        arguments=arguments,
        effects=frozenset({"record" if kind == "record" else "read"}),
        default="allow",
        run=runs[kind],
    )


TOOLS = (
    _tool(
        "pr_attempt_record",
        "Record this workspace's changes as one of several attempts at a task: base, head, changed files, patch (new files "
        "included), and what was verified.",
        AttemptRecord,
    ),
    _tool("pr_attempt_list", "List recorded attempts of a task or of this thread.", AttemptList),
    _tool("pr_attempt_read", "Show a recorded attempt with the beginning of its patch.", AttemptNamed),
    _tool("pr_attempt_preflight", "Check whether an attempt's patch would apply here; changes nothing.", AttemptNamed),
)
