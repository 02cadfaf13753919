"""The layers of the gate, in their order. Each is a pure function from the call and the posture to what it says, if anything.

No layer sees what another one said: that is what keeps the gate monotone. Only the approval, which stands for a person,
looks at what is still open.
"""

from collections.abc import Callable, Iterable

from codewhale.domain.confinement import kept_from_programs
from codewhale.domain.decisions import Layer, Ruling, Says, Target
from codewhale.policy.law import protected
from codewhale.policy.planned import PlannedCall, approval_key
from codewhale.policy.posture import Posture
from codewhale.policy.rules import rulings

Rulings = Iterable[Ruling]
CHANGES = frozenset({"write", "execute"})


def _ruling(layer: Layer, says: Says, rule: str, reason: str) -> Ruling:
    return Ruling(layer=layer, says=says, rule=rule, reason=reason)


def posture_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """What the mode and the switches of the thread rule out."""
    if posture.mode == "plan" and call.effects & CHANGES:
        yield _ruling("posture", "deny", "mode_plan", "plan mode changes no files and runs no programs")
    elif "execute" in call.effects and not posture.shell:
        yield _ruling("posture", "deny", "allow_shell", "the shell is switched off for this thread")


def admission_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """Which tools may be called at all."""
    if call.tool in posture.barred:
        yield _ruling("admission", "deny", "tool_barred", f"{call.tool} may not be called here")
    elif posture.tools is not None and call.tool not in posture.tools:
        yield _ruling(
            "admission", "deny", "tool_not_admitted", f"{call.tool} is not among the tools that may be called here"
        )


def hooks_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """What the person's own programs say; their `allow` vouches for nothing."""
    del posture
    for advice in call.advice:
        if advice.verdict == "deny":
            yield _ruling("hooks", "deny", advice.source, advice.reason or f"{advice.source} refused it")
        elif advice.verdict == "ask":
            yield _ruling("hooks", "review", advice.source, advice.reason or f"{advice.source} wants it asked")


def tool_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """The tool's own need of an approval."""
    del posture
    match call.default:
        case "deny":
            yield _ruling("tool", "deny", "tool_default", f"{call.tool} is switched off")
        case "ask":
            yield _ruling("tool", "ask", "tool_default", f"{call.tool} needs an approval")
        case "allow":
            yield _ruling("tool", "allow", "tool_default", f"{call.tool} needs no approval")


def rules_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """The person's rules, and what limits them."""
    return rulings(call, posture.rules)


def command_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """What the shell text was read to do. Harmless counts only where a proved sandbox holds it to that."""
    judged = call.judged
    if judged is None:
        return
    if judged.verdict == "forbid":
        reason = f"{judged.reason}. No mode runs such a command; the person can, in a terminal of their own"
        yield _ruling("command", "deny", judged.rule, reason)
    elif judged.verdict == "ask":
        yield _ruling("command", "ask", judged.rule, judged.reason)
    elif posture.proved and not call.environ:
        yield _ruling("command", "clear", judged.rule, f"{judged.reason}; it runs with the workspace read-only")
    elif call.environ:
        names = ", ".join(name for name, _ in call.environ)
        yield _ruling(
            "command", "ask", "ask.environ", f"{judged.reason}, but variables are added that may change it: {names}"
        )


def network_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """What the person's network policy says of the hosts that the call names."""
    del posture
    for reach in call.reach:
        if reach.verdict == "deny":
            reason = f"the network policy does not allow {reach.host} ({reach.rule})"
            yield _ruling("network", "deny", reach.rule, reason)
        elif reach.verdict == "prompt":
            reason = f"the network policy has {reach.host} asked about ({reach.rule})"
            yield _ruling("network", "ask", reach.rule, reason)


def law_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """Files that decide what runs or what agents are told later. What would be refused anyway is not asked about."""
    for target in call.targets:
        refused = _refused(target, call, posture)
        if refused is not None:
            yield _ruling("law", "deny", "protected_path", f"{target.given} {refused}")
            return
    for target in call.targets:
        what = protected(target, call.workspace)
        if what is None:
            continue
        if posture.lawful:
            reason = f"it changes {target.given}: {what}. Where calls are approved without a person, that is not done"
            yield _ruling("law", "deny", "protected_path", reason)
        else:
            yield _ruling("law", "review", "protected_path", f"it changes {target.given}: {what}")
        return


def _refused(target: Target, call: PlannedCall, posture: Posture) -> str | None:
    if target.refused is not None or not target.write:
        return target.refused
    held = posture.proved and posture.guards_history and posture.confined_to in ("read-only", "workspace-write")
    name = kept_from_programs(call.workspace, target.real) if held and call.command is not None else None
    return f"is inside {name}, which the sandbox keeps every command from" if name is not None else None


def sandbox_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """What no sandbox, or a weaker one, takes away from automatic approval."""
    if "execute" not in call.effects or posture.unconfined or posture.confined_to == "danger-full-access":
        return
    if posture.tier == "none":
        reason = "programs would run without a sandbox here, so each one is asked"
        yield _ruling("sandbox", "review", "sandbox_none", reason)
    elif not posture.guards_history and not _harmless(call):
        reason = "the sandbox here cannot keep programs from the repository's hooks, so each one is asked"
        yield _ruling("sandbox", "review", "sandbox_reduced", reason)


def _harmless(call: PlannedCall) -> bool:
    return call.judged is not None and call.judged.verdict == "safe"


def remembered_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """What a person has answered to exactly this call."""
    key = approval_key(call) if posture.allowed or posture.denied else None
    if key is None:
        return
    if key in posture.denied:
        yield _ruling("approval", "deny", "remembered_deny", "a person has refused exactly this call before")
    elif key in posture.allowed:
        yield _ruling("approval", "clear", "remembered_allow", "a person has allowed exactly this call before")


def automatic_layer(call: PlannedCall, posture: Posture) -> Rulings:
    """Threads that approve by themselves."""
    del call
    if posture.automatic:
        yield _ruling("approval", "clear", "auto_approve", "this thread approves calls by itself")


LAYERS: tuple[Callable[[PlannedCall, Posture], Rulings], ...] = (
    posture_layer,
    admission_layer,
    hooks_layer,
    tool_layer,
    rules_layer,
    command_layer,
    network_layer,
    law_layer,
    sandbox_layer,
    remembered_layer,
    automatic_layer,
)
