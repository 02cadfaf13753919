"""SSE readers of a real server: one that drops and resumes sees what one that never dropped sees; all end at SIGTERM."""

import asyncio
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest

from codewhale.testing.http_calls import Frame

if TYPE_CHECKING:
    from conftest import ModelOf, Server, Site

SCRIPT = """
chunk = 4
pace = 0.001
[[turn]]
when = {contains = "work"}
[[turn.reply]]
reasoning = "There are three things to do, and I do them in order."
text = "I read, then I write, then I run."
[[turn.reply.calls]]
tool = "list_dir"
arguments = {}
[[turn.reply.calls]]
tool = "grep_files"
arguments = {pattern = "whale"}
[[turn.reply.calls]]
tool = "write_file"
arguments = {path = "made.txt", content = "{{prompt}}"}
[[turn.reply]]
[[turn.reply.calls]]
tool = "exec_shell"
arguments = {command = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.02; done"}
[[turn.reply]]
text = "Everything is done: read, written, run. Nothing is left to do, and this text has a few more words to stream."
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "I have begun and do not come to an end."
hold = {name = "never", at = "mid_text"}
"""
TURNS = 4
DROPPERS = 5


async def dropping(server: "Server", thread_id: str, dice: random.Random) -> tuple[list[Frame], int]:
    """A reader that leaves at random frames and at random moments and comes back by cursor; what it saw, and how often."""
    seen: list[Frame] = []
    left = ends = 0
    while ends < TURNS:
        cursor = int(seen[-1].id or 0) if seen else 0
        patience, most = dice.choice([(0.02, 1000), (5.0, 1), (5.0, dice.randrange(2, 30))])
        async with server.events(thread_id, after=cursor, by_header=dice.random() < 0.5) as stream:
            try:
                async with asyncio.timeout(patience):
                    for _ in range(most):
                        (frame,) = await stream.frames(1)
                        seen.append(frame)
                        ends += frame.event == "turn.completed"
                        if ends == TURNS:
                            break
            except TimeoutError:
                pass
        left += 1
    return seen, left


async def steady(server: "Server", thread_id: str) -> list[Frame]:
    """A reader that never drops, and allows what is asked for."""
    seen: list[Frame] = []
    ends = 0
    async with server.events(thread_id) as stream:
        while ends < TURNS:
            (frame,) = await stream.frames(1)
            seen.append(frame)
            ends += frame.event == "turn.completed"
            payload: Any = frame.json()["payload"]
            if frame.event == "approval.required":
                answer = await server.call("POST", f"/v1/approvals/{payload['id']}", {"decision": "allow"})
                assert answer.status in (200, 404)  # 404: the turn's own settings have decided
    return seen


async def work(server: "Server", thread_id: str) -> None:
    for number in range(TURNS):
        turn_id = await server.turn(thread_id, f"work {number}", auto_approve=number % 2 == 1)
        await server.until(thread_id, lambda frame, turn_id=turn_id: _ends(frame, turn_id))


def _ends(frame: Frame, turn_id: str) -> bool:
    return frame.event == "turn.completed" and frame.json()["turn_id"] == turn_id


async def test_a_reader_that_drops_misses_nothing_and_sees_nothing_twice(
    site: "Site", model_of: "ModelOf", record_property: Any
) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    record_property("seed", seed)
    model = model_of(SCRIPT)
    site.answered_by(model)
    (site.work / "some.txt").write_text("a whale\n")
    server = site.serve()
    thread_id, other = await server.thread(allow_shell=True), await server.thread(allow_shell=True)
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        whole = group.create_task(steady(server, thread_id))
        readers = [group.create_task(dropping(server, thread_id, random.Random(seed + at))) for at in range(DROPPERS)]
        group.create_task(steady(server, other))
        group.create_task(work(server, other))  # so that the numbers of one thread have gaps
        group.create_task(work(server, thread_id))
    frames = whole.result()
    numbers = [int(frame.id or 0) for frame in frames]
    assert numbers == sorted(set(numbers))
    assert [frame.json()["previous_seq"] for frame in frames] == [0, *numbers[:-1]]
    for reader in readers:
        seen, left = reader.result()
        assert seen == frames
        assert left > 5
    kinds = {frame.event for frame in frames}
    assert {"approval.required", "approval.decided", "item.delta", "item.completed", "turn.completed"} <= kinds
    assert await model.refused() == []


async def test_sigterm_ends_the_turn_and_every_stream(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    thread_id, idle = await server.thread(), await server.thread()
    turn_id = await server.turn(thread_id, "wait")
    await model.held("never")
    seen: list[list[Frame]] = [[] for _ in range(20)]
    listening = [asyncio.Event() for _ in seen]

    async def read(at: int) -> None:
        async with server.events(thread_id if at < 15 else idle) as stream:
            while (frame := await stream.frame()) is not None:
                listening[at].set()
                seen[at].append(frame)

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        for at in range(20):
            group.create_task(read(at))
        for one in listening:
            await one.wait()
        server.program.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(server.program.wait, 5) == 0
    for frames in seen[:15]:
        assert frames == seen[0]
        end: Any = frames[-1].json()
        assert (frames[-1].event, end["turn_id"], end["payload"]["turn"]["status"]) == (
            "turn.completed",
            turn_id,
            "interrupted",
        )
    again = site.serve()
    assert await again.until(thread_id, lambda frame: frame == seen[0][-1]) == seen[0]
    assert again.terminate().code == 0


async def test_interrupting_over_http_ends_the_turn_whatever_it_waits_for(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    thread_id = await server.thread()
    turn_id = await server.turn(thread_id, "wait")
    await model.held("never")
    answer = await server.call("POST", f"/v1/threads/{thread_id}/turns/{turn_id}/interrupt")
    assert answer.status == 200
    async with asyncio.timeout(5):
        frames = await server.until(thread_id, lambda frame: frame.event == "turn.completed")
    end: Any = frames[-1].json()
    assert end["payload"]["turn"]["status"] == "interrupted"
    assert end["payload"]["turn"]["id"] == turn_id


@pytest.mark.parametrize("after", [10**6, 10**18])
async def test_a_cursor_from_elsewhere_is_the_head(site: "Site", model_of: "ModelOf", after: int) -> None:
    site.answered_by(model_of(SCRIPT))
    server = site.serve()
    thread_id = await server.thread(auto_approve=True, allow_shell=True)
    async with asyncio.timeout(20), server.events(thread_id, after=after) as stream:
        turn_id = await server.turn(thread_id, "work")
        frames = await stream.until("turn.completed")
    assert frames[0].event == "turn.started"
    assert frames[-1].json()["turn_id"] == turn_id
