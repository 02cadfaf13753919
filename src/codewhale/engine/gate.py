"""The gate of one call: the decision on it, recorded before anything follows from it, and the approval where one is needed.

What comes out is a grant for exactly the call that was decided on; `reopened` looks at the call once more right before it
runs. Nothing here decides: that is `policy/`.
"""

import msgspec
from msgspec import Struct

from codewhale.domain import events as e
from codewhale.domain.decisions import Decision, Target
from codewhale.domain.requests import APPROVAL_TIMEOUT_SECS
from codewhale.engine.judging import planned_call
from codewhale.engine.planning import Planned
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.requests import approval, approved
from codewhale.engine.room import CallRoom
from codewhale.policy.decide import PlannedCall, Posture, decide, seal
from codewhale.policy.grant import GRANT_SECONDS, Grant
from codewhale.policy.planned import approval_key

LONGEST_COMMAND = 4_096
MOST_TARGETS = 32
READ_ONLY = frozenset({"read"})


class Cleared(Struct, frozen=True, kw_only=True):
    """The call may run, under this grant and as this decision says."""

    decision: Decision
    grant: Grant


async def gate(recorder: TurnRecorder, room: CallRoom, planned: Planned, opened: OpenItem) -> Cleared | str:
    """Leave to run the call, else what the model is told."""
    assert planned.subject is not None
    posture = room.posture()
    decision = decide(planned.subject, posture)
    sealed = seal(planned.subject, confined_by(planned.subject, posture, decision))
    recorder.append(_decided(planned, decision, posture), item_id=opened.item.id)
    if decision.verdict == "deny":
        return f"Not allowed: {decision.reason}."
    if decision.verdict == "ask" or decision.rule == "auto_approve":
        required = _required(recorder, planned, decision, posture, sealed)
        if decision.verdict == "allow":
            approved(room.desk, opened, recorder, required)
        elif (
            reason := await approval(room.desk, opened, recorder, required, approval_key(planned.subject))
        ) is not None:
            return f"Denied: {reason}."
    return Cleared(decision=decision, grant=Grant(sealed, recorder.ports.clock.monotonic() + GRANT_SECONDS))


def reopened(recorder: TurnRecorder, room: CallRoom, planned: Planned, cleared: Cleared) -> str | None:
    """The last look before the call runs: None when it is still the one that was decided on, else what the model is told."""
    assert planned.subject is not None
    assert planned.tool is not None
    assert planned.arguments is not None
    now = planned.subject
    if not now.effects <= READ_ONLY:  # what its paths lead to may have changed while it waited
        again = planned_call(
            planned.tool, planned.arguments, planned.call.arguments, room.files, room.processes, room.web
        )
        now = msgspec.structs.replace(again, advice=now.advice, environ=now.environ)
    sealed = seal(now, confined_by(now, room.posture(), cleared.decision))
    problem = cleared.grant.spend(sealed, recorder.ports.clock.monotonic())
    return None if problem is None else f"Not run: {problem}. Call it again if it is still wanted."


def confined_by(call: PlannedCall, posture: Posture, decision: Decision) -> tuple[str, ...]:
    """What holds a program that the call starts: the sandbox and its policy; nothing for a call that starts none."""
    if "execute" not in call.effects:
        return ()
    cage = "read-only" if decision.read_only else posture.confined_to
    return ("none" if cage == "danger-full-access" else posture.tier, cage)


def _decided(planned: Planned, decision: Decision, posture: Posture) -> e.CallDecided:
    call = planned.subject
    assert call is not None
    command = call.command
    return e.CallDecided(
        call_id=planned.call.id,
        tool=call.tool,
        verdict=decision.verdict,
        rule=decision.rule,
        reason=decision.reason,
        trail=decision.trail,
        effects=tuple(sorted(call.effects)),
        workspace=call.workspace,
        command=command.text if command is not None and len(command.text) <= LONGEST_COMMAND else None,
        cwd=command.cwd if command is not None and command.cwd != call.workspace else None,
        targets=tuple(target for target in call.targets if _telling(target, call))[:MOST_TARGETS],
        hosts=call.hosts,
        confined_by=", ".join(confined_by(call, posture, decision)) or None,
    )


def _telling(target: Target, call: PlannedCall) -> bool:
    """Not every word of a command that could be a file's name is worth keeping."""
    return call.command is None or target.write or "/" in target.given or "." in target.given


def _required(
    recorder: TurnRecorder, planned: Planned, decision: Decision, posture: Posture, sealed: str
) -> e.ApprovalRequired:
    call = planned.subject
    assert call is not None
    judged = call.judged
    read = next((ruling.reason for ruling in decision.trail if ruling.layer == "command"), None)
    return e.ApprovalRequired(
        id=planned.call.id,
        approval_id=planned.call.id,
        tool_name=call.tool,
        description=call.description,
        input=msgspec.to_builtins(planned.arguments),
        expires_at=recorder.ports.clock.later(APPROVAL_TIMEOUT_SECS),
        matched_rule=decision.rule,
        reason=decision.reason,
        confined_by=", ".join(confined_by(call, posture, decision)) or None,
        targets=tuple(dict.fromkeys(t.real for t in call.targets if t.write or t.real != t.path))[:MOST_TARGETS],
        safety_level=judged.verdict if judged is not None else None,
        safety_reason=read or judged.reason if judged is not None else None,
        seal=sealed,
    )
