"""What fills a thread's context (ours: the published contract has nothing like it)."""

from codewhale.domain.context_report import ContextReport
from codewhale.domain.left_out import LeftOut
from codewhale.surfaces.http.endpoint import Endpoint, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import thread_id


async def context(call: Call) -> Reply:
    """The pieces of the next request, and what came of those before."""
    return json_reply(await call.client.introspection.context(thread_id(call)))


async def left_out(call: Call) -> Reply:
    """What the model no longer sees, and which compactions did it."""
    return json_reply(await call.client.introspection.left_out(thread_id(call)))


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/threads/{id}/context",
        context,
        Spec(
            doc="What fills the thread's window, and what a cache should have had of each of its requests (ours).",
            answer=ContextReport,
            errors=(404,),
        ),
    ),
    get(
        "/v1/threads/{id}/context/left-out",
        left_out,
        Spec(
            doc="What compactions took out of the model's context; the log keeps all of it (ours).",
            answer=LeftOut,
            errors=(404,),
        ),
    ),
)
