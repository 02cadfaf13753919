"""Approvals and questions over HTTP: opened before they are announced, answered once, never assumed."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

WRITE = """
[[reply]]
calls = [{ tool = "write_file", id = "call_77", arguments = { path = "note.txt", content = "hi" } }]
[[reply]]
calls = [{ tool = "write_file", id = "call_78", arguments = { path = "more.txt", content = "hi" } }]
[[reply]]
text = "Done."
"""
QUESTION = """
[[reply]]
calls = [{ tool = "request_user_input", arguments = { questions = [{ header = "Colour", id = "colour", question = "Which?", options = [{ label = "Red", description = "warm" }, { label = "Blue", description = "cold" }] }] } }]
[[reply]]
text = "Done."
"""


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


async def asked(product: Any, stream: Any, event: str = "approval.required") -> Any:
    return (await stream.until(event))[-1].json()


async def decide(product: Any, approval_id: str, decision: str = "allow", **more: Any) -> Any:
    return await product.call("POST", f"/v1/approvals/{approval_id}", {"decision": decision, **more})


@requirement("APPROVALS-ALLOW")
@requirement("BUG-65")
@requirement("BUG-28")
async def test_an_allowed_call_runs_and_its_approval_is_listed_while_it_waits(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            required = await asked(product, stream)
            payload = required["payload"]
            approval = payload["id"]
            assert (payload["approval_id"], payload["tool_name"], required["turn_id"]) == (approval, "write_file", turn)
            assert payload["description"]
            (pending,) = (await product.detail(thread))["pending_approvals"]
            assert (pending["id"], pending["turn_id"], pending["tool_name"]) == (approval, turn, "write_file")
            answer = await decide(product, approval)
            assert (answer.status, answer.json()) == (
                200,
                {"ok": True, "approval_id": approval, "decision": "allow", "delivered": True},
            )
            decided = await asked(product, stream, "approval.decided")
            assert decided["payload"] == {"approval_id": approval, "decision": "allow", "remember": False}
            second = (await asked(product, stream))["payload"]["id"]
            assert second != approval
            assert (product.workspace / "note.txt").read_text() == "hi"
            await decide(product, second, "deny")
            await stream.until("turn.completed")
        assert (await product.detail(thread))["pending_approvals"] == []


@requirement("APPROVALS-DENY")
async def test_a_denied_call_does_not_run_and_the_model_is_told(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread()
        await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            await decide(product, (await asked(product, stream))["payload"]["id"], "deny", remember=True)
            decided = await asked(product, stream, "approval.decided")
            assert decided["payload"]["decision"] == "deny"
            await decide(product, (await asked(product, stream))["payload"]["id"], "deny")
            frames = await stream.until("turn.completed")
        assert frames[-1].json()["payload"]["turn"]["status"] == "completed"
        assert list(product.workspace.iterdir()) == []
        assert (await product.detail(thread))["thread"]["auto_approve"] is False


@requirement("APPROVALS-ONCE")
async def test_the_first_answer_wins_and_every_other_is_404(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            approval = (await asked(product, stream))["payload"]["id"]
            assert (await decide(product, approval, "deny")).status == 200
            missing = (404, f"no pending approval with id '{approval}'")
            assert refusal(await decide(product, approval, "allow")) == missing
            assert refusal(await decide(product, "nonsense")) == (404, "no pending approval with id 'nonsense'")
            await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
            await stream.until("turn.completed")
        assert list(product.workspace.iterdir()) == []


@requirement("APPROVALS-DECISION")
async def test_the_decision_is_checked_before_the_id(start: Any) -> None:
    async with start() as product:
        answer = await decide(product, "nonsense", "maybe")
        assert refusal(answer) == (400, 'invalid decision \'maybe\'; expected "allow" or "deny"')
        assert (await product.call("POST", "/v1/approvals/nonsense", {})).status == 422


@requirement("APPROVALS-REMEMBER")
@requirement("BUG-26")
@requirement("BUG-29")
async def test_remembering_holds_at_once_and_is_told(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread()
        await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            await decide(product, (await asked(product, stream))["payload"]["id"], remember=True)
            frames = await stream.until("turn.completed")
        updated = next(f.json()["payload"] for f in frames if f.event == "thread.updated")
        assert updated["changes"] == {"auto_approve": True}
        decided = [f.json()["payload"] for f in frames if f.event == "approval.decided"]
        assert [(d["decision"], d.get("auto", False)) for d in decided] == [("allow", False), ("allow", True)]
        assert sorted(path.name for path in product.workspace.iterdir()) == ["more.txt", "note.txt"]


@requirement("BUG-25")
async def test_trust_without_auto_approval_still_asks(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread(trust_mode=True)
        turn = await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            assert (await asked(product, stream))["payload"]["tool_name"] == "write_file"
            await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
            await stream.until("turn.completed")


@requirement("BUG-27")
async def test_an_interrupt_does_not_wait_for_an_approval(start: Any) -> None:
    async with start(WRITE) as product:
        thread = await product.thread()
        turn = await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            approval = (await asked(product, stream))["payload"]["id"]
            await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")
            frames = await stream.until("turn.completed")
        assert frames[-1].json()["payload"]["turn"]["status"] == "interrupted"
        assert (await decide(product, approval)).status == 404
        assert (await product.detail(thread))["pending_approvals"] == []


@requirement("USER-INPUT")
async def test_a_question_is_listed_answered_once_and_reaches_the_model(start: Any) -> None:
    async with start(QUESTION) as product:
        thread = await product.thread()
        await product.turn(thread)
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            payload = (await asked(product, stream, "user_input.required"))["payload"]
            (pending,) = (await product.detail(thread))["pending_user_inputs"]
            assert (pending["id"], pending["request"]) == (payload["id"], payload["request"])
            path = f"/v1/user-input/{thread}/{payload['id']}"
            answers = {"answers": [{"id": "colour", "label": "Red", "value": "Red"}]}
            elsewhere = await product.call("POST", f"/v1/user-input/{await product.thread()}/{payload['id']}", answers)
            assert elsewhere.status == 404
            wrong = {"answers": [{"id": "size", "label": "L", "value": "L"}]}
            assert (await product.call("POST", path, wrong)).status == 400
            assert (await product.call("POST", path, {"answers": [{"id": 1}]})).status == 422
            answer = await product.call("POST", path, answers)
            assert (answer.status, answer.json()) == (200, {"ok": True, "input_id": payload["id"], "delivered": True})
            assert (await product.call("POST", path, answers)).status == 404
            answered = await asked(product, stream, "user_input.answered")
            assert (answered["payload"]["input_id"], answered["payload"]["answers"]) == (
                payload["id"],
                answers["answers"],
            )
            await stream.until("turn.completed")
        assert "Red" in product.model.requests[-1].messages[-1].text
