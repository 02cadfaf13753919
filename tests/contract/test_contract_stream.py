"""`POST /v1/stream`: one prompt, one stream, one archived thread."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

TOOL = """
[[reply]]
calls = [{ tool = "exec_shell", id = "call_77", arguments = { command = "echo README.md" } }]
[[reply]]
text = "There is one file."
"""


@requirement("STREAM-EVENTS")
@requirement("BUG-42")
async def test_a_tool_keeps_its_id_and_the_end_says_how(start: Any) -> None:
    async with start(TOOL) as product:
        asked = {"prompt": "list files", "allow_shell": True, "auto_approve": True}
        async with product.stream("/v1/stream", asked) as stream:
            assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
            frames = await stream.until("done")
            assert await stream.frame() is None
        seen = [(frame.event, frame.json()) for frame in frames]
        opened, done = seen[0], seen[-1]
        assert opened[0] == "turn.started"
        assert {**opened[1], "thread_id": "", "turn_id": ""} == {
            "thread_id": "",
            "turn_id": "",
            "model": "scripted",
            "mode": "agent",
            "workspace": str(product.workspace),
        }
        tools = [(name, body["id"], body["item_id"]) for name, body in seen if name.startswith("tool.")]
        assert {name for name, _, _ in tools} >= {"tool.started", "tool.completed"}
        assert len({(call, item) for _, call, item in tools}) == 1
        ended = next(body for name, body in seen if name == "tool.completed")
        assert ended["success"] is True
        assert "README.md" in ended["output"]
        assert "".join(body["content"] for name, body in seen if name == "message.delta") == "There is one file."
        assert seen[-2][0] == "turn.completed"
        assert (seen[-2][1]["status"], seen[-2][1]["error"]) == ("completed", None)
        assert seen[-2][1]["usage"]["output_tokens"] > 0
        assert done == ("done", {})


@requirement("STREAM-THREAD")
async def test_its_thread_is_archived_and_nothing_is_approved_by_itself(start: Any) -> None:
    async with start('[[reply]]\ntext = "Hi."') as product:
        async with product.stream("/v1/stream", {"prompt": "hello"}) as stream:
            thread_id = (await stream.until("done"))[0].json()["thread_id"]
        assert (await product.call("GET", "/v1/threads")).json() == []
        (thread,) = (await product.call("GET", "/v1/threads?archived_only=true")).json()
        assert (thread["id"], thread["auto_approve"], thread["allow_shell"]) == (thread_id, False, False)


@requirement("STREAM-PROMPT")
async def test_a_blank_prompt_is_refused_before_anything_is_made(start: Any) -> None:
    async with start() as product:
        answer = await product.call("POST", "/v1/stream", {"prompt": "  "})
        assert (answer.status, answer.json()["error"]["message"]) == (400, "prompt is required")
        assert (await product.call("POST", "/v1/stream", {})).status == 422
        assert (await product.call("GET", "/v1/threads?include_archived=true")).json() == []


@requirement("STREAM-FAILURE")
async def test_a_failed_turn_says_so_before_done(start: Any) -> None:
    async with start("[[reply]]\nfaults = [{ status = 401 }]") as product:
        async with product.stream("/v1/stream", {"prompt": "hello"}) as stream:
            seen = [(frame.event, frame.json()) for frame in await stream.until("done")]
        assert [name for name, _ in seen] == ["turn.started", "error", "turn.completed", "done"]
        assert (seen[2][1]["status"], seen[2][1]["error"]) == ("failed", seen[1][1]["message"])


@requirement("STREAM-DISCONNECT")
async def test_a_reader_that_leaves_does_not_stop_the_turn(start: Any) -> None:
    async with start('[[reply]]\ntext = "Hello there."\nhold = "mid"') as product:
        async with product.stream("/v1/stream", {"prompt": "hello"}) as stream:
            thread = (await stream.frames(1))[0].json()["thread_id"]
            await product.model.held("mid")
        product.model.release("mid")
        async with product.stream(f"/v1/threads/{thread}/events") as events:
            ended = (await events.until("turn.completed"))[-1].json()
        assert ended["payload"]["turn"]["status"] == "completed"
