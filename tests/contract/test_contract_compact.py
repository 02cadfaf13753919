"""Manual compaction over HTTP: a turn of its own, and what the model is sent after it."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

TALK = '[[reply]]\ntext = "First answer."\n[[reply]]\ntext = "## Task\\nGreet."'


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


async def compacted(product: Any, thread: str, body: object) -> tuple[Any, list[Any]]:
    """The answer to the request and the events of its turn."""
    answer = await product.call("POST", f"/v1/threads/{thread}/compact", body)
    assert answer.status == 202, answer.body
    turn_id = answer.json()["turn"]["id"]
    async with product.stream(f"/v1/threads/{thread}/events") as stream:
        seen: list[Any] = []
        while not seen or seen[-1].json()["turn_id"] != turn_id:
            seen += await stream.until("turn.completed")
    return answer.json(), [frame for frame in seen if frame.json()["turn_id"] == turn_id]


@requirement("COMPACT-EVENTS")
@requirement("COMPACT-COHERENCE")
async def test_a_compaction_is_a_turn_of_its_own(start: Any) -> None:
    async with start(TALK) as product:
        thread = await product.thread()
        await product.finished(thread, "hello")
        answer, frames = await compacted(product, thread, {"reason": "  It grew.  "})
        assert (answer["turn"]["status"], answer["turn"]["input_summary"]) == ("in_progress", "It grew.")
        assert answer["thread"]["latest_turn_id"] == answer["turn"]["id"]
        assert [frame.event for frame in frames] == [
            "turn.started",
            "turn.lifecycle",
            "item.started",
            "coherence.state",
            "item.completed",
            "coherence.state",
            "turn.completed",
        ]
        payloads = [frame.json()["payload"] for frame in frames]
        assert payloads[0]["manual_compaction"] is True
        assert (payloads[2]["auto"], payloads[2]["item"]["kind"]) == (False, "context_compaction")
        assert (payloads[4]["auto"], payloads[4]["messages_before"], payloads[4]["messages_after"]) == (False, 2, 1)
        assert [payloads[n]["state"] for n in (3, 5)] == ["refreshing_context", "healthy"]
        assert payloads[5]["thread"]["coherence_state"] == "healthy"
        assert payloads[6]["turn"]["status"] == "completed"
        assert payloads[6]["turn"]["item_ids"] == [payloads[2]["item"]["id"]]
        assert payloads[6]["turn"]["usage"]["output_tokens"] > 0


@requirement("COMPACT-CONTEXT")
@requirement("BUG-39")
async def test_the_summary_stands_for_what_came_before_and_the_history_stays(start: Any) -> None:
    async with start(TALK) as product:
        thread = await product.thread()
        await product.finished(thread, "hello")
        _, frames = await compacted(product, thread, {})
        detail = next(f for f in frames if f.event == "item.completed").json()["payload"]["item"]["detail"]
        await product.finished(thread, "and now?")
        sent = [message.text for message in product.model.requests[-1].messages]
        assert sent == [detail, "and now?"]
        assert "## Task\nGreet." in detail
        assert "hello" in detail
        kept = [item["detail"] for item in (await product.detail(thread))["items"]]
        assert kept[:4] == ["hello", "First answer.", detail, "and now?"]


@requirement("COMPACT-NOTHING")
async def test_a_failed_or_empty_summary_replaces_nothing(start: Any) -> None:
    script = '[[reply]]\ntext = "Hi."\n[[reply]]\ntext = ""\n[[reply]]\nfaults = [{ status = 401 }]\n[[reply]]\ntext = "Still here."'
    async with start(script) as product:
        thread = await product.thread()
        await product.finished(thread, "hello")
        for _ in range(2):
            _, frames = await compacted(product, thread, {})
            failed = next(frame.json()["payload"] for frame in frames if frame.event == "item.failed")
            assert (failed["item"]["kind"], failed["auto"]) == ("context_compaction", False)
            assert frames[-1].json()["payload"]["turn"]["status"] == "failed"
        await product.finished(thread, "again")
        assert [m.text for m in product.model.requests[-1].messages] == ["hello", "Hi.", "again"]


@requirement("COMPACT-ERRORS")
async def test_the_refusals_are_those_of_turns_and_a_body_is_needed(start: Any) -> None:
    held = '[[reply]]\ntext = "Hello there."\nhold = { name = "mid", at = "mid_text" }'
    async with start(held) as product:
        unknown = await product.call("POST", "/v1/threads/thr_0000000000000000/compact", {})
        assert refusal(unknown) == (404, "Thread not found: thr_0000000000000000")
        thread = await product.thread()
        assert (await product.call("POST", f"/v1/threads/{thread}/compact")).status == 415
        wrong = await product.call("POST", f"/v1/threads/{thread}/compact", {"reason": 7})
        assert wrong.status == 422
        await product.turn(thread)
        busy = await product.call("POST", f"/v1/threads/{thread}/compact", {})
        assert refusal(busy) == (409, "Thread already has an active turn")
        product.model.release("mid")


@requirement("COMPACT-REASON")
async def test_a_long_reason_is_cut_and_a_missing_one_has_a_name(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        answer, _ = await compacted(product, thread, {"reason": "x" * 400})
        assert answer["turn"]["input_summary"] == "x" * 277 + "..."
        answer, frames = await compacted(product, thread, {"reason": None})
        assert answer["turn"]["input_summary"] == "Manual context compaction"
        ended = frames[-1].json()["payload"]["turn"]
        assert (ended["status"], ended["error_code"]) == ("failed", "nothing_to_compact")


@requirement("COMPACT-STOP")
async def test_a_compaction_can_be_interrupted_and_takes_no_input(start: Any) -> None:
    script = '[[reply]]\ntext = "Hi."\n[[reply]]\ntext = "A summary."\nhold = { name = "mid", at = "mid_text" }'
    async with start(script) as product:
        thread = await product.thread()
        await product.finished(thread, "hello")
        turn = (await product.call("POST", f"/v1/threads/{thread}/compact", {})).json()["turn"]["id"]
        await product.model.held("mid")
        path = f"/v1/threads/{thread}/turns/{turn}"
        steered = await product.call("POST", f"{path}/steer", {"prompt": "faster"})
        assert refusal(steered) == (409, f"Turn {turn} compacts the context and takes no input")
        assert (await product.call("POST", f"{path}/interrupt")).status == 200
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            await stream.until("turn.completed")
            frames = await stream.until("turn.completed")
        assert [f.event for f in frames][-2:] == ["item.interrupted", "turn.completed"]
        assert frames[-1].json()["payload"]["turn"]["status"] == "interrupted"


@requirement("COMPACT-UNDO")
@requirement("COMPACT-LEFT-OUT")
async def test_a_compaction_is_taken_back(start: Any) -> None:
    async with start(TALK) as product:
        thread = await product.thread()
        nothing = await product.call("POST", f"/v1/threads/{thread}/uncompact")
        assert refusal(nothing) == (409, "There is no compaction of this thread that could be taken back")
        await product.finished(thread, "hello")
        await compacted(product, thread, {})
        left = (await product.call("GET", f"/v1/threads/{thread}/context/left-out")).json()
        assert [(one["kind"], one["what"], one["why"]) for one in left["items"]] == [
            ("user_message", "hello", "summarized"),
            ("agent_message", "First answer.", "summarized"),
        ]
        assert "## Task\nGreet." in left["summary"]
        back = await product.call("POST", f"/v1/threads/{thread}/uncompact")
        assert back.status == 202
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            seen: list[Any] = []
            while not seen or seen[-1].json()["turn_id"] != back.json()["turn"]["id"]:
                seen += await stream.until("turn.completed")
        await product.finished(thread, "and now?")
        assert [message.text for message in product.model.requests[-1].messages] == [
            "hello",
            "First answer.",
            "and now?",
        ]
        left = (await product.call("GET", f"/v1/threads/{thread}/context/left-out")).json()
        assert (left["items"], left["summary"]) == ([], None)
        assert [(one["act"], one["in_force"]) for one in left["compactions"]] == [
            ("summarized", False),
            ("restored", False),
        ]
