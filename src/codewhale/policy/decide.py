"""May this call run? One pure function from the call and the thread's posture to a decision.

Order: what the mode forbids, what no mode runs, what was refused before, the tool's own default, what was remembered, and
last what answers a question in the person's place. Invariant: nothing after a deny is looked at, so none is ever undone.
"""

import msgspec
from msgspec import Struct

from codewhale.domain.tools import Advice, Decision, Effect, Verdict
from codewhale.policy.commands.verdict import Judgement
from codewhale.policy.mode import Mode


class PlannedCall(Struct, frozen=True, kw_only=True):
    """A call about to run. `arguments` is its JSON text; without it the call has no key and cannot be remembered. `judged` is
    the verdict on the shell command that it would run."""

    tool: str
    effects: frozenset[Effect]
    default: Verdict
    description: str
    arguments: str | None = None
    judged: Judgement | None = None
    advice: tuple[Advice, ...] = ()


class Posture(Struct, frozen=True, kw_only=True):
    """How much is allowed. `mode` yolo stands for shell and automatic approval; `trust_mode` widens which paths may be
    touched and answers no approval; with `never_ask` what would be asked is denied; `allowed` and `denied` are
    `approval_key`s that a person decided on before."""

    mode: Mode = "agent"
    allow_shell: bool = False
    auto_approve: bool = False
    trust_mode: bool = False
    never_ask: bool = False
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()


def decide(call: PlannedCall, posture: Posture) -> Decision:
    """The verdict, the rule it comes from and why, in words that fit after "Not allowed: "."""
    if posture.mode == "plan" and call.effects & {"write", "execute"}:
        return Decision(verdict="deny", rule="mode_plan", reason="plan mode changes no files and runs no programs")
    if "execute" in call.effects and not (posture.allow_shell or posture.mode == "yolo"):
        return Decision(verdict="deny", rule="allow_shell", reason="the shell is switched off for this thread")
    refused = _refused(call)
    if refused is not None:
        return refused
    key = approval_key(call)
    if key in posture.denied:
        return Decision(verdict="deny", rule="remembered_deny", reason="a person has refused exactly this call before")
    if call.default == "allow":
        return Decision(verdict="allow", rule="tool_default", reason=f"{call.tool} needs no approval")
    if key in posture.allowed:
        return Decision(
            verdict="allow", rule="remembered_allow", reason="a person has allowed exactly this call before"
        )
    if posture.auto_approve or posture.mode == "yolo":
        return Decision(verdict="allow", rule="auto_approve", reason="this thread approves calls by itself")
    if posture.never_ask:
        return Decision(
            verdict="deny", rule="approval_policy", reason=f"{call.tool} needs an approval and nobody is asked"
        )
    return Decision(verdict="ask", rule="tool_default", reason=f"{call.tool} needs an approval")


def _refused(call: PlannedCall) -> Decision | None:
    """What the call itself, its command or a hook rules out whatever the posture."""
    if call.default == "deny":
        return Decision(verdict="deny", rule="tool_default", reason=f"{call.tool} is switched off")
    if call.judged is not None and call.judged.verdict == "forbid":
        reason = f"{call.judged.reason}. No mode runs such a command; the person can, in a terminal of their own"
        return Decision(verdict="deny", rule=call.judged.rule, reason=reason)
    hook = next((one for one in call.advice if one.verdict == "deny"), None)
    if hook is None:
        return None
    return Decision(verdict="deny", rule=hook.source, reason=hook.reason or f"{hook.source} refused it")


def approval_key(call: PlannedCall) -> str | None:
    """What a remembered decision is bound to: the tool and every byte of what it would do, whatever the order of the
    fields. None for a call without arguments, or whose arguments are no JSON."""
    if call.arguments is None:
        return None
    try:
        plain = msgspec.json.decode(call.arguments)
    except msgspec.DecodeError:
        return None
    from hashlib import sha256  # noqa: PLC0415 - start-up: most runs ask for nothing

    canonical = msgspec.json.encode([call.tool, plain], order="deterministic")
    return f"{call.tool}:{sha256(canonical).hexdigest()}"
