"""Automations for the turns that ask for them: those that work in their own workspace, and never one that may do more than
the turn that sets it going."""

from msgspec.structs import replace

from codewhale.domain.automations import Automation, Occurrence
from codewhale.domain.errors import InvalidInput, NotFound, ToolError
from codewhale.domain.wishes import Origin
from codewhale.runtime.authority import check_place, handed_on, is_here, posture_of_turn
from codewhale.runtime.runtime import Runtime
from codewhale.tools.automation import (
    ChangeAutomation,
    ListAutomations,
    Listed,
    MakeAutomation,
    ReadAutomation,
    Seen,
    SteerAutomation,
)

MOST = 200
"""Automations that there may be when a turn makes one more."""


async def make(wish: MakeAutomation, origin: Origin, runtime: Runtime) -> Automation:
    """One that asks before it acts."""
    if len(await runtime.automations.listed()) >= MOST:
        raise ToolError(f"There are {MOST} automations; delete some first.")
    parent = posture_of_turn(runtime, origin)
    cwds = wish.new.cwds or (runtime.resident(origin.thread_id).thread.workspace,)
    for folder in cwds:
        check_place(parent, origin, folder)
    try:
        return await runtime.automations.create(replace(wish.new, cwds=cwds))
    except InvalidInput as error:
        raise ToolError(error.in_full(), category="invalid_input") from error


async def listed(wish: ListAutomations, origin: Origin, runtime: Runtime) -> Listed:
    """Those of the workspace."""
    every = await runtime.automations.listed()
    here = [one for one in every if _is_here(one, origin, runtime)]
    return Listed(automations=tuple(here[: wish.limit]), elsewhere=len(every) - len(here))


async def read(wish: ReadAutomation, origin: Origin, runtime: Runtime) -> Seen:
    """It and its newest runs."""
    found = await _named(wish.name, origin, runtime)
    return Seen(automation=found, runs=tuple(await runtime.automations.runs(found.id, wish.runs)))


async def change(wish: ChangeAutomation, origin: Origin, runtime: Runtime) -> Automation:
    """The automation after that."""
    found = await _named(wish.name, origin, runtime)
    parent = posture_of_turn(runtime, origin)
    _check_within(found, origin, runtime)
    for folder in wish.patch.cwds or ():
        check_place(parent, origin, folder)
    if all(getattr(wish.patch, name) is None for name in wish.patch.__struct_fields__):
        raise ToolError("Nothing to change: give name, prompt, rrule, cwds or status.", category="invalid_input")
    patch = wish.patch if wish.patch.cwds != () else replace(wish.patch, cwds=found.cwds[:1])
    try:
        return await runtime.automations.update(found.id, patch)
    except (InvalidInput, NotFound) as error:
        raise ToolError(error.in_full(), category="invalid_input") from error


async def steer(wish: SteerAutomation, origin: Origin, runtime: Runtime) -> Automation | Occurrence:
    """The automation, or its run."""
    found = await _named(wish.name, origin, runtime)
    if wish.what in ("resume", "run"):
        _check_within(found, origin, runtime)
    automations = runtime.automations
    try:
        match wish.what:
            case "pause":
                return await automations.pause(found.id)
            case "resume":
                return await automations.resume(found.id)
            case "delete":
                return await automations.delete(found.id)
            case "run":
                return await automations.run_now(found.id)
    except (InvalidInput, NotFound) as error:
        raise ToolError(error.in_full(), category="invalid_input") from error


def _check_within(automation: Automation, origin: Origin, runtime: Runtime) -> None:
    """What may do more than the turn is set going by a person only."""
    parent = posture_of_turn(runtime, origin)
    given = handed_on(
        parent,
        automation.mode,
        allow_shell=automation.allow_shell,
        trust_mode=automation.trust_mode,
        auto_approve=automation.auto_approve,
    )
    asked = (automation.allow_shell, automation.trust_mode, automation.auto_approve)
    if (automation.mode == "yolo" and given.mode != "yolo") or any(
        wanted and not got
        for wanted, got in zip(asked, (given.allow_shell, given.trust_mode, given.auto_approve), strict=True)
    ):
        raise ToolError(
            f"{automation.id} may do more than this thread, so this thread cannot set it going. A person can: "
            f"`codewhale automation` on the command line.",
            category="permission_denied",
        )


def _is_here(automation: Automation, origin: Origin, runtime: Runtime) -> bool:
    return is_here(origin, automation.cwds[0] if automation.cwds else runtime.defaults.workspace)


async def _named(name: str, origin: Origin, runtime: Runtime) -> Automation:
    every = [one for one in await runtime.automations.listed() if _is_here(one, origin, runtime)]
    found = [one for one in every if one.id == name] or [one for one in every if one.id.startswith(name)]
    if len(found) == 1:
        return found[0]
    known = ", ".join(one.id for one in every[:10]) or "none"
    problem = f"{len(found)} automations begin with" if found else "This workspace has no automation"
    raise ToolError(f"{problem} {name!r}. There are: {known}.", category="invalid_input")


ANSWERS = {
    MakeAutomation: make,
    ListAutomations: listed,
    ReadAutomation: read,
    ChangeAutomation: change,
    SteerAutomation: steer,
}
