"""`automation_*`: schedules that queue tasks. What is due runs where the server does.

A run of an automation that a turn made asks before it acts and has no shell; only a person can give it more.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.automations import Automation, AutomationPatch, NewAutomation, Occurrence
from codewhale.domain.decisions import Touch
from codewhale.domain.tools import Effect, ToolOutput, Verdict
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.plain import plain

Steering = Literal["pause", "resume", "delete", "run"]
SHOWN_RUNS = 10

Rule = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=400,
        description="FREQ=HOURLY;INTERVAL=4 | FREQ=WEEKLY;BYDAY=MO,FR;BYHOUR=9;BYMINUTE=0 | FREQ=CRON;EXPR=0 9 * * 1-5 | "
        "FREQ=ONCE;AT=2030-01-31T09:00:00Z",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Prompt = Annotated[str, Meta(min_length=1, max_length=100_000)]
Folders = Annotated[tuple[str, ...], Meta(max_length=64, description="It works in the first; default: this one.")]
Id = Annotated[str, Meta(min_length=1, max_length=80, description="Id, or its unique beginning.")]


class Listed(Struct, frozen=True, kw_only=True):
    """The automations of the workspace, the one changed last first, and how many belong to others."""

    automations: tuple[Automation, ...]
    elsewhere: int


class Seen(Struct, frozen=True, kw_only=True):
    """An automation and the newest of its runs."""

    automation: Automation
    runs: tuple[Occurrence, ...]


class MakeAutomation(Wish[Automation], frozen=True, kw_only=True):
    """Make one; its folders are checked and absolute."""

    new: NewAutomation


class ListAutomations(Wish[Listed], frozen=True, kw_only=True):
    """Those of this workspace."""

    limit: int


class ReadAutomation(Wish[Seen], frozen=True, kw_only=True):
    """One of this workspace, with at most so many runs."""

    name: str
    runs: int


class ChangeAutomation(Wish[Automation], frozen=True, kw_only=True):
    """Change one of this workspace that may do no more than the turn."""

    name: str
    patch: AutomationPatch


class SteerAutomation(Wish[Automation | Occurrence], frozen=True, kw_only=True):
    """Pause, resume, delete or run one of this workspace; resuming and running only what may do no more than the turn."""

    name: str
    what: Steering


class AutomationCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `automation_create`."""

    name: Name
    prompt: Prompt
    rrule: Rule
    cwds: Folders = ()
    paused: bool = False


class AutomationListing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `automation_list`."""

    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class AutomationUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `automation_update`."""

    automation_id: Id
    name: Name | None = None
    prompt: Prompt | None = None
    rrule: Rule | None = None
    cwds: Folders | None = None
    status: Literal["active", "paused"] | None = None


