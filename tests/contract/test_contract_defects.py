"""Known defects of the baseline that no other file is about, each by its row in the contract's list."""

import asyncio
from typing import Any

import pytest

requirement = pytest.mark.requirement

HELD = '[[turn]]\nreply = [{ text = "Hello there.", hold = { name = "mid", at = "mid_text" } }, { text = "Again." }]'
WRITE = """
[[reply]]
calls = [{ tool = "write_file", arguments = { path = "note.txt", content = "hi" } }]
[[reply]]
text = "Done."
"""
THREE = """
[[reply]]
calls = [
  { tool = "exec_shell", arguments = { command = "echo 1 >> ran.txt" } },
  { tool = "exec_shell", arguments = { command = "echo 2 >> ran.txt" } },
  { tool = "exec_shell", arguments = { command = "echo 3 >> ran.txt; false" } },
]
[[reply]]
text = "Done."
"""
LONG = '[[reply]]\ntext = { text = "word ", count = 5000 }'


@requirement("BUG-06")
async def test_steering_and_changes_at_once_are_all_kept(start: Any) -> None:
    async with start(HELD) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        await product.model.held("mid")
        path = f"/v1/threads/{thread}"
        changes = {"title": "T", "mode": "plan", "trust_mode": True, "allow_shell": True, "system_prompt": "Be kind."}
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(product.call("POST", f"{path}/turns/{turn}/steer", {"prompt": f"more {n}"}))
                for n in range(10)
            ]
            asked += [group.create_task(product.call("PATCH", path, {key: value})) for key, value in changes.items()]
        assert {task.result().status for task in asked} == {200}
        product.model.release("mid")
        async with product.stream(f"{path}/events") as stream:
            await stream.until("turn.completed")
        detail = await product.detail(thread)
        assert {key: detail["thread"][key] for key in changes} == changes
        (kept,) = detail["turns"]
        told = {item["detail"] for item in detail["items"] if item["kind"] == "user_message"}
        assert (kept["steer_count"], told) == (10, {"go", *(f"more {n}" for n in range(10))})
        assert sorted(kept["item_ids"]) == sorted(item["id"] for item in detail["items"])


@requirement("BUG-07")
async def test_a_thread_that_is_woken_by_many_at_once_is_woken_once(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        await product.finished(thread)
    async with start('[[turn]]\nreply = [{ text = "a" }]\n' + HELD) as again:
        path = f"/v1/threads/{thread}"
        async with asyncio.TaskGroup() as group:
            resumed = [group.create_task(again.call("POST", f"{path}/resume")) for _ in range(4)]
            begun = [group.create_task(again.call("POST", f"{path}/turns", {"prompt": "go"})) for _ in range(4)]
        assert [task.result().status for task in resumed] == [200] * 4
        assert sorted(task.result().status for task in begun) == [201, 409, 409, 409]
        await again.model.held("mid")
        again.model.release("mid")
        async with again.stream(f"{path}/events") as stream:
            frames = await stream.until("turn.completed")
            frames += await stream.until("turn.completed")
        assert [frame.json()["payload"]["turn"]["status"] for frame in frames if frame.event == "turn.completed"] == [
            "completed"
        ] * 2
        assert len(again.model.requests) == 1


@requirement("BUG-14")
async def test_a_long_text_costs_far_fewer_events_than_it_has_pieces(start: Any) -> None:
    async with start(LONG) as product:
        frames = await product.finished(await product.thread())
        deltas = [frame.json()["payload"]["delta"] for frame in frames if frame.event == "item.delta"]
        assert "".join(deltas) == "word " * 5000
        assert len(deltas) <= 100


@requirement("BUG-24")
async def test_what_is_allowed_after_the_end_of_its_turn_does_not_run(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            approval = (await stream.until("approval.required"))[-1].json()["payload"]["id"]
            await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
            await stream.until("turn.completed")
        late = await product.call("POST", f"/v1/approvals/{approval}", {"decision": "allow"})
        assert (late.status, late.json()["error"]["message"]) == (404, f"no pending approval with id '{approval}'")
        assert not (product.workspace / "note.txt").exists()


@requirement("BUG-64")
async def test_calls_of_one_answer_run_once_each_whether_they_work_or_not(start: Any) -> None:
    async with start(THREE) as product:
        frames = await product.finished(await product.thread(allow_shell=True, auto_approve=True))
        assert sorted((product.workspace / "ran.txt").read_text()) == sorted("1\n2\n3\n")
        calls = [frame.json() for frame in frames if "tool" in frame.json()["payload"]]
        assert len({frame["item_id"] for frame in calls}) == len(calls) == 3
