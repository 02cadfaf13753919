"""The verdict on a call and how it came about: what each layer of the gate said, strictest word wins.

Two axes, never mixed: `Decision` says whether a call may run, a `Confinement` says what it may then touch.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from msgspec import Struct

from codewhale.domain.tools import Effect, Verdict

NOBODY_ASKED = "nobody was asked"
"""How the reason of a denial begins that a client gave because nobody was there."""

Layer = Literal["posture", "admission", "hooks", "tool", "rules", "command", "network", "law", "sandbox", "approval"]
Says = Literal["allow", "clear", "ask", "review", "deny"]
"""`allow`: needs no approval. `ask`: an ordinary question, which a `clear` of any layer takes away. `review`: a question that
nothing but a person's answer takes away. `deny`: final."""


class Ruling(Struct, frozen=True, kw_only=True):
    """What one layer said, the rule it follows, and the reason in words."""

    layer: Layer
    says: Says
    rule: str
    reason: str


class Decision(Struct, frozen=True, kw_only=True):
    """May this call run: the verdict, the rule that gave it, the reason in words, and what every layer said, in order.
    With `read_only` it runs only in a sandbox in which nothing but its own scratch space can be written."""

    verdict: Verdict
    rule: str
    reason: str
    trail: tuple[Ruling, ...] = ()
    read_only: bool = False


class Touch(Struct, frozen=True, kw_only=True):
    """A file that a call names: whether it is written, and whether all beneath it is read too."""

    path: str
    write: bool = False
    beneath: bool = False


class Target(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a call touches: as it was named, as an absolute path, and where that leads (links resolved). `refused` is why
    the file tools would not write it whoever asked, in words that fit after its name."""

    given: str
    path: str
    real: str
    write: bool = False
    beneath: bool = False
    refused: str | None = None


class CallDecided(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The gate's decision on the call of this item (ours; the HTTP stream leaves it out), before anybody is asked or anything
    runs: the verdict, the rule that gave it, and what every layer said. The rest is what the call was about, for looking at
    it again: `command` is left out when it is longer than 4,096 characters, `targets` are at most 32; `confined_by` is what
    would hold the program that it starts."""

    WIRE: ClassVar[str] = "call.decided"
    call_id: str
    tool: str
    verdict: Verdict
    rule: str
    reason: str
    trail: tuple[Ruling, ...]
    effects: tuple[Effect, ...]
    workspace: str
    command: str | None = None
    cwd: str | None = None
    targets: tuple[Target, ...] = ()
    hosts: tuple[str, ...] = ()
    confined_by: str | None = None


class Decided(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A decision of the past with its place in the log, and what a person said where one was asked (`allow`, `deny`,
    `timeout`; absent while it is open)."""

    seq: int
    timestamp: str
    thread_id: str
    turn_id: str
    item_id: str
    decision: CallDecided
    outcome: str | None = None
    outcome_reason: str | None = None
    automatic: bool = False

    @property
    def by_person(self) -> bool:
        """Whether a person gave the answer: not the runtime, and not a program in the place of nobody."""
        unasked = (self.outcome_reason or "").startswith(NOBODY_ASKED)
        return self.outcome in ("allow", "deny") and not self.automatic and not unasked


class DecisionQuery(Struct, frozen=True, kw_only=True):
    """Which decisions: of one thread, of one call (its id or that of its approval), the newest `limit`."""

    thread_id: str | None = None
    call_id: str | None = None
    limit: int = 1_000


def settle(trail: Sequence[Ruling]) -> Decision:
    """The strictest word of the trail, named by the first layer that said it. Adding a word other than `clear` never
    loosens the verdict; adding `clear` never undoes a `review` or a `deny`."""
    first: dict[Says, Ruling] = {}
    for ruling in trail:
        first.setdefault(ruling.says, ruling)
    said: tuple[Verdict, Ruling | None]
    if "deny" in first:
        said = "deny", first["deny"]
    elif "review" in first:
        said = "ask", first["review"]
    elif "ask" in first and "clear" not in first:
        said = "ask", first["ask"]
    else:
        said = "allow", first.get("clear") if "ask" in first else first.get("allow") or first.get("clear")
    verdict, ruling = said
    if ruling is None:  # nobody said anything: what no layer vouches for is asked
        return Decision(verdict="ask", rule="unjudged", reason="nothing says that it may run", trail=tuple(trail))
    return Decision(
        verdict=verdict,
        rule=ruling.rule,
        reason=ruling.reason,
        trail=tuple(trail),
        read_only=verdict == "allow" and ruling.layer == "command",
    )
