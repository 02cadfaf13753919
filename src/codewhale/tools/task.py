"""`task_create`, `task_list`, `task_read`, `task_cancel`: background work that a turn hands on.

A task gets at most what its creator may do, and what its creator asked for beyond that is said in the answer.
"""

import os
from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.task_record import TaskRecord
from codewhale.domain.task_wishes import CancelTask, ListTasks, QueueTask, ReadTask
from codewhale.domain.tasks import NewTask, TaskSummary
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.plain import plain

PROMPT_CHARS = 60
SHOWN_ENTRIES = 20
MOST_SHOWN = 40

TaskId = Annotated[str, Meta(min_length=1, max_length=80, description="Task id, or its unique beginning.")]


class TaskCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `task_create`."""

    prompt: Annotated[str, Meta(min_length=1, max_length=100_000, description="Everything it needs to know.")]
    model: Annotated[str, Meta(max_length=200)] | None = None
    workspace: Annotated[str | None, Meta(description="Folder to work in; default: this one.")] = None
    mode: Literal["agent", "plan", "yolo"] | None = None
    allow_shell: Annotated[bool, Meta(description="It may run commands, if you may.")] = False
    trust_mode: bool = False
    auto_approve: Annotated[bool, Meta(description="It asks nobody, if you need not.")] = False


class TaskListing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `task_list`."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class TaskNamed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `task_read` and `task_cancel`."""

    task_id: TaskId


async def create(args: TaskCreate, ctx: ToolContext) -> ToolOutput:
    """Queue it."""
    workspace = ctx.files.directory(args.workspace) if args.workspace is not None else None
    new = NewTask(
        prompt=args.prompt,
        model=args.model,
        workspace=workspace,
        mode=args.mode,
        allow_shell=args.allow_shell,
        trust_mode=args.trust_mode,
        auto_approve=args.auto_approve,
    )
    record = await ctx.ask(QueueTask(new=new))
    less = _less(args, record)
    text = f"Queued {record.id}. It runs when the server has a free place; task_read shows how it stands."
    return ToolOutput(text=f"{text}\n{less}" if less else text, metadata={"task": _facts(record)})


def _less(args: TaskCreate, record: TaskRecord) -> str:
    """What it was not given of what was asked for."""
    names = ("allow_shell", "trust_mode", "auto_approve")
    refused = [name for name in names if getattr(args, name) and not getattr(record, name)]
    if args.mode is not None and args.mode != record.mode:
        refused.insert(0, f"mode {args.mode} (it is {record.mode})")
    return f"Not given, because this thread may not either: {', '.join(refused)}." if refused else ""


async def listed(args: TaskListing, ctx: ToolContext) -> ToolOutput:
    """One line each, the newest first."""
    found = await ctx.ask(ListTasks(limit=args.limit))
    lines = [_row(row) for row in found.tasks]
    metadata: dict[str, object] = {"tasks": [{"id": row.id, "status": row.status} for row in found.tasks]}
    return ToolOutput(text="\n".join(lines) or "There are no tasks of this workspace.", metadata=metadata)


def _row(row: TaskSummary) -> str:
    about = " ".join(plain(row.prompt_summary).split())[:PROMPT_CHARS]
    why = f" ({plain(row.error)[:120]})" if row.error else ""
    return f"{row.id}  {row.created_at[:16].replace('T', ' ')}  {row.status:<9}  {about}{why}"


async def read(args: TaskNamed, ctx: ToolContext) -> ToolOutput:
    """How it stands and what it left."""
    record = await ctx.ask(ReadTask(name=args.task_id))
    return ToolOutput(text=plain("\n".join(_shown(record))), metadata={"task": _facts(record)})


async def cancel(args: TaskNamed, ctx: ToolContext) -> ToolOutput:
    """Have it end."""
    record = await ctx.ask(CancelTask(name=args.task_id))
    said = "asked to stop" if record.status == "running" else record.status
    return ToolOutput(text=f"{record.id}: {said}.", metadata={"task": _facts(record)})


def _facts(record: TaskRecord) -> dict[str, object]:
    names = ("id", "status", "mode", "allow_shell", "trust_mode", "auto_approve", "workspace", "thread_id")
    return {name: getattr(record, name) for name in names}


def _shown(record: TaskRecord) -> list[str]:
    took = f" after {record.duration_ms / 1000:.1f} s" if record.duration_ms is not None else ""
    lines = [f"{record.id}: {record.status}{took}" + (f", {record.error}" if record.error else "")]
    lines.append(f"mode {record.mode}, model {record.model}, folder {record.workspace}")
    lines.append(f"prompt: {' '.join(record.prompt.split())[:500]}")
    if record.result_summary is not None:
        whole = f" (whole: {record.result_detail_path})" if record.result_detail_path else ""
        lines.append(f"result{whole}: {record.result_summary}")
    if record.checklist.items:
        lines.append(f"checklist, {record.checklist.completion_pct} %:")
        lines += [f"  [{one.status}] {one.id}. {one.content}" for one in record.checklist.items]
    lines += [f"gate {one.gate}: {one.status}, {one.summary}" for one in record.gates[-MOST_SHOWN:]]
    lines += [
        f"attempt {one.id}: {one.attempt_index} of {one.attempt_count} in {one.attempt_group_id}, {one.summary[:200]}"
        for one in record.attempts[-MOST_SHOWN:]
    ]
    lines += [f"artifact {one.label}: {one.path}" for one in record.artifacts[-MOST_SHOWN:]]
    lines += [f"github {one.action} {one.target} #{one.number}: {one.summary}" for one in record.github_events]
    entries = record.timeline[-SHOWN_ENTRIES:]
    if len(entries) < len(record.timeline):
        lines.append(f"timeline, the newest {len(entries)} of {len(record.timeline)}:")
    lines += [f"{entry.timestamp[11:19]} {entry.kind}: {' '.join(entry.summary.split())}" for entry in entries]
    return lines


def _describe(args: TaskCreate) -> str:
    asked = [name for name in ("allow_shell", "trust_mode", "auto_approve") if getattr(args, name)]
    how = f" ({', '.join([args.mode or 'agent', *asked])})"
    where = f" in {plain(args.workspace)[:200]}" if args.workspace else ""
    return f"Queue a background task{where}{how}: {' '.join(plain(args.prompt).split())[:300]}"


def _touched(args: TaskCreate) -> list[Touch]:
    return [Touch(path=os.path.normpath(args.workspace), beneath=True)] if args.workspace else []


TOOLS = (
    Tool(
        name="task_create",
        description=(
            "Queue a background task: a prompt worked on in a thread of its own, with at most what this thread may do. "
            "Answers with its id at once."
        ),
        arguments=TaskCreate,
        effects=frozenset({"record"}),
        default="ask",
        run=create,
        describe=_describe,
        paths=_touched,
    ),
    Tool(
        name="task_list",
        description="List the background tasks of this workspace, newest first.",
        arguments=TaskListing,
        effects=frozenset({"read"}),
        default="allow",
        run=listed,
    ),
    Tool(
        name="task_read",
        description="Show a background task: status, result, checklist, gates, attempts, artifacts, what happened.",
        arguments=TaskNamed,
        effects=frozenset({"read"}),
        default="allow",
        run=read,
    ),
    Tool(
        name="task_cancel",
        description="Cancel a background task of this workspace.",
        arguments=TaskNamed,
        effects=frozenset({"record"}),
        default="ask",
        run=cancel,
        describe=lambda args: f"Cancel the task {args.task_id}",
    ),
)
