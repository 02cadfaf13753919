"""One POST, one answer, as batches of model events: what all dialects have in common.

Streams, answers that were not streamed although asked for, and refusals are told apart by status and first byte, not by
the content type, which gateways get wrong.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import ModelEvent, ModelRequest
from codewhale.llm.dialects.port import Batches
from codewhale.llm.errors import MAX_ERROR_BODY, Endpoint, from_response, not_a_model
from codewhale.llm.sse import SseFrames, data_of
from codewhale.llm.transport.follow import open_response
from codewhale.llm.transport.port import Headers, HttpRequest, HttpResponse, Transport, header
from codewhale.llm.transport.url import Url

MAX_DOCUMENT = 16 * 1024 * 1024
SETTLE_SECONDS = 5.0
"""How long usage and the end of the stream may take once the model has finished."""


class Decoder(Protocol):
    """One answer in the making. Fed in order, then finished once. What cannot be understood, or says that it failed, makes it
    `done`; `finish` then raises the `ProviderError`, so that everything before it was given."""

    @property
    def done(self) -> bool:
        """Nothing more is to come."""
        ...

    @property
    def settled(self) -> bool:
        """The model has said that it is finished; only usage may still come."""
        ...

    def feed(self, payloads: Iterable[bytes]) -> list[ModelEvent]:
        """The events in the data of these stream events."""
        ...

    def whole(self, document: bytes) -> list[ModelEvent]:
        """All events of an answer that came as one JSON document."""
        ...

    def finish(self) -> list[ModelEvent]:
        """The end of the stream: calls, usage, `Finished`."""
        ...


class Codec(Struct, frozen=True, kw_only=True):
    """A dialect at one endpoint: a request to its body, and a decoder for its answer. Equal requests give equal bytes."""

    encode: Callable[[ModelRequest], bytes]
    decoder: Callable[[ModelRequest], Decoder]


class PostingAdapter:
    """`Adapter` over a codec. `headers` hold the key; `url` is the whole address of the POST."""

    def __init__(self, endpoint: Endpoint, url: Url, *, headers: Headers, codec: Codec, transport: Transport) -> None:
        self._endpoint = endpoint
        self._url = url
        self._headers: Headers = (*headers, ("Content-Type", "application/json"), ("Accept", "text/event-stream"))
        self._codec = codec
        self._transport = transport

    @property
    def name(self) -> str:
        return self._endpoint.provider

    async def close(self) -> None:
        await self._transport.close()

    async def attempt(self, request: ModelRequest) -> Batches:
        body = self._codec.encode(request)
        post = HttpRequest(method="POST", url=self._url, headers=self._headers, body=body)
        decoder = self._codec.decoder(request)
        async with open_response(self._transport, post) as response:
            yield ()
            if not 200 <= response.status < 300:
                raise from_response(response.status, response.headers, await _error_body(response), self._endpoint)
            opening = await response.read()
            while opening and not opening.lstrip(b"\xef\xbb\xbf \t\r\n"):
                yield ()
                more = await response.read()
                opening = opening + more if more else b""
            first = opening.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if first in (b"{", b"[", b"<"):
                yield decoder.whole(await self._document(response, opening))
                return
            if not opening:
                yield decoder.finish()
                return
            frames = SseFrames()
            chunk = opening
            while chunk and not decoder.done:
                yield _decoded(decoder, frames.feed(chunk))
                chunk = b"" if decoder.done else await _next(response, decoder)
            yield _decoded(decoder, frames.flush())
            yield decoder.finish()

    async def _document(self, response: HttpResponse, opening: bytes) -> bytes:
        document = await _collected(response, opening, MAX_DOCUMENT)
        if opening.lstrip().startswith(b"<"):
            kind = header(response.headers, "content-type") or ""
            raise not_a_model(response.status, kind, document, self._endpoint)
        return document


def _decoded(decoder: Decoder, blocks: list[bytes]) -> Sequence[ModelEvent]:
    return decoder.feed([data for data in map(data_of, blocks) if data is not None])


async def _next(response: HttpResponse, decoder: Decoder) -> bytes:
    """The next read; once the model has finished, neither silence nor a broken connection can change its answer."""
    if not decoder.settled:
        return await response.read()
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            return await response.read()
    except (TimeoutError, ProviderError):
        return b""


async def _error_body(response: HttpResponse) -> bytes:
    try:
        return await _collected(response, b"", MAX_ERROR_BODY)
    except ProviderError:
        return b""


async def _collected(response: HttpResponse, opening: bytes, limit: int) -> bytes:
    """The rest of the body, cut at `limit`."""
    pieces, size = [opening], len(opening)
    while size < limit:
        piece = await response.read()
        if not piece:
            break
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)[:limit]
