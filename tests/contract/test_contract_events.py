"""A thread's events over HTTP: everything once, in order, from any cursor, while it happens and after."""

import asyncio
from typing import Any

import pytest

from codewhale.surfaces.http.facts import Limits

requirement = pytest.mark.requirement

KEYS = [
    "seq",
    "timestamp",
    "thread_id",
    "turn_id",
    "item_id",
    "event",
    "kind",
    "previous_seq",
    "schema_version",
    "created_at",
    "payload",
]
LONG = '[[reply]]\ntext = { text = "word ", count = 3000 }'


def seqs(frames: list[Any]) -> list[int]:
    return [frame.json()["seq"] for frame in frames]


@requirement("EVENTS-FRAME")
async def test_a_frame_is_event_id_and_one_line_of_json(start: Any) -> None:
    async with start('[[reply]]\ntext = "Hello."') as product:
        thread = await product.thread()
        frames = await product.finished(thread)
        previous = 0
        for frame in frames:
            envelope = frame.json()
            assert list(envelope) == KEYS
            assert (envelope["event"], envelope["kind"], frame.id) == (frame.event, frame.event, str(envelope["seq"]))
            assert (envelope["thread_id"], envelope["created_at"]) == (thread, envelope["timestamp"])
            assert envelope["timestamp"].endswith("Z")
            assert (envelope["previous_seq"], envelope["schema_version"]) == (previous, 1)
            previous = envelope["seq"]
        assert (frames[0].json()["turn_id"], frames[0].json()["item_id"]) == (None, None)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            assert stream.headers["content-type"] == "text/event-stream"


@requirement("EVENTS-CURSOR")
async def test_a_cursor_leaves_out_what_was_seen(start: Any) -> None:
    async with start('[[reply]]\ntext = "Hello."') as product:
        thread = await product.thread()
        whole = await product.finished(thread)
        path = f"/v1/threads/{thread}/events"
        for at in range(len(whole)):
            cursor = whole[at].json()["seq"]
            rest = len(whole) - at - 1
            async with product.stream(f"{path}?since_seq={cursor}") as stream:
                by_query = await stream.frames(rest)
            async with product.stream(path, headers=(("Last-Event-ID", str(cursor)),)) as stream:
                by_header = await stream.frames(rest)
            assert seqs(by_query) == seqs(by_header) == seqs(whole[at + 1 :])
        assert (await product.call("GET", f"{path}?since_seq=-1")).status == 400


@requirement("EVENTS-CURSOR-AHEAD")
async def test_a_cursor_from_the_future_does_not_silence_the_stream(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events?since_seq=999999") as stream:
            await product.turn(thread)
            assert (await stream.until("turn.completed"))[0].event == "turn.started"


@requirement("EVENTS-LIVE")
@requirement("BUG-01")
@requirement("BUG-02")
@requirement("BUG-03")
async def test_readers_that_come_and_go_during_a_turn_miss_nothing(start: Any) -> None:
    async with start(LONG) as product:
        thread = await product.thread()
        path = f"/v1/threads/{thread}/events"

        async def steady() -> list[int]:
            async with product.stream(path) as stream:
                return seqs(await stream.until("turn.completed"))

        async def restless() -> list[int]:
            seen = [0]
            while True:
                async with product.stream(f"{path}?since_seq={seen[-1]}") as stream:
                    (frame,) = await stream.frames(1)
                seen += seqs([frame])
                if frame.event == "turn.completed":
                    return seen[1:]

        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(steady()) for _ in range(3)]
            readers += [group.create_task(restless()) for _ in range(2)]
            await product.turn(thread)
        whole = await steady()
        assert whole == sorted(set(whole))
        assert [reader.result() for reader in readers] == [whole] * 5


@requirement("EVENTS-OPEN")
async def test_the_stream_stays_open_between_turns_and_says_that_it_lives(start: Any, impatient: Limits) -> None:
    async with start(limits=impatient) as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            await product.turn(thread)
            await stream.until("turn.completed")
            comment = await stream.frame()
            assert (comment.event, comment.data) == ("", "keepalive")
            await product.turn(thread)
            assert (await stream.until("turn.completed"))[-1].event == "turn.completed"


@requirement("EVENTS-OWN-THREAD")
async def test_events_of_other_threads_and_internal_ones_stay_out(start: Any) -> None:
    async with start() as product:
        one, other = await product.thread(), await product.thread()
        await product.finished(other)
        frames = await product.finished(one)
        assert {frame.json()["thread_id"] for frame in frames} == {one}
        assert "step.completed" not in {frame.event for frame in frames}


@requirement("EVENTS-TOKEN-QUERY")
@requirement("BUG-45")
async def test_a_browser_may_put_the_token_into_the_query_of_the_stream_only(start: Any) -> None:
    token = "dst_" + "0123456789abcdef" * 4
    async with start() as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events?token={token}", auth=False) as stream:
            assert (stream.status, (await stream.frames(1))[0].event) == (200, "thread.started")
        assert (await product.call("GET", f"/v1/threads?token={token}", auth=False)).status == 400
        assert (await product.call("GET", f"/v1/threads?token={token}")).status == 400


@requirement("EVENTS-ITEM-TEXT")
@requirement("BUG-66")
async def test_the_detail_has_the_text_of_an_item_that_is_still_being_said(start: Any) -> None:
    script = '[[reply]]\ntext = "Hello there."\nchunk = 1\nhold = { name = "mid", at = "mid_text" }'
    async with start(script) as product:
        thread = await product.thread()
        await product.turn(thread)
        await product.model.held("mid")
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            said = (await stream.until("item.delta"))[-1].json()["payload"]["delta"]
            item = (await product.detail(thread))["items"][-1]
            assert (item["status"], item["detail"][: len(said)]) == ("in_progress", said)
            product.model.release("mid")
            await stream.until("turn.completed")
        assert (await product.detail(thread))["items"][-1]["detail"] == "Hello there."


@requirement("BUG-11")
async def test_a_restart_tells_readers_how_the_turn_ended(start: Any) -> None:
    script = '[[reply]]\ntext = "Hello there."\nhold = "early"'
    async with start(script) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        await product.model.held("early")
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            seen = seqs(await stream.frames(5))
    async with start() as again:
        async with again.stream(f"/v1/threads/{thread}/events?since_seq={seen[-1]}") as stream:
            ended = (await stream.until("turn.completed"))[-1].json()
        assert (ended["turn_id"], ended["payload"]["turn"]["status"]) == (turn, "interrupted")
        assert (await again.finished(thread))[-1].json()["payload"]["turn"]["status"] == "completed"
