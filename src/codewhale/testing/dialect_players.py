"""Anthropic Messages and OpenAI Responses as servers speak them, for tests: the plays of `provider_kit` on these wires."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import msgspec

from codewhale.domain.ports import Clock
from codewhale.llm.connect import open_provider
from codewhale.llm.guard import GuardedProvider, Limits
from codewhale.llm.profiles import Dialect
from codewhale.llm.route import RouteWish, make_route
from codewhale.testing.chat_player import KEY, Waits
from codewhale.testing.provider_kit import Answering, Ask, Count, Drop, End, Play, Say, Stall, Think
from codewhale.testing.socket_server import BOUND, Player, Received, SocketServer, Wire

Json = Mapping[str, object]
Speech = Say | Think | Ask | Count | End


@asynccontextmanager
async def dialect_provider(
    dialect: Dialect,
    player: Player,
    limits: Limits | None = None,
    waits: Waits | None = None,
    clock: Clock | None = None,
) -> AsyncGenerator[tuple[GuardedProvider, SocketServer]]:
    """A provider in a dialect to a server that `player` plays, both closed in the end, all inside a bound of time. Without
    `limits` nothing is retried."""
    async with asyncio.timeout(BOUND), SocketServer(player) as server:
        wish = RouteWish(base_url=server.url, model="m", api_key=KEY, dialect=dialect)
        waits = waits or Waits()
        provider = open_provider(
            make_route("local", wish), limits or Limits(retries=0), clock or waits.clock, pace=waits.pace
        )
        yield provider, server
        await provider.close()


def answering_in(dialect: Dialect) -> Answering:
    """`provider_kit.Answering` on the wire of a dialect."""
    frames: Callable[[Sequence[Play]], _Frames] = AnthropicFrames if dialect == "anthropic" else ResponsesFrames

    @asynccontextmanager
    async def answering(plays: Sequence[Play]) -> AsyncGenerator[tuple[GuardedProvider, asyncio.Event]]:
        async def player(_: Received, wire: Wire) -> None:
            await wire.begin_chunks()
            speaking = frames(plays)
            for play in plays:
                if isinstance(play, Stall):
                    await wire.gone()
                elif isinstance(play, Drop):
                    wire.reset()
                else:
                    for value in speaking.of(play):
                        await wire.chunk(event(value))
            await wire.chunk(b"")

        async with dialect_provider(dialect, player) as (provider, server):
            yield provider, server.dropped

    def opened(plays: Sequence[Play]) -> AbstractAsyncContextManager[tuple[GuardedProvider, asyncio.Event]]:
        return answering(plays)

    return opened


def event(value: Json) -> bytes:
    """One event of the stream, with its name."""
    return b"event: %s\ndata: %s\n\n" % (str(value["type"]).encode(), msgspec.json.encode(value))


class _Frames:
    def __init__(self, plays: Sequence[Play]) -> None:
        self.plays = plays
        self.at: int = -1
        self.open: str = ""

    def of(self, play: Speech) -> Iterable[Json]:
        """The events of one play."""
        raise NotImplementedError


class AnthropicFrames(_Frames):
    """A `Count` is told in the event that ends the message."""

    counted: Count | None = None

    def of(self, play: Speech) -> Iterable[Json]:
        match play:
            case Say():
                yield from self._piece("text", play.text)
            case Think():
                yield from self._piece("thinking", play.text)
            case Ask():
                yield from self._close()
                self.at += 1
                block = {"type": "tool_use", "id": play.id, "name": play.name}
                yield {"type": "content_block_start", "index": self.at, "content_block": block}
                for piece in play.pieces:
                    delta = {"type": "input_json_delta", "partial_json": piece}
                    yield {"type": "content_block_delta", "index": self.at, "delta": delta}
                yield {"type": "content_block_stop", "index": self.at}
            case Count():
                self.counted = play
            case End():
                yield from self._close()
                reason = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}[play.reason]
                yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": self._usage()}
                yield {"type": "message_stop"}

    def _piece(self, kind: str, text: str) -> Iterable[Json]:
        if self.open != kind:
            yield from self._close()
            self.at += 1
            self.open = kind
            yield {"type": "content_block_start", "index": self.at, "content_block": {"type": kind, kind: ""}}
        delta = {"type": f"{kind}_delta", kind: text}
        yield {"type": "content_block_delta", "index": self.at, "delta": delta}

    def _close(self) -> Iterable[Json]:
        if self.open:
            yield {"type": "content_block_stop", "index": self.at}
        self.open = ""

    def _usage(self) -> Json:
        count = self.counted
        if count is None:
            return {}
        return {
            "input_tokens": count.prompt - count.cached,
            "cache_read_input_tokens": count.cached,
            "output_tokens": count.completion,
        }


class ResponsesFrames(_Frames):
    """A `Count` is told in the event that ends the response."""

    counted: Count | None = None

    def of(self, play: Speech) -> Iterable[Json]:
        match play:
            case Say():
                yield from self._piece("response.output_text.delta", "message", play.text)
            case Think():
                yield from self._piece("response.reasoning_summary_text.delta", "reasoning", play.text)
            case Ask():
                self.at += 1
                self.open = ""
                item: Json = {
                    "type": "function_call",
                    "id": "fc",
                    "call_id": play.id,
                    "name": play.name,
                    "arguments": "",
                }
                yield {"type": "response.output_item.added", "output_index": self.at, "item": item}
                for piece in play.pieces:
                    yield {
                        "type": "response.function_call_arguments.delta",
                        "output_index": self.at,
                        "delta": piece,
                    }
                done = {**item, "arguments": "".join(play.pieces)}
                yield {"type": "response.output_item.done", "output_index": self.at, "item": done}
            case Count():
                self.counted = play
            case End():
                status = "incomplete" if play.reason == "length" else "completed"
                yield {"type": f"response.{status}", "response": {"status": status, "usage": self._usage()}}

    def _piece(self, kind: str, item: str, text: str) -> Iterable[Json]:
        if self.open != item:
            self.at += 1
            self.open = item
            yield {"type": "response.output_item.added", "output_index": self.at, "item": {"type": item}}
        yield {"type": kind, "output_index": self.at, "delta": text}

    def _usage(self) -> Json | None:
        count = self.counted
        if count is None:
            return None
        return {
            "input_tokens": count.prompt,
            "output_tokens": count.completion,
            "input_tokens_details": {"cached_tokens": count.cached},
        }
