"""May this call run? One pure function from the call and the posture to a decision, with what every layer said.

Invariant: the strictest word wins, whoever said it and in whatever order: a layer can add to what stands in a call's way,
and nothing but a person's answer takes away more than the ordinary question.
"""

from collections.abc import Sequence

from codewhale.domain.decisions import Decision, Ruling, settle
from codewhale.domain.rules import Rule
from codewhale.policy.layers import LAYERS
from codewhale.policy.planned import PlannedCall, approval_key, seal
from codewhale.policy.posture import Posture, narrowed
from codewhale.policy.rule_set import Rules
from codewhale.policy.rules import rulings

__all__ = ["Decision", "PlannedCall", "Posture", "approval_key", "decide", "narrowed", "reconsider", "seal"]


def decide(call: PlannedCall, posture: Posture) -> Decision:
    """The verdict, the rule it comes from and why, in words that fit after "Not allowed: "; and the whole trail."""
    return concluded([ruling for layer in LAYERS for ruling in layer(call, posture)], posture, call.tool)


def concluded(trail: Sequence[Ruling], posture: Posture, tool: str) -> Decision:
    """What the trail comes to; where nobody is asked an open question is a denial."""
    decision = settle(trail)
    if decision.verdict != "ask" or not posture.never_ask:
        return decision
    nobody = Ruling(
        layer="approval", says="deny", rule="approval_policy", reason=f"{tool} needs an approval and nobody is asked"
    )
    return settle([*trail, nobody])


def reconsider(call: PlannedCall, trail: Sequence[Ruling], rules: Sequence[Rule]) -> Decision:
    """What a decision of the past, given by its trail, would have been with these rules besides."""
    nobody = any(ruling.rule == "approval_policy" for ruling in trail)
    kept = [ruling for ruling in trail if ruling.rule != "approval_policy"]
    added = list(rulings(call, Rules(own=tuple(rules))))
    return concluded([*kept, *added], Posture(never_ask=nobody), call.tool)