class AutomationNamed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of the other tools."""

    automation_id: Id


async def create(args: AutomationCreate, ctx: ToolContext) -> ToolOutput:
    """Make it; when it is next due."""
    new = NewAutomation(
        name=args.name,
        prompt=args.prompt,
        rrule=args.rrule,
        cwds=_folders(args.cwds, ctx),
        status="paused" if args.paused else "active",
    )
    made = await ctx.ask(MakeAutomation(new=new))
    return _told(f"Made {made.id}: {_when(made)}", made)


async def listed(args: AutomationListing, ctx: ToolContext) -> ToolOutput:
    """One line each."""
    found = await ctx.ask(ListAutomations(limit=args.limit))
    lines = [f"{one.id}  {one.status}  {one.rrule}  {plain(one.name)[:80]}  {_when(one)}" for one in found.automations]
    if found.elsewhere:
        lines.append(f"({found.elsewhere} more belong to other workspaces)")
    metadata: dict[str, object] = {"automations": [one.id for one in found.automations]}
    return ToolOutput(text="\n".join(lines) or "There are no automations of this workspace.", metadata=metadata)


async def read(args: AutomationNamed, ctx: ToolContext) -> ToolOutput:
    """All about it, and its newest runs."""
    seen = await ctx.ask(ReadAutomation(name=args.automation_id, runs=SHOWN_RUNS))
    one = seen.automation
    may = [name for name in ("allow_shell", "trust_mode", "auto_approve") if getattr(one, name)]
    lines = [
        f"{one.id}: {one.name}, {one.status}; {_when(one)}",
        f"rule {one.rrule} in {one.timezone}; mode {one.mode}{''.join(f', {name}' for name in may)}",
        f"works in {one.cwds[0] if one.cwds else 'the default workspace of the server'}",
        f"prompt: {one.prompt[:4000]}",
        *(f"run {run.scheduled_for} {run.status} {run.task_id or ''} {run.error or ''}".rstrip() for run in seen.runs),
    ]
    return _told(plain("\n".join(lines)), one)


async def update(args: AutomationUpdate, ctx: ToolContext) -> ToolOutput:
    """Change it."""
    patch = AutomationPatch(
        name=args.name,
        prompt=args.prompt,
        rrule=args.rrule,
        cwds=_folders(args.cwds, ctx) if args.cwds is not None else None,
        status=args.status,
    )
    changed = await ctx.ask(ChangeAutomation(name=args.automation_id, patch=patch))
    return _told(f"Changed {changed.id}: {_when(changed)}", changed)


async def _steer(args: AutomationNamed, ctx: ToolContext, what: Steering) -> ToolOutput:
    done = await ctx.ask(SteerAutomation(name=args.automation_id, what=what))
    if isinstance(done, Occurrence):
        text = f"Run {done.id} of {done.automation_id}: {done.status}" + (
            f", task {done.task_id}" if done.task_id else ""
        )
        return ToolOutput(text=f"{text}.", metadata={"run": msgspec.to_builtins(done)})
    if what == "delete":
        return _told(f"Deleted {done.id}. Runs under way go on.", done)
    return _told(f"{done.id} is {done.status}: {_when(done)}", done)


def _folders(cwds: tuple[str, ...], ctx: ToolContext) -> tuple[str, ...]:
    return tuple(ctx.files.directory(folder) for folder in cwds)


def _when(automation: Automation) -> str:
    if automation.schedule_error is not None:
        return f"rests: {automation.schedule_error}"
    if automation.status == "paused":
        return "paused."
    return f"next due {automation.next_run_at}." if automation.next_run_at else "nothing is left to run."


def _told(text: str, automation: Automation) -> ToolOutput:
    names = ("id", "name", "rrule", "status", "next_run_at", "timezone")
    return ToolOutput(text=text, metadata={"automation": {name: getattr(automation, name) for name in names}})


def _describe_update(args: AutomationUpdate) -> str:
    names = ("name", "prompt", "rrule", "cwds", "status")
    given = [f"{name} {str(value)[:200]}" for name in names if (value := getattr(args, name)) is not None]
    return plain(f"Change the automation {args.automation_id}: {'; '.join(given) or 'nothing'}")


def _touched(args: AutomationCreate | AutomationUpdate) -> list[Touch]:
    return [Touch(path=folder, beneath=True) for folder in args.cwds or ()]


def _steering(what: Steering, description: str) -> Tool:
    async def run(args: AutomationNamed, ctx: ToolContext) -> ToolOutput:
        return await _steer(args, ctx, what)

    return Tool(
        name=f"automation_{what}",
        description=description,
        arguments=AutomationNamed,
        effects=_RECORD,
        default=_ASK,
        run=run,
        describe=lambda args: f"{what.capitalize()} the automation {args.automation_id}",
    )


_RECORD: frozenset[Effect] = frozenset({"record"})
_READ: frozenset[Effect] = frozenset({"read"})
_ASK: Verdict = "ask"
TOOLS = (
    Tool(
        name="automation_create",
        description=(
            "Make a schedule that queues a background task whenever its rule is due. Its runs ask before they act and have "
            "no shell."
        ),
        arguments=AutomationCreate,
        effects=_RECORD,
        default=_ASK,
        run=create,
        describe=lambda args: plain(f"Schedule {args.name!r} ({args.rrule}): {args.prompt[:300]}"),
        paths=_touched,
    ),
    Tool(
        name="automation_list",
        description="List the schedules of this workspace.",
        arguments=AutomationListing,
        effects=_READ,
        default="allow",
        run=listed,
    ),
    Tool(
        name="automation_read",
        description="Show a schedule, its prompt and its newest runs.",
        arguments=AutomationNamed,
        effects=_READ,
        default="allow",
        run=read,
    ),
    Tool(
        name="automation_update",
        description="Change a schedule's name, prompt, rule, folders or status.",
        arguments=AutomationUpdate,
        effects=_RECORD,
        default=_ASK,
        run=update,
        describe=_describe_update,
        paths=_touched,
    ),
    _steering("pause", "Pause a schedule; what comes due meanwhile is not made up for."),
    _steering("resume", "Let a paused schedule go on."),
    _steering("delete", "Delete a schedule. Its runs stay on record."),
    _steering("run", "Run a schedule's task now, beside its rule."),
)
