"""The client's line to a server: what is sent again, under which key, and when it gives up."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import msgspec
import pytest

from codewhale.domain.errors import Conflict, ProviderError, StoreError
from codewhale.domain.events import Event
from codewhale.domain.receipts import IN_PROGRESS
from codewhale.llm.transport.port import Headers, HttpRequest, header
from codewhale.runtime import line as module
from codewhale.runtime.line import Line


class Said:
    """A response with its pieces; `None` among them is the connection failing there."""

    def __init__(self, status: int, *pieces: bytes | None) -> None:
        self.status = status
        self.headers: Headers = ()
        self._pieces = list(pieces)

    async def read(self) -> bytes:
        piece = self._pieces.pop(0) if self._pieces else b""
        if piece is None:
            raise ProviderError("the connection was lost", category="network")
        return piece


class Played:
    """A transport that answers in turn; `None` is a connection that could not be made."""

    def __init__(self, *turns: Said | None) -> None:
        self.turns = list(turns)
        self.sent: list[HttpRequest] = []

    @asynccontextmanager
    async def send(self, request: HttpRequest) -> AsyncGenerator[Said]:
        self.sent.append(request)
        said = self.turns.pop(0)
        if said is None:
            raise ProviderError("connection refused", category="network")
        yield said

    async def close(self) -> None:
        pass

    @property
    def keys(self) -> list[str | None]:
        return [header(request.headers, "idempotency-key") for request in self.sent]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0)


def line(played: Played, attempts: int | None = 3) -> Line:
    return Line("http://127.0.0.1:1", "token", played, attempts)


def refused(status: int, message: str) -> Said:
    return Said(status, msgspec.json.encode({"error": {"message": message, "status": status}}))


def event(seq: int) -> bytes:
    said = Event(
        seq=seq, timestamp="", thread_id="t", turn_id=None, item_id=None, event="x", payload=msgspec.Raw(b"{}")
    )
    return b"event: x\nid: %d\ndata: %b\n\n" % (seq, msgspec.json.encode(said))


async def test_a_post_whose_answer_was_lost_is_sent_again_under_its_key() -> None:
    played = Played(None, Said(201, b'{"a"', None), Said(201, b'{"a":1}'))
    assert await line(played).ask("POST", "/x", dict[str, int], {}) == {"a": 1}
    assert len(played.sent) == 3
    assert len(set(played.keys)) == 1
    assert played.keys[0] is not None


async def test_two_posts_have_two_keys() -> None:
    played = Played(Said(200, b"{}"), Said(200, b"{}"))
    wire = line(played)
    await wire.ask("POST", "/x", dict[str, int])
    await wire.ask("POST", "/x", dict[str, int])
    assert len(set(played.keys)) == 2


async def test_one_that_is_in_progress_is_asked_again() -> None:
    played = Played(refused(409, IN_PROGRESS), Said(200, b"{}"))
    assert await line(played).ask("POST", "/x", dict[str, int]) == {}


async def test_a_refusal_is_an_answer() -> None:
    played = Played(refused(409, "Thread already has an active turn"))
    with pytest.raises(Conflict, match="already has an active turn"):
        await line(played).ask("POST", "/x", dict[str, int])


@pytest.mark.parametrize(("method", "tries"), [("GET", 3), ("POST", 3), ("PATCH", 1), ("DELETE", 1), ("PUT", 1)])
async def test_what_may_have_been_done_twice_is_not_sent_twice(method: str, tries: int) -> None:
    played = Played(None, None, None)
    with pytest.raises(StoreError, match="cannot be reached: connection refused"):
        await line(played).ask(method, "/x", dict[str, int])
    assert len(played.sent) == tries


async def test_a_stream_goes_on_after_the_last_event_however_often_it_is_lost() -> None:
    two, three = event(2), event(3)
    played = Played(
        Said(200, event(1), two[:10], None), None, Said(200, event(1), two), Said(200, three, None), None, None, None
    )
    seen: list[int] = []

    async def follow() -> None:
        async for batch in line(played).events("/e", 0, "kept"):
            seen.extend(one.seq for one in batch)

    with pytest.raises(StoreError, match=r"lost the server at 127\.0\.0\.1:1"):
        await follow()
    assert seen == [1, 2, 3]
    assert [request.url.target.partition("=")[2] for request in played.sent] == ["0", "1", "1", "2", "3", "3"]
