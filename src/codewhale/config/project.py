"""What a project says about permissions: it may only tighten. Everything else that it tries to set is listed and ignored.

Two files of the workspace are read, and no program is started for it: `.deepseek/permissions.toml` and
`.deepseek/config.toml`. Links are not followed; a file that cannot be read means that everything is asked.
"""

import os
from collections.abc import Callable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.permissions import RulesRead, read_rules, read_text
from codewhale.config.settings import PROJECT_FOLDER, Problem, Required
from codewhale.domain.confinement import Policy
from codewhale.domain.rules import Rule

FOLDER = PROJECT_FOLDER
_CAGES: tuple[Policy, ...] = ("read-only", "workspace-write")


class ProjectLimits(Struct, frozen=True, kw_only=True):
    """How a project tightens what its threads may do; `ignored` is what it may not set, `broken` what cannot be read."""

    rules: tuple[Rule, ...] = ()
    no_shell: bool = False
    plan: bool = False
    approvals: Literal["asked", "denied"] | None = None
    cage: Policy | None = None
    ignored: tuple[Problem, ...] = ()
    broken: tuple[str, ...] = ()


class _Draft(Struct, kw_only=True):
    no_shell: bool = False
    plan: bool = False
    approvals: Literal["asked", "denied"] | None = None
    cage: Policy | None = None


def project_limits(workspace: str) -> ProjectLimits:
    """The limits that the files of `workspace` set. Never raises."""
    folder = os.path.join(workspace, FOLDER)
    if os.path.islink(folder) or not os.path.isdir(folder):
        return ProjectLimits(broken=(f"{FOLDER} is a link",) if os.path.islink(folder) else ())
    permissions = os.path.join(folder, "permissions.toml")
    found = read_rules(permissions, home=None, links="refused")
    ignored = [
        Problem(path=permissions, key=f"rules.{number}", message=f"a project cannot allow; ignored: {rule.name}")
        for number, rule in enumerate(found.rules, 1)
        if rule.action == "allow"
    ]
    draft, strange, problem = _overlay(os.path.join(folder, "config.toml"))
    return ProjectLimits(
        rules=tuple(rule for rule in found.rules if rule.action != "allow"),
        no_shell=draft.no_shell,
        plan=draft.plan,
        approvals=draft.approvals,
        cage=draft.cage,
        ignored=(*ignored, *strange),
        broken=tuple(f"the project's {text}" for text in (_said(found), problem) if text is not None),
    )


def required_limits(required: Required, limits: ProjectLimits) -> ProjectLimits:
    """The limits of a project with those of the machine's requirements; whichever is tighter holds."""
    policies, modes = required.approval_policies, required.sandbox_modes
    approvals, cage = limits.approvals, limits.cage
    if policies is not None and "auto" not in policies and approvals is None:
        approvals = "asked" if "on-request" in policies else "denied"
    widest = [one for one in _CAGES if modes is not None and one in modes]
    if widest and (modes is None or set(modes) <= set(_CAGES)) and cage != "read-only":
        cage = widest[-1]
    return replace(limits, approvals=approvals, cage=cage)


def _said(found: RulesRead) -> str | None:
    return found.problem


def _overlay(path: str) -> tuple[_Draft, list[Problem], str | None]:
    import tomllib  # noqa: PLC0415 - start-up: most projects have none

    draft = _Draft()
    try:
        content = read_text(path, links="refused")
        table: dict[str, object] = tomllib.loads(content.decode()) if content is not None else {}
    except OSError as error:
        return draft, [], f"config.toml cannot be read ({error.strerror or error})"
    except (ValueError, RecursionError) as error:
        return draft, [], f"config.toml is broken ({error})"
    ignored: list[Problem] = []
    for key, value in table.items():
        tighten = _TIGHTENING.get(key)
        if tighten is None:
            ignored.append(Problem(path=path, key=key, message="a project cannot set this; ignored"))
        elif not tighten(draft, value):
            ignored.append(Problem(path=path, key=key, message=f"a project can only tighten; {value!r} is ignored"))
    return draft, ignored, None


def _shell(draft: _Draft, value: object) -> bool:
    draft.no_shell = draft.no_shell or value is False
    return value is False


def _mode(draft: _Draft, value: object) -> bool:
    draft.plan = value == "plan"
    return draft.plan


def _approval(draft: _Draft, value: object) -> bool:
    if value in ("never", "deny"):
        draft.approvals = "denied"
    elif value in ("on-request", "suggest", "untrusted"):
        draft.approvals = "asked"
    return draft.approvals is not None


def _sandbox(draft: _Draft, value: object) -> bool:
    draft.cage = next((cage for cage in _CAGES if cage == value), None)
    return draft.cage is not None


_TIGHTENING: dict[str, Callable[[_Draft, object], bool]] = {
    "allow_shell": _shell,
    "mode": _mode,
    "approval_policy": _approval,
    "sandbox_mode": _sandbox,
}
