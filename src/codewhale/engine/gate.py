"""The gate of one call: the decision on it, and the approval where one is needed."""

import msgspec

from codewhale.domain import events as e
from codewhale.domain.requests import APPROVAL_TIMEOUT_SECS
from codewhale.engine.planning import CallRoom, Planned
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.requests import approval, approved
from codewhale.policy.decide import decide


async def gate(recorder: TurnRecorder, room: CallRoom, planned: Planned, opened: OpenItem) -> str | None:
    """None when the call may run, else what the model is told."""
    assert planned.subject is not None
    decision = decide(planned.subject, room.posture())
    if decision.verdict == "deny":
        return f"Not allowed: {decision.reason}."
    if decision.verdict == "allow" and decision.rule != "auto_approve":
        return None
    safety = planned.subject.judged
    required = e.ApprovalRequired(
        id=planned.call.id,
        approval_id=planned.call.id,
        tool_name=planned.subject.tool,
        description=planned.subject.description,
        input=msgspec.to_builtins(planned.arguments),
        expires_at=recorder.ports.clock.later(APPROVAL_TIMEOUT_SECS),
        matched_rule=decision.rule,
        safety_level=safety.verdict if safety is not None else None,
        safety_reason=safety.reason if safety is not None else None,
    )
    if decision.verdict == "allow":
        approved(room.desk, opened, recorder, required)
        return None
    reason = await approval(room.desk, opened, recorder, required)
    return None if reason is None else f"Denied: {reason}."
