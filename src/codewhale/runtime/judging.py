"""The gate for surfaces, asked outside of any thread: the same judge, rules and layers that stand before a call."""

import os

import msgspec
from msgspec import Struct

from codewhale.config.environment import environment, given
from codewhale.config.permissions import RulesRead
from codewhale.config.project import ProjectLimits
from codewhale.config.settings import Settings
from codewhale.domain.confinement import Tier
from codewhale.domain.decisions import Decision
from codewhale.domain.errors import InvalidInput, ToolError
from codewhale.domain.tools import Verdict
from codewhale.engine.gate import confined_by
from codewhale.engine.judging import planned_call
from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import Judgement, Place
from codewhale.policy.decide import Posture, decide
from codewhale.policy.mode import parse_mode
from codewhale.policy.planned import PlannedCall
from codewhale.runtime.rulebook import Rulebook
from codewhale.runtime.standing import Standing
from codewhale.tools.registry import find
from codewhale.tools.schema import parse_arguments
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes
from codewhale.workspace.web.web import Web

__all__ = [
    "Explained",
    "Judgement",
    "Place",
    "Posture",
    "Verdict",
    "explain",
    "judge",
    "place_at",
    "posture_of",
    "rules_here",
    "standing_of",
]


class Explained(Struct, frozen=True, kw_only=True):
    """A call, what the gate says about it, and what would confine a program that it starts (None: it starts none)."""

    call: PlannedCall
    decision: Decision
    confined_by: str | None = None


def place_at(workspace: str | None) -> Place:
    """The place of a command that runs in `workspace`, or where this process is; `InvalidInput` when there is none."""
    try:
        root = os.path.abspath(workspace or os.getcwd())
    except FileNotFoundError:
        raise InvalidInput(
            "the current folder is gone", hint="go to a folder that exists, or name one with -w"
        ) from None
    if not os.path.isdir(root):
        raise InvalidInput(f"{root} is no folder", hint="-w takes the folder in which the command would run")
    return Place(workspace=root, cwd=root, home=given(environment(), "HOME"))


def explain(
    settings: Settings, tool: str, arguments: dict[str, object], *, posture: Posture | None = None, standing: Standing
) -> Explained:
    """What the gate would say now about a call of `tool` in the workspace of the settings; nothing is run or recorded.
    `InvalidInput` for a tool that there is none of, or arguments that it does not take."""
    known = find(tool)
    if known is None:
        raise InvalidInput(
            f"there is no tool {tool!r}", hint="`codewhale policy explain` takes a command, a test any tool"
        )
    text = msgspec.json.encode(arguments).decode()
    try:
        parsed = parse_arguments(known, text)
    except ToolError as error:
        raise InvalidInput(error.message) from None
    root = os.path.realpath(settings.workspace)
    call = planned_call(known, parsed, text, Files(root), Processes(environment()), Web(settings.network))
    wanted = standing.applied(posture or posture_of(settings), root)
    decision = decide(call, wanted)
    return Explained(call=call, decision=decision, confined_by=", ".join(confined_by(call, wanted, decision)) or None)


def posture_of(settings: Settings) -> Posture:
    """How much a new thread may do, by the settings."""
    return Posture(
        mode=parse_mode(settings.mode),
        allow_shell=settings.allow_shell is not False,
        auto_approve=settings.approval_policy == "auto",
        never_ask=settings.approval_policy == "never",
    )


def standing_of(settings: Settings) -> Standing:
    """The rules of the person and of the project, and the sandbox that is proved here (trying it takes a moment)."""
    return Standing(
        tier=tier_here,
        surface=settings.sandbox,
        book=Rulebook(settings.permissions_file, given(environment(), "HOME"), settings.required),
    )


def tier_here() -> Tier:
    """The sandbox that this machine offers, tried out."""
    processes = Processes(environment())
    try:
        return processes.proof().tier
    finally:
        processes.close()


def rules_here(settings: Settings) -> tuple[RulesRead, ProjectLimits]:
    """The person's rules and what the workspace of the settings tightens, with what is wrong with them."""
    book = Rulebook(settings.permissions_file, given(environment(), "HOME"), settings.required)
    return book.own(), book.limits(os.path.realpath(settings.workspace))
