"""Tools that the client runs: offered for one turn, called by an event, answered by a POST, closed by whatever ends the turn."""

import asyncio
from typing import Any

import pytest

requirement = pytest.mark.requirement

TICKET: dict[str, Any] = {
    "name": "find_ticket",
    "description": "Finds a ticket.",
    "input_schema": {"type": "object", "properties": {"id": {"type": "string"}}},
}
ASKS = """
[[reply]]
calls = [{ tool = "find_ticket", id = "call_9", arguments = { id = "T-1" } }]
[[reply]]
text = "{{result}}"
"""
FOUND = {
    "success": True,
    "content": [
        {"type": "input_text", "text": "T-1: open"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    ],
}

UNUSABLE: list[tuple[list[dict[str, Any]], str]] = [
    ([{**TICKET, "name": "no name"}], "is no tool name"),
    ([{**TICKET, "namespace": "n" * 60}], "is no tool name"),
    ([{**TICKET, "name": "read_file"}], "there is already a tool read_file"),
    ([TICKET, TICKET], "there is already a tool find_ticket"),
    ([{**TICKET, "input_schema": {}}], 'must have "type": "object"'),
    ([{**TICKET, "name": f"t{n}"} for n in range(129)], "at most 128"),
    ([{**TICKET, "description": "x" * 300_000}], "at most 262144"),
]


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


async def asked(product: Any, thread: str, stream: Any, **tool: Any) -> Any:
    turn = await product.turn(thread, dynamic_tools=[{**TICKET, **tool}])
    requested = (await stream.until("tool_call.requested"))[-1].json()
    return turn, requested


async def give(product: Any, thread: str, turn: str, call: str, result: Any) -> Any:
    return await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/tool-calls/{call}/result", result)


@requirement("CLIENT-TOOLS-CALL")
async def test_the_client_runs_a_call_and_the_model_reads_its_result(start: Any) -> None:
    async with start(ASKS) as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            turn, requested = await asked(product, thread, stream)
            payload = dict(requested["payload"])
            known = {"thread_id": thread, "turn_id": turn, "call_id": "call_9", "tool": "find_ticket"}
            (pending,) = (await product.detail(thread))["pending_dynamic_tool_calls"]
            assert pending == payload == {**payload, **known, "arguments": {"id": "T-1"}}
            answer = await give(product, thread, turn, "call_9", FOUND)
            assert (answer.status, answer.body) == (202, b"")
            resolved = (await stream.until("tool_call.resolved"))[-1].json()["payload"]
            assert resolved == {"call_id": "call_9", "result_accepted": True, "success": True, **FOUND} | resolved
            await stream.until("turn.completed")
        detail = await product.detail(thread)
        assert detail["pending_dynamic_tool_calls"] == []
        texts = [item["detail"] for item in detail["items"]]
        assert texts[1:] == ["T-1: open\n[image: data:image/png;base64]"] * 2


@requirement("CLIENT-TOOLS-CALL")
async def test_a_namespace_is_part_of_the_name_that_the_model_sees(start: Any) -> None:
    async with start(ASKS.replace("find_ticket", "desk__find_ticket")) as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            turn, requested = await asked(product, thread, stream, namespace="desk")
            assert (requested["payload"]["namespace"], requested["payload"]["tool"]) == ("desk", "find_ticket")
            await give(product, thread, turn, "call_9", {"success": False, "content": []})
            await stream.until("turn.completed")
        call = (await product.detail(thread))["items"][1]
        assert (call["status"], call["detail"]) == ("failed", "")


@requirement("CLIENT-TOOLS-ONCE")
async def test_a_result_is_taken_once_and_only_on_its_own_turn(start: Any) -> None:
    async with start(ASKS) as product:
        thread, other = await product.thread(), await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            turn, _ = await asked(product, thread, stream)
            for where in ((thread, turn, "call_8"), (thread, "turn_0", "call_9"), (other, turn, "call_9")):
                assert (await give(product, *where, FOUND)).status == 404
            assert (await give(product, thread, turn, "call_9", {"success": True})).status == 422
            assert (await give(product, thread, turn, "call_9", FOUND)).status == 202
            assert refusal(await give(product, thread, turn, "call_9", FOUND)) == (
                404,
                f"no pending tool call with id 'call_9' on turn {turn}",
            )
            await stream.until("turn.completed")


@requirement("CLIENT-TOOLS-CANCELED")
async def test_an_interrupt_cancels_a_call_that_waits(start: Any) -> None:
    async with start(ASKS) as product:
        thread = await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            turn, _ = await asked(product, thread, stream)
            await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
            seen = await stream.until("turn.completed")
        (canceled,) = [frame.json()["payload"] for frame in seen if frame.event == "tool_call.canceled"]
        assert canceled == {"call_id": "call_9", "reason": "Interrupted on request."}
        (item,) = [frame.json()["payload"]["item"] for frame in seen if frame.event == "item.interrupted"]
        assert "what it has done by then is unknown" in item["detail"]
        assert (await give(product, thread, turn, "call_9", FOUND)).status == 404


@requirement("CLIENT-TOOLS-REFUSED")
@pytest.mark.parametrize(("tools", "says"), UNUSABLE)
async def test_tools_that_cannot_be_offered_start_no_turn(start: Any, tools: Any, says: str) -> None:
    async with start(ASKS) as product:
        thread = await product.thread()
        status, message = refusal(
            await product.call("POST", f"/v1/threads/{thread}/turns", {"prompt": "go", "dynamic_tools": tools})
        )
        assert (status, says in message, (await product.detail(thread))["turns"]) == (400, True, [])


@requirement("CLIENT-TOOLS-CALL")
async def test_tools_are_for_one_turn_and_others_go_on_meanwhile(start: Any) -> None:
    async with start(ASKS) as product:
        thread, other = await product.thread(), await product.thread()
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            turn, _ = await asked(product, thread, stream)
            refused = await product.finished(other)
            assert refused[-1].json()["payload"]["turn"]["status"] == "failed"
            await give(product, thread, turn, "call_9", FOUND)
            async with asyncio.timeout(5):
                await stream.until("turn.completed")
        offered = [["find_ticket" in {t.name for t in request.tools}] for request in product.model.requests]
        assert offered == [[True], [False], [True]]
