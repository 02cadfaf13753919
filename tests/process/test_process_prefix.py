"""Sixty steps of one conversation, with tools, a killed server, a compaction and another surface: what is sent begins, byte for
byte, like what was sent before, but where an event in the log declares otherwise."""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from codewhale.domain.context_report import ContextReport
from codewhale.testing.http_calls import Request
from codewhale.testing.prefix import shares, work_files, work_script

if TYPE_CHECKING:
    from conftest import Model, ModelOf, Server, Site

PARTS, STEPS = 6, 10


class Sent(Struct):
    """What the model's server keeps of a request."""

    body: msgspec.Raw


async def bodies_of(model: "Model") -> list[bytes]:
    answer = await model.caller.send(Request(method="GET", path="/_requests"))
    return [bytes(sent.body) for sent in msgspec.json.decode(answer.body, type=list[Sent])]


async def part(server: "Server", thread_id: str, number: int) -> None:
    turn = await server.turn(thread_id, f"Part {number}. Go on.")
    await server.until(thread_id, lambda frame: frame.event == "turn.completed" and turn in str(frame.data))


async def compacted(server: "Server", thread_id: str) -> None:
    answer = await server.call("POST", f"/v1/threads/{thread_id}/compact", {"reason": "enough"})
    turn = answer.json()["turn"]["id"]
    frames = await server.until(thread_id, lambda frame: frame.event == "turn.completed" and turn in str(frame.data))
    assert ended(frames[-1].json()) == "completed", frames[-1].data


def ended(frame: Any) -> str:
    return frame["payload"]["turn"]["status"]


async def test_requests_continue_each_other_but_where_it_is_declared(site: "Site", model_of: "ModelOf") -> None:
    work_files(site.work, PARTS)
    model = model_of(work_script(PARTS, STEPS, search_in=2))
    site.answered_by(model)
    server = site.serve()
    thread_id = await server.thread(workspace=str(site.work), allow_shell=True, auto_approve=True)
    for number in (1, 2, 3):
        await part(server, thread_id, number)
    server.kill()

    (site.work / "AGENTS.md").write_text("Part 4. is the one with the new rules.\n")
    server = site.serve()
    await part(server, thread_id, 4)
    await compacted(server, thread_id)
    server.terminate()

    done = await asyncio.to_thread(site.run, "exec", "--auto", "--resume", thread_id, "Part 5. Go on.")
    assert (done.code, done.out) == (0, "Part 5 is done.\n"), done.err
    server = site.serve()
    await part(server, thread_id, 6)

    bodies = await bodies_of(model)
    report = msgspec.json.decode(
        (await server.call("GET", f"/v1/threads/{thread_id}/context")).body, type=ContextReport
    )
    requests = report.requests
    assert len(bodies) == len(requests) == PARTS * STEPS + 1
    parted = [number for number, share in enumerate(shares(bodies)) if not share.continues]
    assert parted == [number for number, one in enumerate(requests) if one.differs or number == 0]
    causes = [(one.cause, one.declared) for one in requests if one.differs]
    assert causes == [
        ("tool_search brought in a tool", True),
        ("context_compaction; context.pinned: compaction, other: instructions", True),
    ]
    assert sum(b"<context_update>" in body for body in bodies[:30]) == 0
    assert all(body.count(b"is the one with the new rules") == 1 for body in bodies[30:40])

    kept = [share for share in shares(bodies) if share.continues]
    assert sum(share.hit for share in kept) / sum(share.before for share in kept) >= 0.98
