"""Events and read models in the words of the published contract (runtime-contract §3). Pure; no I/O.

Payload bytes are passed through as they are in the log; only `thread.forked` and `thread.updated`, which may carry copied
history for our own fold, are cut down to the contract's fields.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from codewhale.domain.events import INTERNAL, Event, ThreadForked, ThreadUpdated
from codewhale.domain.records import Thread
from codewhale.domain.views import ThreadSnapshot
from codewhale.surfaces.http import wire

ENVELOPE_VERSION = 1
KEEPALIVE_FRAME = b": keepalive\n\n"

_encode = msgspec.json.encode


class Fork(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of `thread.forked` as clients see it."""

    thread: Thread
    source_thread_id: str
    backtrack_depth_from_tail: int | None = None
    dropped_turn_id: str | None = None


class Update(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The payload of `thread.updated` as clients see it."""

    thread: Thread
    changes: dict[str, object] | None = None
    reason: str | None = None


_CUT: dict[str, "msgspec.json.Decoder[Fork] | msgspec.json.Decoder[Update]"] = {
    ThreadForked.WIRE: msgspec.json.Decoder(Fork),
    ThreadUpdated.WIRE: msgspec.json.Decoder(Update),
}


def sse(event: str, payload: bytes) -> bytes:
    """One frame without an id."""
    return b"event: %b\ndata: %b\n\n" % (event.encode(), payload)


def published(payload: msgspec.Raw, event: str) -> msgspec.Raw:
    """The payload as clients see it."""
    cut = _CUT.get(event)
    return payload if cut is None else msgspec.Raw(_encode(cut.decode(payload)))


class Envelopes:
    """Frames of one connection to a thread's events. `previous_seq` links each event to the one sent before it on this
    connection (the cursor for the first), so that a reader can see that nothing is missing."""

    finished = False

    def __init__(self, after: int) -> None:
        self._previous = after
        self._ids: dict[str | None, str] = {None: "null"}

    def opening(self) -> list[bytes]:
        """Nothing: the headers say that the stream is open."""
        return []

    def frames(self, batch: Sequence[Event]) -> list[bytes]:
        """One frame per event; internal ones have none. Events at or below the cursor were sent before."""
        out: list[bytes] = []
        for event in batch:
            name = event.event
            seq = event.seq
            if name in INTERNAL or seq <= self._previous:
                continue
            payload = published(event.payload, name) if name in _CUT else event.payload
            time = event.timestamp
            thread, turn, item = self._id(event.thread_id), self._id(event.turn_id), self._id(event.item_id)
            head = (
                f'event: {name}\nid: {seq}\ndata: {{"seq":{seq},"timestamp":"{time}","thread_id":{thread},'
                f'"turn_id":{turn},"item_id":{item},"event":"{name}","kind":"{name}","previous_seq":{self._previous},'
                f'"schema_version":{ENVELOPE_VERSION},"created_at":"{time}","payload":'
            )
            out.append(b"".join((head.encode(), payload, b"}\n\n")))
            self._previous = seq
        return out

    def failed(self, message: str) -> list[bytes]:
        """Nothing: the stream ends, and the reader resumes from its cursor."""
        del message
        return []

    def _id(self, value: str | None) -> str:
        known = self._ids.get(value)
        if known is None:
            if len(self._ids) > 512:
                self._ids = {None: "null"}
            known = self._ids[value] = _encode(value).decode()
        return known


def detail(snapshot: ThreadSnapshot) -> wire.ThreadDetail:
    """A thread as `GET /v1/threads/{id}` shows it."""
    return wire.ThreadDetail(
        thread=snapshot.thread,
        turns=snapshot.turns,
        items=snapshot.items,
        latest_seq=snapshot.latest_seq,
        pending_approvals=tuple(
            wire.PendingApproval(
                id=r.id,
                turn_id=r.turn_id,
                tool_name=r.tool_name,
                description=r.description,
                item_id=r.item_id,
                expires_at=r.expires_at,
            )
            for r in snapshot.requests
            if r.kind == "approval"
        ),
        pending_user_inputs=tuple(
            wire.PendingUserInput(id=r.id, turn_id=r.turn_id, item_id=r.item_id, request=r.user_input)
            for r in snapshot.requests
            if r.kind == "question" and r.user_input is not None
        ),
        pending_dynamic_tool_calls=tuple(
            wire.PendingToolCall(
                thread_id=r.thread_id,
                turn_id=r.turn_id,
                call_id=r.id,
                tool=r.client_call.tool,
                arguments=r.client_call.arguments,
                namespace=r.client_call.namespace,
                item_id=r.item_id,
                expires_at=r.expires_at,
            )
            for r in snapshot.requests
            if r.client_call is not None
        ),
    )
