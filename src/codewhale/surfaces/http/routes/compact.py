"""Manual compaction of a thread's context (runtime-contract §1.4 row 19, §4.11), and the way back from one (ours)."""

from codewhale.domain.commands import StartedTurn
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id


async def compact_thread(call: Call, given: wire.CompactRequest) -> Reply:
    """Begin a turn that replaces the model's conversation by a summary; `turn.completed` tells how it went."""
    return json_reply(await call.client.compact(thread_id(call), given.reason), 202)


async def uncompact_thread(call: Call) -> Reply:
    """Begin a turn that takes the last compaction back: the model is sent again what that had replaced."""
    return json_reply(await call.client.uncompact(thread_id(call)), 202)


ENDPOINTS: tuple[Endpoint, ...] = (
    with_body(
        "POST",
        "/v1/threads/{id}/compact",
        wire.CompactRequest,
        compact_thread,
        Spec(doc="Summarise what the model has in mind.", status=202, answer=StartedTurn, errors=(404, 409)),
    ),
    post(
        "/v1/threads/{id}/uncompact",
        uncompact_thread,
        Spec(
            doc="Take the last compaction back; 409 when there is none, or it would not fit the window (ours).",
            status=202,
            answer=StartedTurn,
            errors=(404, 409),
        ),
    ),
)
