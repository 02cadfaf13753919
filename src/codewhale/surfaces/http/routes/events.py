"""A thread's events as a stream: stored ones from a cursor on, then live ones (runtime-contract §3.4, done without gaps)."""

from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get
from codewhale.surfaces.http.exchange import Call, Stream
from codewhale.surfaces.http.ids import thread_id
from codewhale.surfaces.http.present import Envelopes


async def thread_events(call: Call) -> Stream:
    """Events with `seq` above the cursor, in order, each once."""
    thread = thread_id(call)
    await call.client.thread(thread)
    after = cursor(call)
    return Stream(batches=call.client.events(thread, after=after), presenter=Envelopes(after))


def cursor(call: Call) -> int:
    """`Last-Event-ID` of a reconnecting browser, else `since_seq`, else 0. A cursor beyond the head of the log is the head:
    otherwise the reader would wait for events that will never have such numbers."""
    last = (call.header(b"last-event-id") or "").strip()
    resumed = int(last) if last.isascii() and last.isdigit() and len(last) <= 20 else None
    after = call.uint("since_seq") or 0 if resumed is None else resumed
    return min(after, call.facts.latest_seq())


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/threads/{id}/events",
        thread_events,
        Spec(
            doc="A thread's events: stored, then live.",
            stream="events",
            params=(Param("since_seq", "uint", "Only events with a greater seq; absent is the whole history."),),
            access="query_token",
            errors=(404,),
        ),
    ),
)
