"""What a thread's requests are made of, and what a provider's cache should have had of each (ours).

Tokens are estimates from characters, by the ratio that the thread's own requests had, unless a field says otherwise.
"""

from typing import Literal

from msgspec import Struct

PieceKind = Literal["part", "tool", "messages"]


class Piece(Struct, frozen=True, kw_only=True):
    """A piece of the next request: a part of the header, a tool, or all messages of one kind; `count` of what is in it."""

    kind: PieceKind
    name: str
    count: int
    chars: int
    tokens: int


class Large(Struct, frozen=True, kw_only=True):
    """One message that takes much room: what it is and, for a call's result, what was asked for; `number` counts messages from
    1."""

    number: int
    name: str
    chars: int
    tokens: int


class SentRequest(Struct, frozen=True, kw_only=True):
    """One request that was made. Of its `input_tokens` (as the provider counted; null: it told nothing) the cache should have
    had `expected`, an estimate of what the request before had in common with it, and had `hit`; `missed` is the rest of what
    it should have had. `differs` is the first part that is not as before, `cause` the event behind it, or what else explains
    the miss; `declared` tells whether that event was meant to begin the cache anew. `lost_usd` is what the miss cost more
    than a hit, where the price is known."""

    seq: int
    at: str
    turn_id: str
    step: int
    provider: str
    model: str
    messages: int
    chars: int
    input_tokens: int | None
    expected: int
    hit: int | None
    missed: int | None
    differs: str
    cause: str
    declared: bool
    lost_usd: float | None


class ContextReport(Struct, frozen=True, kw_only=True):
    """A thread's context: the next request in pieces, its largest messages, and the requests so far, oldest first. `window` is
    what the model takes, in tokens; null where nobody knows."""

    thread_id: str
    model: str
    provider: str | None
    window: int | None
    tokens: int
    chars_per_token: float
    pieces: tuple[Piece, ...]
    largest: tuple[Large, ...]
    requests: tuple[SentRequest, ...]
