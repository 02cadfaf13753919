"""Chat Completions as a server speaks it, for tests: chunks, and the plays of `provider_kit` on this wire."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import msgspec

from codewhale.domain.ports import Clock
from codewhale.llm.connect import open_provider
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.pace import Pace
from codewhale.llm.route import RouteWish, make_route
from codewhale.testing.clocks import ManualClock
from codewhale.testing.provider_kit import Ask, Count, Drop, End, Play, Say, Stall, Think
from codewhale.testing.socket_server import BOUND, Player, Received, SocketServer, Wire

DONE = b"data: [DONE]\n\n"
KEY = "sk-test-0123456789abcdef"


class Waits:
    """A pace that waits for nothing, moves its clock, and remembers what it was asked to wait; `chance` is what jitter
    draws."""

    def __init__(self, chance: float = 0.0) -> None:
        self.clock = ManualClock()
        self.delays: list[float] = []
        self.pace = Pace(sleep=self._sleep, chance=lambda: chance)

    async def _sleep(self, seconds: float) -> None:
        self.delays.append(seconds)
        self.clock.advance(seconds)


@asynccontextmanager
async def chat_provider(
    player: Player, limits: Limits | None = None, waits: Waits | None = None, clock: Clock | None = None
) -> AsyncGenerator[tuple[GuardedProvider, SocketServer]]:
    """A provider to a server that `player` plays, both closed in the end, all inside a bound of time. Without `limits`
    nothing is retried."""
    async with asyncio.timeout(BOUND), SocketServer(player) as server:
        route = make_route("local", RouteWish(base_url=server.url, model="m", api_key=KEY))
        waits = waits or Waits()
        provider = open_provider(route, limits or Limits(retries=0), clock or waits.clock, pace=waits.pace)
        yield provider, server
        await provider.close()


@asynccontextmanager
async def chat_answering(plays: Sequence[Play]) -> AsyncGenerator[tuple[GuardedProvider, asyncio.Event]]:
    """`provider_kit.Answering` on this wire."""

    async def player(_: Received, wire: Wire) -> None:
        await wire.begin_chunks()
        calls = 0
        for play in plays:
            if isinstance(play, Stall):
                await wire.gone()
            elif isinstance(play, Drop):
                wire.reset()
            else:
                for value in _chunks(play, calls):
                    await wire.chunk(frame(value))
                calls += isinstance(play, Ask)
        await wire.chunk(DONE, b"")

    async with chat_provider(player) as (provider, server):
        yield provider, server.dropped


def frame(value: object) -> bytes:
    """One event of the stream."""
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def delta(finish: str | None = None, **fields: object) -> dict[str, object]:
    """A chunk with one choice."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def call_delta(index: int | None = None, ident: str | None = None, **function: object) -> dict[str, object]:
    """A chunk with a piece of one tool call."""
    piece: dict[str, object] = {"function": function}
    if index is not None:
        piece["index"] = index
    if ident is not None:
        piece["id"] = ident
    return delta(tool_calls=[piece])


def _chunks(play: Say | Think | Ask | Count | End, index: int) -> list[dict[str, object]]:
    match play:
        case Say():
            return [delta(content=play.text)]
        case Think():
            return [delta(reasoning_content=play.text)]
        case Ask():
            first = call_delta(index, play.id, name=play.name, arguments="")
            return [first, *(call_delta(index, arguments=piece) for piece in play.pieces)]
        case Count():
            details = {"cached_tokens": play.cached}
            counts = {"prompt_tokens": play.prompt, "completion_tokens": play.completion}
            return [{"choices": [], "usage": {**counts, "prompt_tokens_details": details}}]
        case End():
            return [delta(play.reason)]
