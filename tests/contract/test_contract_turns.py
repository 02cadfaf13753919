"""Turns over HTTP: start, the order of their events, steer, interrupt, and who gets a 409."""

import asyncio
from typing import Any

import pytest

requirement = pytest.mark.requirement

HELD = '[[reply]]\nreasoning = "Hm."\ntext = "Hello there."\nhold = { name = "mid", at = "mid_text" }\n[[reply]]\ntext = "Again."'
SHELL = '[[reply]]\ncalls = [{ tool = "exec_shell", arguments = { command = "sleep 60" } }]\n[[reply]]\ntext = "Done."'


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


def kinds(frames: list[Any]) -> list[str]:
    return [frame.event for frame in frames]


@requirement("TURNS-START")
async def test_a_started_turn_is_in_progress_and_durable(start: Any) -> None:
    async with start(HELD) as product:
        thread = await product.thread()
        answer = await product.call("POST", f"/v1/threads/{thread}/turns", {"prompt": "  Say hello  "})
        begun = answer.json()
        assert (answer.status, set(begun)) == (201, {"thread", "turn"})
        assert (begun["turn"]["status"], begun["turn"]["input_summary"]) == ("in_progress", "Say hello")
        assert begun["thread"]["latest_turn_id"] == begun["turn"]["id"]
        assert begun["turn"]["steer_count"] == 0
        detail = await product.detail(thread)
        assert detail["turns"][0]["id"] == begun["turn"]["id"]
        assert detail["items"][0]["detail"] == "Say hello"
        product.model.release("mid")


@requirement("TURNS-ORDER")
async def test_the_events_of_a_turn_come_in_the_contracts_order(start: Any) -> None:
    async with start('[[reply]]\nreasoning = "Hm."\ntext = "Hello."') as product:
        thread = await product.thread()
        frames = await product.finished(thread)
        assert kinds(frames) == [
            "thread.started",
            "turn.started",
            "item.started",
            "item.completed",
            "turn.lifecycle",
            "item.started",
            "item.delta",
            "item.completed",
            "item.started",
            "item.delta",
            "item.completed",
            "turn.completed",
        ]
        items = [frame.json()["payload"]["item"] for frame in frames if frame.event == "item.completed"]
        assert [(i["kind"], i["status"], i["detail"]) for i in items] == [
            ("user_message", "completed", "go"),
            ("agent_reasoning", "completed", "Hm."),
            ("agent_message", "completed", "Hello."),
        ]
        turn = frames[-1].json()["payload"]["turn"]
        assert (turn["status"], turn["item_ids"]) == ("completed", [item["id"] for item in items])
        assert turn["usage"]["output_tokens"] > 0


