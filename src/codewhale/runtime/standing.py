"""What holds for all turns of a runtime besides their threads' settings: the sandbox that was proved, and the rules.

The rules are asked for at every decision, so that one that was just written holds for the turn under way.
"""

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.settings import Problem
from codewhale.domain.confinement import Policy, Tier, policy_of
from codewhale.policy.posture import Posture
from codewhale.runtime.rulebook import Rulebook, tightened


class Standing(Struct, frozen=True, kw_only=True):
    """`tier` and `guards_history` are facts about the sandbox here, `configured` the policy that the settings ask for,
    `unconfined` the word of whoever started us that programs may run by themselves without a sandbox."""

    tier: Tier = "none"
    guards_history: bool = True
    configured: Policy | None = None
    unconfined: bool = False
    book: Rulebook | None = None

    def applied(self, posture: Posture, workspace: str) -> Posture:
        """The posture in this runtime, with the rules of this moment."""
        posture = replace(
            posture,
            tier=self.tier,
            guards_history=self.guards_history,
            cage=policy_of(posture.mode, self.configured),
            unconfined=self.unconfined,
        )
        if self.book is None:
            return posture
        return tightened(replace(posture, rules=self.book.rules(workspace)), self.book.limits(workspace))

    def ignored(self, workspace: str) -> tuple[Problem, ...]:
        """What the project in `workspace` tries to set and may not."""
        return self.book.ignored(workspace) if self.book is not None else ()
