"""The rules as they are now: the person's file and what a workspace tightens, read again when a file has changed.

Looking whether one has changed is all that a decision costs; where there is no file, what reads them is never loaded. What
is read is kept for a bounded number of workspaces.
"""

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.settings import PROJECT_FOLDER, Problem, Required
from codewhale.policy.posture import Posture, stricter
from codewhale.policy.rule_set import NO_RULES, Rules

if TYPE_CHECKING:
    from codewhale.config.permissions import RulesRead
    from codewhale.config.project import ProjectLimits
    from codewhale.domain.rules import Rule

MOST_WORKSPACES = 64
MOST_TOLD = 1_024
Stamp = tuple[int, ...]
_NOTHING_REQUIRED = Required()


class _Kept(Struct, kw_only=True):
    stamp: tuple[Stamp | None, ...]
    limits: "ProjectLimits"


class Rulebook:
    """`path` is the person's file, `home` their home folder, `required` what the machine's requirements allow: they tighten
    every workspace."""

    def __init__(self, path: str, home: str | None, required: Required = _NOTHING_REQUIRED) -> None:
        self._required = required
        self.path = path
        self._home = home
        self._stamp: Stamp | None = None
        self._own: RulesRead | None = None
        self._projects: OrderedDict[str, _Kept] = OrderedDict()
        self._told: OrderedDict[str, tuple[Problem, ...]] = OrderedDict()

    def own(self) -> "RulesRead":
        """The person's rules, or what keeps them from being read."""
        from codewhale.config.permissions import read_rules  # noqa: PLC0415 - start-up: loaded where there are rules

        stamp = _stamp(self.path)
        if self._own is None or stamp != self._stamp:
            self._own = read_rules(self.path, home=self._home)
            self._stamp = stamp
        return self._own

    def silent(self, workspace: str) -> bool:
        """Whether there is no file that could say anything, and nothing is required. Loads and reads nothing."""
        if self._required != _NOTHING_REQUIRED or not _absent(self.path):
            return False
        return _stamp(os.path.join(workspace, PROJECT_FOLDER)) is None

    def applied(self, posture: Posture, workspace: str) -> Posture:
        """The posture with the rules for a workspace, as its project leaves it."""
        if self.silent(workspace):
            return replace(posture, rules=NO_RULES)
        return tightened(replace(posture, rules=self.rules(workspace)), self.limits(workspace))

    def limits(self, workspace: str) -> "ProjectLimits":
        """How the files of a workspace tighten them."""
        from codewhale.config.project import (  # noqa: PLC0415 - start-up: as in `own`
            ProjectLimits,
            project_limits,
            required_limits,
        )

        folder = os.path.join(workspace, PROJECT_FOLDER)
        stamp = tuple(_stamp(os.path.join(folder, name)) for name in ("", "permissions.toml", "config.toml"))
        kept = self._projects.get(workspace)
        if kept is None or kept.stamp != stamp:
            limits = required_limits(
                self._required, project_limits(workspace) if stamp[0] is not None else ProjectLimits()
            )
            kept = self._projects[workspace] = _Kept(stamp=stamp, limits=limits)
            while len(self._projects) > MOST_WORKSPACES:
                self._projects.popitem(last=False)
        return kept.limits

    def rules(self, workspace: str) -> Rules:
        """All rules for calls in a workspace."""
        own, limits = self.own(), self.limits(workspace)
        broken = (*((f"your {own.problem}",) if own.problem is not None else ()), *limits.broken)
        return Rules(own=own.rules, limits=limits.rules, broken=broken)

    def ignored(self, workspace: str) -> tuple[Problem, ...]:
        """What the project tries to set and may not."""
        return self.limits(workspace).ignored

    def untold(self, thread_id: str, workspace: str) -> tuple[Problem, ...]:
        """The same, when it was not given for this thread before."""
        ignored = () if self.silent(workspace) else self.ignored(workspace)
        if self._told.get(thread_id, ()) == ignored:
            return ()
        self._told[thread_id] = ignored
        while len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        return ignored

    def add(self, rule: "Rule") -> None:
        """Write one more rule of the person; it holds from the next decision on."""
        from codewhale.config.permissions import add_rule  # noqa: PLC0415 - start-up: as in `own`

        add_rule(self.path, rule, home=self._home)

    def remove(self, number: int) -> "Rule":
        """Take a rule of the person out again, by its number from 1."""
        from codewhale.config.permissions import remove_rule  # noqa: PLC0415 - start-up: as in `own`

        return remove_rule(self.path, number, home=self._home)


def tightened(posture: Posture, limits: "ProjectLimits") -> Posture:
    """The posture as a project leaves it; never one that may do more."""
    from codewhale.config.project import ProjectLimits  # noqa: PLC0415 - start-up: whoever has limits has loaded it

    if limits == ProjectLimits():
        return posture
    found = replace(_spelled(posture), strict_law=posture.lawful, allow_shell=posture.shell and not limits.no_shell)
    if limits.plan:
        found = replace(found, mode="plan", cage="read-only")
    if limits.approvals is not None:
        found = replace(found, auto_approve=False, never_ask=found.never_ask or limits.approvals == "denied")
    if limits.cage is not None:
        found = replace(found, cage=stricter(limits.cage, found.confined_to))
    return found


def _spelled(posture: Posture) -> Posture:
    """The same posture with what yolo stands for written out, so that a part of it can be taken away."""
    if posture.mode != "yolo":
        return posture
    return replace(posture, mode="agent", allow_shell=True, auto_approve=True, cage=posture.confined_to)


def _absent(path: str) -> bool:
    """Whether there is surely no file; one that cannot be looked at may be there."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def _stamp(path: str) -> Stamp | None:
    try:
        facts = os.stat(path)
    except (OSError, ValueError):
        return None
    return facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_size, facts.st_ctime_ns