@requirement("TURNS-PROMPT")
async def test_a_blank_prompt_is_refused(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        for prompt in ("", "  \n\t "):
            answer = await product.call("POST", f"/v1/threads/{thread}/turns", {"prompt": prompt})
            assert refusal(answer) == (400, "prompt is required")
        assert (await product.detail(thread))["turns"] == []


@requirement("TURNS-OVERRIDES")
async def test_overrides_hold_for_one_turn(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        given = {"model": "other", "mode": "plan", "allow_shell": True, "auto_approve": True, "input_summary": "Mine"}
        frames = await product.finished(thread, "go", **given)
        turn = frames[-1].json()["payload"]["turn"]
        assert (turn["effective_model"], turn["input_summary"]) == ("other", "Mine")
        kept = (await product.detail(thread))["thread"]
        assert (kept["model"], kept["mode"], kept["allow_shell"], kept["auto_approve"]) == (
            "scripted",
            "agent",
            False,
            False,
        )


@requirement("TURNS-CONFLICT")
@requirement("BUG-04")
async def test_of_two_turns_at_once_one_is_refused(start: Any) -> None:
    async with start(HELD) as product:
        thread = await product.thread()
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(product.call("POST", f"/v1/threads/{thread}/turns", {"prompt": f"p{n}"}))
                for n in range(8)
            ]
        answers = [task.result() for task in asked]
        assert sorted(answer.status for answer in answers) == [201, *[409] * 7]
        refused = next(answer for answer in answers if answer.status == 409)
        assert refusal(refused) == (409, "Thread already has an active turn")
        assert len((await product.detail(thread))["turns"]) == 1
        product.model.release("mid")


@requirement("BUG-05")
async def test_the_next_turn_may_start_as_soon_as_the_last_has_ended(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            for _ in range(20):
                await product.turn(thread)
                await stream.until("turn.completed")


@requirement("TURNS-STEER")
async def test_steering_gives_the_turn_more_input(start: Any) -> None:
    async with start(HELD) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        await product.model.held("mid")
        answer = await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/steer", {"prompt": " Be brief "})
        steered = answer.json()
        assert (answer.status, steered["id"], steered["steer_count"]) == (200, turn, 1)
        product.model.release("mid")
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            frames = await stream.until("turn.completed")
        at = kinds(frames).index("turn.steered")
        told = frames[at].json()
        assert told["payload"] == {"thread_id": thread, "turn_id": turn, "input": "Be brief"}
        assert (frames[at + 1].event, frames[at + 1].json()["item_id"]) == ("item.completed", told["item_id"])
        assert told["item_id"] in frames[-1].json()["payload"]["turn"]["item_ids"]
        assert frames[-1].json()["payload"]["turn"]["steer_count"] == 1
        assert product.model.requests[-1].messages[-1].text == "Be brief"


@requirement("TURNS-LATE")
@requirement("BUG-43")
async def test_late_and_misdirected_steering_and_interrupts(start: Any) -> None:
    async with start(HELD) as product:
        thread, unknown = await product.thread(), "thr_0000000000000000"

        async def both(thread_id: str, turn_id: str) -> list[tuple[int, str]]:
            path = f"/v1/threads/{thread_id}/turns/{turn_id}"
            steered = await product.call("POST", f"{path}/steer", {"prompt": "x"})
            return [refusal(steered), refusal(await product.call("POST", f"{path}/interrupt"))]

        none = (409, f"No active turn on thread {thread}")
        assert await both(thread, "turn_0000000000000000") == [none, none]
        assert [status for status, _ in await both(unknown, "turn_0000000000000000")] == [404, 404]
        turn = await product.turn(thread)
        other = (409, f"Turn turn_0000000000000000 is not active on thread {thread}")
        assert await both(thread, "turn_0000000000000000") == [other, other]
        blank = await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/steer", {"prompt": " "})
        assert refusal(blank) == (400, "prompt is required")
        product.model.release("mid")
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            await stream.until("turn.completed")
        assert await both(thread, turn) == [none, none]


@requirement("TURNS-INTERRUPT")
@requirement("BUG-09")
async def test_an_interrupt_ends_the_turn_and_keeps_what_was_said(start: Any) -> None:
    async with start(HELD) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        await product.model.held("mid")
        answer = await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
        assert (answer.status, answer.json()["id"], answer.json()["status"]) == (200, turn, "in_progress")
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            frames = await stream.until("turn.completed")
        after = frames[kinds(frames).index("turn.interrupt_requested") :]
        assert after[0].json()["payload"] == {"thread_id": thread, "turn_id": turn}
        assert [f.event for f in after if f.event != "item.delta"][1:] == ["item.interrupted", "turn.completed"]
        assert frames[-1].json()["payload"]["turn"]["status"] == "interrupted"


@requirement("BUG-10")
async def test_a_running_tool_ends_with_its_turn(start: Any) -> None:
    async with start(SHELL) as product:
        thread = await product.thread(allow_shell=True, auto_approve=True)
        turn = await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            frames = await stream.until("approval.decided")
            await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
            frames += await stream.until("turn.completed")
        detail = await product.detail(thread)
        assert [item["status"] for item in detail["items"]] == ["completed", "interrupted"]
        assert detail["turns"][0]["status"] == "interrupted"


@requirement("TURNS-FAILURE")
async def test_a_failing_model_fails_the_turn_in_the_open(start: Any) -> None:
    async with start("[[reply]]\nfaults = [{ status = 401 }]") as product:
        thread = await product.thread()
        frames = await product.finished(thread)
        turn = frames[-1].json()["payload"]["turn"]
        (failed,) = [frame.json()["payload"]["item"] for frame in frames if frame.event == "item.failed"]
        assert (turn["status"], failed["kind"]) == ("failed", "error")
        assert turn["error"]
        again = await product.finished(thread, "again")
        assert again[-1].json()["payload"]["turn"]["id"] != turn["id"]


@requirement("BUG-55")
async def test_a_system_prompt_is_sent_in_every_turn(start: Any) -> None:
    async with start() as product:
        thread = await product.thread(system_prompt="Answer in verse.")
        await product.finished(thread, "one")
        await product.finished(thread, "two")
        assert ["Answer in verse." in request.system for request in product.model.requests] == [True, True]
