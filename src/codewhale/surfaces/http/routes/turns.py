"""Turns: start, steer, interrupt (runtime-contract §1.4, 16-18)."""

from msgspec.structs import replace

from codewhale.domain.commands import StartedTurn, TurnInput
from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import Turn
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id


async def start_turn(call: Call, given: TurnInput) -> Reply:
    """Begin a turn; it goes on whether or not anybody listens."""
    given = replace(given, prompt=required_prompt(given.prompt))
    return json_reply(await call.client.start_turn(thread_id(call), given), 201)


async def steer_turn(call: Call, given: wire.SteerRequest) -> Reply:
    """Give the turn under way more input."""
    prompt = required_prompt(given.prompt)
    return json_reply(await call.client.steer(thread_id(call), call.path["turn_id"], prompt))


async def interrupt_turn(call: Call) -> Reply:
    """Ask the turn under way to stop; `turn.completed` tells when it has."""
    return json_reply(await call.client.interrupt(thread_id(call), call.path["turn_id"]))


def required_prompt(prompt: str) -> str:
    """The prompt without surrounding blanks; 400 when nothing is left."""
    prompt = prompt.strip()
    if not prompt:
        raise InvalidInput("prompt is required")
    return prompt


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/threads/{id}/turns",
        TurnInput,
        start_turn,
        Spec(doc="Start a turn.", status=201, answer=StartedTurn, errors=(400, 404, 409)),
    ),
    with_body(
        "POST",
        "/v1/threads/{id}/turns/{turn_id}/steer",
        wire.SteerRequest,
        steer_turn,
        Spec(doc="Give the turn under way more input.", answer=Turn, errors=(400, 404, 409)),
    ),
    post(
        "/v1/threads/{id}/turns/{turn_id}/interrupt",
        interrupt_turn,
        Spec(doc="Ask the turn under way to stop.", answer=Turn, errors=(404, 409)),
    ),
)
