"""Rules of a person about calls, and what one of them would have done to the calls of the past."""

import re
from typing import Literal

from msgspec import Struct

from codewhale.domain.tools import Verdict

Action = Literal["allow", "ask", "deny"]
ACTIONS: tuple[Action, ...] = ("allow", "ask", "deny")
GLOB = r"\*\*/?|\*|\?|\[[^\]/]+\]"


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One entry. A field that is unknown is an error: without it the rule would mean more. One that is absent holds for every
    call: `tool` (`*` for any letters), `command` (the first words of a command), `command_exact` (its whole text), `path` (a
    glob, relative to the workspace or absolute), `workspace` (the absolute folder it is limited to)."""

    action: Action
    tool: str | None = None
    command: str | None = None
    command_exact: str | None = None
    path: str | None = None
    workspace: str | None = None
    reason: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The words of `command`."""
        return tuple((self.command or "").split())

    @property
    def name(self) -> str:
        """The rule in one line, as decisions cite it."""
        about = [self.tool or ""]
        about += [f'"{text}"' for text in (self.command, self.command_exact) if text is not None]
        about += [self.path or "", f"in {self.workspace}" if self.workspace else ""]
        said = " ".join(part for part in about if part)
        return f"{self.action} {said if len(said) <= 160 else said[:159] + '…'}"

    @property
    def weight(self) -> int:
        """How specific it is."""
        exact = 10_000 if self.command_exact is not None else 0
        fixed = len(re.sub(GLOB, "", self.path)) if self.path is not None else 0
        tool = 0 if self.tool is None else 1 if "*" in self.tool else 2
        return exact + 100 * len(self.words) + fixed + tool + (5 if self.workspace else 0)


class Change(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision of the past that a rule would have changed. `outcome` is what a person said then (`allow`, `deny`)."""

    thread_id: str
    call_id: str
    tool: str
    about: str
    before: Verdict
    after: Verdict
    outcome: str | None = None


class Simulation(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule would have done: how many decisions were looked at, how many it is about, how many of those could not be
    told (the log keeps no command longer than 4,096 characters), and what would have come out otherwise. `changed` counts
    all of that, `examples` are the newest of it. `against_you`: calls that a person refused and that it would have allowed."""

    rule: Rule
    looked_at: int = 0
    matched: int = 0
    unknown: int = 0
    changed: dict[str, int] = {}
    against_you: int = 0
    examples: tuple[Change, ...] = ()


class RulesShown(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The person's rules in their order, the file that they stand in, and what keeps it from being read."""

    path: str
    rules: tuple[Rule, ...] = ()
    problem: str | None = None
