"""The values of the command verdict: what is judged, where, and what came out.

`safe`: may run by itself as read-only, in the workspace and with a clean environment. `ask`: a person decides.
`forbid`: no mode, rule or setting runs it. Order of strictness: safe < ask < forbid.
"""

from typing import Literal

from msgspec import Struct, field

CommandVerdict = Literal["safe", "ask", "forbid"]

HARDENED_GIT = "hardened_git"
"""The condition of a safe git command: git runs with hooks, drivers, pagers and helpers of the repository off."""


class Place(Struct, frozen=True, kw_only=True):
    """Where a command would run: absolute folders. `home` is the person's, None when unknown."""

    workspace: str
    cwd: str
    home: str | None = None


class SegmentVerdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One simple command of the text: its source, what it comes out as, and the rule that says so."""

    text: str
    verdict: CommandVerdict
    class_: str = field(name="class")
    reason: str
    rule: str


class Judgement(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on a whole command text: the strictest of its parts, with that part's reason, class and rule.

    `condition` names what the runner must do for `safe` to hold beyond the clean environment."""

    verdict: CommandVerdict
    reason: str
    class_: str = field(name="class")
    rule: str
    condition: str | None = None
    segments: tuple[SegmentVerdict, ...] = ()


class Refused(Exception):
    """This cannot be shown to be harmless: the class and the reason in words. Becomes `ask`."""

    def __init__(self, class_: str, reason: str, rule: str | None = None) -> None:
        super().__init__(reason)
        self.class_ = class_
        self.reason = reason
        self.rule = rule or f"ask.{class_}"
