"""Streams: replay, live, keep-alive, ends. A reader pulls; who leaves or stalls is gone at once and costs nobody anything."""

import asyncio
from typing import Any

import msgspec
import pytest

from codewhale.domain import events as e
from codewhale.domain.errors import StoreUnwritable
from codewhale.surfaces.http.exchange import ABORT_KEY, Message
from codewhale.surfaces.http.facts import Limits
from codewhale.surfaces.http.sse import pieces
from codewhale.testing.http_calls import AsgiCaller, Request

PATH = "/v1/threads/thr_aaaa1111aaaa1111/events"
ITEM = "item_0000000000000001"


@pytest.fixture(autouse=True)
async def bound() -> Any:
    async with asyncio.timeout(20):
        yield


def delta(text: str) -> e.ItemDelta:
    return e.ItemDelta(delta=text, kind="agent_message")


def grow(client: Any, count: int) -> None:
    for number in range(count):
        client.append(delta(str(number)), item_id=ITEM)


def asking(path: str = PATH, *headers: tuple[str, str]) -> Request:
    token = ("Authorization", "Bearer dst_" + "ab" * 32)
    return Request(method="GET", path=path, headers=(token, *headers))


async def seqs(caller: AsgiCaller, request: Request, count: int) -> list[int]:
    async with caller.open(request) as stream:
        return [int(frame.id or 0) for frame in await stream.frames(count)]


async def test_stored_events_come_first_then_live_ones(site: Any, client: Any) -> None:
    grow(client, 600)
    async with site.caller.open(asking()) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        stored = await stream.frames(600)
        grow(client, 3)
        live = await stream.frames(3)
    assert [int(f.id or 0) for f in stored + live] == list(range(1, 604))
    assert client.readers == 0


async def test_a_cursor_in_the_query_or_of_a_reconnecting_browser(site: Any, client: Any) -> None:
    grow(client, 5)
    assert await seqs(site.caller, asking(f"{PATH}?since_seq=3"), 2) == [4, 5]
    assert await seqs(site.caller, asking(f"{PATH}?since_seq=1", ("Last-Event-ID", "4")), 1) == [5]
    assert await seqs(site.caller, asking(PATH, ("Last-Event-ID", "nonsense")), 1) == [1]


async def test_a_cursor_beyond_the_head_is_the_head(site: Any, client: Any) -> None:
    grow(client, 2)
    async with site.caller.open(asking(f"{PATH}?since_seq=99999999999999999999")) as stream:
        await client.opened.wait()
        grow(client, 1)
        frame = await stream.frame()
    assert frame is not None
    assert (frame.id, frame.json()["previous_seq"]) == ("3", 2)


async def test_a_quiet_stream_says_that_it_is_alive(site_of: Any, quick: Limits) -> None:
    async with site_of(limits=quick).caller.open(asking()) as stream:
        first, second = await stream.frame(), await stream.frame()
    assert first == second
    assert first is not None
    assert (first.event, first.data) == ("", "keepalive")


async def test_the_reader_leaving_ends_the_subscription(site: Any, client: Any) -> None:
    for _ in range(2000):
        async with site.caller.open(asking()):
            pass
    assert (client.readers, len(site.app.streams)) == (0, 0)


@pytest.mark.requirement("LH-12")
async def test_a_reader_that_does_not_read_is_dropped_and_holds_up_nobody(
    site_of: Any, client: Any, quick: Limits
) -> None:
    site = site_of(limits=quick)
    dropped = asyncio.Event()
    stuck_writes: list[bytes] = []

    async def stuck(message: Message) -> None:
        if message["type"] == "http.response.body" and message["more_body"]:
            stuck_writes.append(message["body"])
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    host, token = (b"host", b"127.0.0.1:7878"), (b"authorization", b"Bearer dst_" + b"ab" * 32)
    scope = {"type": "http", "method": "GET", "path": PATH, "query_string": b"", "headers": [host, token]}
    grow(client, 5000)
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(site.app({**scope, ABORT_KEY: dropped.set}, receive, stuck))
        assert await seqs(site.caller, asking(), 5000) == list(range(1, 5001))
        await slow
    assert dropped.is_set()
    assert len(stuck_writes) == 1
    assert len(stuck_writes[0]) < 2 * quick.chunk + 500
    assert client.readers == 0


async def test_a_log_that_fails_ends_the_stream_so_that_the_reader_comes_back(site: Any, client: Any) -> None:
    grow(client, 1)
    async with site.caller.open(asking()) as stream:
        await stream.frames(1)
        client.break_log(StoreUnwritable("The disk is full"))
        assert await stream.frame() is None


async def test_a_one_shot_stream_says_why_it_ends(site: Any, client: Any) -> None:
    body = msgspec.json.encode({"prompt": "x"})
    headers = (*asking().headers, ("Content-Type", "application/json"))
    async with site.caller.open(Request(method="POST", path="/v1/stream", headers=headers, body=body)) as stream:
        opened = await stream.frames(1)
        client.break_log(StoreUnwritable("The disk is full"))
        rest = [(f.event, f.json()) for f in await stream.frames(3)]
    assert opened[0].event == "turn.started"
    assert rest == [("error", {"message": "The disk is full"}), ("done", {})]


async def test_ending_all_streams_lets_them_send_what_was_recorded(site: Any, client: Any) -> None:
    async with asyncio.TaskGroup() as group, site.caller.open(asking()) as stream:
        grow(client, 1)
        await stream.frames(1)
        grow(client, 1)
        group.create_task(site.app.streams.end(0.05))
        assert [f.id for f in await stream.frames(9)] == ["2"]
    async with site.caller.open(asking()) as late:
        assert await late.frames(9) == []


def test_frames_are_joined_to_writes_and_never_cut() -> None:
    frames = [b"a" * 40, b"b" * 70, b"c" * 10, b"d" * 300, b"e"]
    assert list(pieces(frames, 100)) == [frames[0] + frames[1], frames[2] + frames[3], frames[4]]
    assert list(pieces([], 100)) == []
