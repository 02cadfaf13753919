"""Answers to what the engine asks: approvals and questions (runtime-contract §4.5, §1.5). The first answer wins."""

from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.ports import is_id
from codewhale.domain.requests import ApprovalDecision, ClientToolResult
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import SHOWN, thread_id

CALL_ID = 256
"""Longest id of a call: the model's, and an item's id where that one was taken."""


async def decide_approval(call: Call, given: wire.DecisionRequest) -> Reply:
    """Allow or deny a call; the decision is checked before the id."""
    approval_id = call.path["approval_id"]
    if given.decision not in ("allow", "deny"):
        raise InvalidInput(f'invalid decision \'{given.decision[:SHOWN]}\'; expected "allow" or "deny"')
    decision: ApprovalDecision = "allow" if given.decision == "allow" else "deny"
    unknown = NotFound(f"no pending approval with id '{approval_id[:SHOWN]}'")
    if len(approval_id) > 128:
        raise unknown
    try:
        await call.client.decide(approval_id, decision, remember=given.remember, reason=given.reason)
    except NotFound as error:
        raise unknown from error
    return json_reply(wire.DecisionReceipt(ok=True, approval_id=approval_id, decision=decision, delivered=True))


async def answer_input(call: Call, given: wire.AnswersRequest) -> Reply:
    """Answer the questions of a `user_input.required`."""
    thread, input_id = call.path["thread_id"], call.path["input_id"]
    if not is_id(thread) or len(input_id) > 128:
        raise NotFound(f"no pending user input with id '{input_id[:SHOWN]}'")
    await call.client.answer(thread, input_id, given.answers)
    return json_reply(wire.AnswersReceipt(ok=True, input_id=input_id, delivered=True))


async def resolve_tool_call(call: Call, given: ClientToolResult) -> Reply:
    """The result of a call that the client ran."""
    turn_id, call_id = call.path["turn_id"], call.path["call_id"]
    if not is_id(turn_id) or len(call_id) > CALL_ID:
        raise NotFound(f"no pending tool call with id '{call_id[:SHOWN]}'")
    await call.client.resolve_call(thread_id(call), turn_id, call_id, given)
    return Reply(status=202)


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/approvals/{approval_id}",
        wire.DecisionRequest,
        decide_approval,
        Spec(doc="Allow or deny a waiting call.", answer=wire.DecisionReceipt, errors=(400, 404)),
    ),
    with_body(
        "POST",
        "/v1/user-input/{thread_id}/{input_id}",
        wire.AnswersRequest,
        answer_input,
        Spec(doc="Answer waiting questions.", answer=wire.AnswersReceipt, errors=(400, 404)),
    ),
    with_body(
        "POST",
        "/v1/threads/{id}/turns/{turn_id}/tool-calls/{call_id}/result",
        ClientToolResult,
        resolve_tool_call,
        Spec(doc="Give the result of a call of a client-executed tool.", status=202, errors=(404,)),
    ),
)
