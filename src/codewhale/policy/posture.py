"""How much a thread, turn or agent may do. A value; two of them intersect, and nothing below widens what is above."""

from msgspec import Struct

from codewhale.domain.confinement import Policy, Tier, policy_of
from codewhale.policy.mode import Mode
from codewhale.policy.rule_set import NO_RULES, Rules, both

_MODES: dict[Mode, int] = {"plan": 0, "agent": 1, "yolo": 2}
_CAGES: dict[Policy, int] = {"read-only": 0, "workspace-write": 1, "external-sandbox": 2, "danger-full-access": 3}
_TIERS: dict[Tier, int] = {"bubblewrap": 3, "seatbelt": 2, "landlock": 1, "external": 1, "none": 0}


class Posture(Struct, frozen=True, kw_only=True):
    """How much is allowed. `mode` yolo stands for shell and automatic approval; `trust_mode` widens which paths may be
    touched and answers no approval; with `never_ask` what would be asked is denied; `allowed` and `denied` are
    `approval_key`s that a person decided on before. `tools` are those that may be called at all (None: any), `barred` those
    that may not. `tier` is the sandbox that was proved here, `cage` the policy that programs get (None: that of the
    mode). `unconfined`: the person said when starting us that programs may run by themselves without one.
    `guards_history`: the cage keeps programs from `.git` and other protected paths. With `strict_law` protected files are
    refused, not asked about."""

    mode: Mode = "agent"
    allow_shell: bool = False
    auto_approve: bool = False
    trust_mode: bool = False
    never_ask: bool = False
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    rules: Rules = NO_RULES
    tools: frozenset[str] | None = None
    barred: frozenset[str] = frozenset()
    tier: Tier = "none"
    cage: Policy | None = None
    guards_history: bool = True
    unconfined: bool = False
    strict_law: bool = False

    @property
    def shell(self) -> bool:
        """Whether programs may be run at all."""
        return self.allow_shell or self.mode == "yolo"

    @property
    def automatic(self) -> bool:
        """Whether ordinary questions are answered without a person."""
        return self.auto_approve or self.mode == "yolo"

    @property
    def lawful(self) -> bool:
        """Whether protected files are refused at once: where nobody is asked, nobody can be asked about them."""
        return self.automatic or self.strict_law

    @property
    def confined_to(self) -> Policy:
        """The policy that programs get."""
        return self.cage or policy_of(self.mode, None)

    @property
    def proved(self) -> bool:
        """Whether a sandbox of ours is known to hold here."""
        return self.tier in ("bubblewrap", "landlock", "seatbelt")


def narrowed(parent: Posture, child: Posture) -> Posture:
    """What a child of `parent` that asks for `child` gets: at most what each of the two may do."""
    tools = child.tools if parent.tools is None else parent.tools
    if parent.tools is not None and child.tools is not None:
        tools = parent.tools & child.tools
    return Posture(
        mode=min(parent.mode, child.mode, key=_MODES.__getitem__),
        allow_shell=parent.shell and child.shell,
        auto_approve=parent.automatic and child.automatic,
        trust_mode=parent.trust_mode and child.trust_mode,
        never_ask=parent.never_ask or child.never_ask,
        allowed=parent.allowed & child.allowed,
        denied=parent.denied | child.denied,
        rules=both(parent.rules, child.rules),
        tools=tools,
        barred=parent.barred | child.barred,
        tier=min(parent.tier, child.tier, key=_TIERS.__getitem__),
        cage=stricter(parent.confined_to, child.confined_to),
        guards_history=parent.guards_history and child.guards_history,
        unconfined=parent.unconfined and child.unconfined,
        strict_law=parent.lawful or child.lawful,
    )


def stricter(one: Policy, other: Policy) -> Policy:
    """The one that lets programs do less."""
    return min(one, other, key=_CAGES.__getitem__)
