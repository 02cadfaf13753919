"""A thread's context report out of its log: what its next request would begin with, and what came of those it made."""

from collections.abc import Generator

from codewhale.context.conversation import messages
from codewhale.context.filling import largest, pieces
from codewhale.context.requests import Requests
from codewhale.domain import events as e
from codewhale.domain.context_report import ContextReport
from codewhale.domain.records import Thread
from codewhale.engine.pins import Header
from codewhale.store.port import Store
from codewhale.tools.activation import Activation
from codewhale.tools.registry import spec_of

BATCH = 2000


def context_report(store: Store, thread: Thread, window: int | None) -> ContextReport:
    """The report. `window` is that of the thread's model."""
    requests = Requests()
    for batch in _batches(store, thread.id):
        requests.see_all(batch)
    items = store.items(thread.id)
    said = messages(items)
    pinned = Header.of(store, thread.id).pinned
    first = pinned.tools if pinned is not None else ()
    known = {tool.name for tool in first}
    tail = tuple(spec_of(name) for name in Activation(items).names if name not in known)
    found = pieces(pinned.parts if pinned is not None else (), (*first, *tail), said, requests.ratio)
    return ContextReport(
        thread_id=thread.id,
        model=thread.model,
        provider=thread.model_provider,
        window=window,
        tokens=sum(piece.tokens for piece in found),
        chars_per_token=round(requests.ratio, 2),
        pieces=found,
        largest=largest(said, requests.ratio),
        requests=tuple(requests.found),
    )


def _batches(store: Store, thread_id: str) -> Generator[list[e.Event]]:
    after = 0
    while batch := store.read(thread_id, after=after, limit=BATCH):
        yield batch
        after = batch[-1].seq
