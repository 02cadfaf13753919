"""What holds for all turns of a runtime besides their threads' settings: the sandbox that was proved, and the rules.

The rules are asked for at every decision, so that one that was just written holds for the turn under way.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.confinement import Policy, Tier, policy_of
from codewhale.policy.posture import Posture
from codewhale.policy.rules import NO_RULES, Rules

RulesOf = Callable[[str], Rules]
"""The rules for calls in a workspace, as they are now."""


class Standing(Struct, frozen=True, kw_only=True):
    """`tier` and `guards_history` are facts about the sandbox here, `configured` the policy that the settings ask for,
    `unconfined` the word of whoever started us that programs may run by themselves without a sandbox."""

    tier: Tier = "none"
    guards_history: bool = True
    configured: Policy | None = None
    unconfined: bool = False
    rules: RulesOf = lambda _: NO_RULES

    def applied(self, posture: Posture, workspace: str) -> Posture:
        """The posture in this runtime, with the rules of this moment."""
        return replace(
            posture,
            tier=self.tier,
            guards_history=self.guards_history,
            cage=policy_of(posture.mode, self.configured),
            unconfined=self.unconfined,
            rules=self.rules(workspace),
        )
