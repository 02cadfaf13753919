"""Manual compaction of a thread's context (runtime-contract §1.4 row 19, §4.11)."""

from codewhale.domain.commands import StartedTurn
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id


async def compact_thread(call: Call, given: wire.CompactRequest) -> Reply:
    """Begin a turn that replaces the model's conversation by a summary; `turn.completed` tells how it went."""
    return json_reply(await call.client.compact(thread_id(call), given.reason), 202)


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/threads/{id}/compact",
        wire.CompactRequest,
        compact_thread,
        Spec(doc="Summarise what the model has in mind.", status=202, answer=StartedTurn, errors=(404, 409)),
    ),
)
