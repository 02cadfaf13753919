"""The wire under the remote client: one request or one stream of events at a server's address, and what its answers mean.

Invariants: a POST carries an idempotency key, so that one whose answer was lost is sent again and still carried out once. An
event is given out once and in order: a lost stream is resumed after the last `seq` that arrived.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

import msgspec
from msgspec import Struct

from codewhale.domain.errors import (
    CodewhaleError,
    ConfigError,
    Conflict,
    InvalidInput,
    NotAvailable,
    NotFound,
    ProviderError,
    StoreError,
    StoreUnwritable,
)
from codewhale.domain.events import Event
from codewhale.domain.receipts import IN_PROGRESS
from codewhale.llm.sse import SseFrames, data_of
from codewhale.llm.transport.port import HttpRequest, HttpResponse, Transport
from codewhale.llm.transport.url import parse_url
from codewhale.work.port import TimeoutWaiter

T = TypeVar("T")

MAX_ANSWER = 512 * 1024 * 1024
SILENCE = 60.0
"""Seconds without a byte (the server says something every 15) after which a stream counts as lost."""
ATTEMPTS = 3
"""How often in a row a request or a stream may fail without anything new before that is an error."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds between attempts: doubled each time."""
SENT_AGAIN = frozenset({"GET", "POST"})

_event = msgspec.json.Decoder(Event)


class _Problem(Struct, frozen=True):
    message: str = ""


class _ErrorBody(Struct, frozen=True):
    error: _Problem = _Problem()


class Line:
    """A server's address, token and connections. `attempts` None tries for ever."""

    def __init__(self, url: str, token: str | None, transport: Transport, attempts: int | None = ATTEMPTS) -> None:
        self._url = parse_url(url)
        self._transport = transport
        self._headers = (("authorization", f"Bearer {token}"),) if token else ()
        self._attempts = attempts

    async def ask(self, method: str, target: str, answer: type[T], body: object = None) -> T:
        """The answer to a request. Errors are those that the runtime itself would have raised, or `StoreError` when the
        server cannot be reached."""
        status, said = await self._said(self._composed(method, target, body))
        if not 200 <= status < 300:
            raise _refusal(status, said)
        try:
            return msgspec.json.decode(said or b"null", type=answer)
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"the server at {self._url.authority} gave an answer that this codewhale does not understand: {error}",
                hint="client and server may be of different versions; restart the server",
            ) from error

    async def events(self, target: str, after: int, kept: str) -> AsyncGenerator[list[Event], None]:
        """Batches of the events at `target` from `after` on, for ever; `StoreError` when the server is gone for good, with
        `kept` as what to do."""
        failures = 0
        while True:
            try:
                async with aclosing(self._connection(target, after)) as batches:
                    async for batch in batches:
                        failures = 0
                        after = batch[-1].seq
                        yield batch
                problem = "it closed the stream"
            except ProviderError as error:
                problem = error.message
            except TimeoutError:
                problem = f"nothing was heard from it for {SILENCE:g} s"
            failures += 1
            if not await self._again(failures):
                raise StoreError(f"lost the server at {self._url.authority}: {problem}", hint=kept)

    async def _said(self, request: HttpRequest) -> tuple[int, bytes]:
        failures = 0
        while True:
            failures += 1
            try:
                async with self._transport.send(request) as response:
                    status, said = response.status, await _body(response)
            except ProviderError as error:
                if request.method not in SENT_AGAIN or not await self._again(failures):
                    raise StoreError(
                        f"the codewhale server at {self._url.authority} cannot be reached: {error.message}",
                        hint="is it still running? `codewhale doctor` tells who owns the data directory",
                    ) from error
                continue
            if status != 409 or _message(said) != IN_PROGRESS or not await self._again(failures):
                return status, said

    async def _again(self, failures: int) -> bool:
        """Wait as long as so many failures in a row are worth; false when they are too many."""
        if self._attempts is not None and failures >= self._attempts:
            return False
        pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 16), LONGEST_PAUSE)
        await TimeoutWaiter().until(asyncio.Event(), pause)
        return True

    async def _connection(self, where: str, after: int) -> AsyncGenerator[list[Event], None]:
        """The events of one connection; ends or raises when it does."""
        request = self._request("GET", f"{where}?since_seq={after}", b"", (("accept", "text/event-stream"),))
        async with self._transport.send(request) as response:
            if response.status != 200:
                raise _refusal(response.status, await _body(response))
            frames = SseFrames()
            while True:
                async with asyncio.timeout(SILENCE):
                    piece = await response.read()
                if not piece:
                    return
                batch = [
                    event for event in map(_decoded, frames.feed(piece)) if event is not None and event.seq > after
                ]
                if batch:
                    after = batch[-1].seq
                    yield batch

    def _composed(self, method: str, target: str, body: object) -> HttpRequest:
        content = b"" if body is None else msgspec.json.encode(body)
        extra = (("accept", "application/json"),)
        if method == "POST":
            extra = (*extra, ("idempotency-key", os.urandom(16).hex()))
        return self._request(method, target, content, extra)

    def _request(self, method: str, target: str, body: bytes, extra: tuple[tuple[str, str], ...]) -> HttpRequest:
        headers = (*self._headers, *extra)
        if body:
            headers = (*headers, ("content-type", "application/json"))
        return HttpRequest(method=method, url=self._url.with_target(target), headers=headers, body=body)


async def _body(response: HttpResponse) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while piece := await response.read():
        size += len(piece)
        if size > MAX_ANSWER:
            raise StoreError(f"the server's answer is larger than {MAX_ANSWER} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def _decoded(block: bytes) -> Event | None:
    content = data_of(block)
    try:
        return None if content is None else _event.decode(content)
    except msgspec.MsgspecError as error:
        raise StoreError(
            f"the server sent an event that this codewhale does not understand: {error}",
            hint="client and server may be of different versions; restart the server",
        ) from error


_BY_STATUS: dict[int, type[CodewhaleError]] = {
    400: InvalidInput,
    404: NotFound,
    409: Conflict,
    501: NotAvailable,
    413: InvalidInput,
    422: InvalidInput,
    503: StoreUnwritable,
}


def _refusal(status: int, body: bytes) -> CodewhaleError:
    """The error that the server answered with, as the tree has it."""
    message = _message(body) or f"the server answered HTTP {status}"
    if status in (401, 403):
        return ConfigError(message, hint="the server's token has changed; run the command again")
    return _BY_STATUS.get(status, StoreError)(message)


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_ErrorBody).error.message
    except msgspec.MsgspecError:
        return body[:200].decode("utf-8", "replace").strip()
