"""The gate over HTTP: why a call was asked, and rules that are tried on the past before they are written."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

GATED = """
[[reply]]
calls = [{id = "call_1", tool = "write_file", arguments = {path = "new.txt", content = "hi"}}]
[[reply]]
text = "Done."
"""


async def waiting(product: Any, thread_id: str) -> Any:
    """The `approval.required` of a turn that was just begun."""
    await product.turn(thread_id)
    async with product.stream(f"/v1/threads/{thread_id}/events") as stream:
        return (await stream.until("approval.required"))[-1].json()["payload"]


@requirement("POLICY-DECISIONS")
async def test_decisions_are_told_with_their_layers(start: Any) -> None:
    async with start(GATED) as product:
        thread_id = await product.thread(auto_approve=True)
        frames = await product.finished(thread_id)
        answer = await product.call("GET", f"/v1/policy/decisions?thread_id={thread_id}&limit=5")
        (found,) = answer.json()["decisions"]
        others = await product.call("GET", "/v1/policy/decisions?call_id=call_2")
        wrong = await product.call("GET", "/v1/policy/decisions?limit=x")
    assert "call.decided" not in {frame.event for frame in frames}
    assert (found["decision"]["verdict"], found["decision"]["rule"]) == ("allow", "auto_approve")
    assert [ruling["layer"] for ruling in found["decision"]["trail"]] == ["tool", "approval"]
    assert (found["outcome"], found["automatic"]) == ("allow", True)
    assert (others.status, others.json()) == (200, {"decisions": []})
    assert wrong.status == 400


@requirement("POLICY-RULES")
async def test_a_rule_from_its_suggestion_to_its_end(start: Any) -> None:
    async with start(GATED) as product:
        thread_id = await product.thread()
        asked = await waiting(product, thread_id)
        assert asked["reason"] == "write_file needs an approval"
        assert asked["targets"] == [f"{product.workspace}/new.txt"]
        query = f"thread_id={thread_id}&call_id={asked['approval_id']}"
        (found,) = (await product.call("GET", f"/v1/policy/suggestions?{query}")).json()["suggestions"]
        assert (found["looked_at"], found["changed"]) == (1, {"ask -> allow": 1})
        tried = await product.call("POST", "/v1/policy/simulate", {"action": "deny", "tool": "write_*"})
        assert tried.json()["changed"] == {"ask -> deny": 1}
        added = await product.call("POST", "/v1/policy/rules", found["rule"])
        assert added.json()["rules"] == [found["rule"]]
        assert (await product.call("DELETE", "/v1/policy/rules/1")).json() == found["rule"]
        assert (await product.call("GET", "/v1/policy/rules")).json().get("rules", []) == []
        refused = [
            await product.call("POST", "/v1/policy/rules", {"action": "allow"}),
            await product.call("POST", "/v1/policy/simulate", {"action": "maybe", "tool": "x"}),
            await product.call("POST", "/v1/policy/rules", {"action": "allow", "tool": "exec_shell", "comand": "ls"}),
            await product.call("DELETE", "/v1/policy/rules/1"),
            await product.call("DELETE", "/v1/policy/rules/x"),
            await product.call("GET", "/v1/policy/suggestions?thread_id=x"),
        ]
        assert [answer.status for answer in refused] == [400, 422, 422, 400, 400, 400]
        missing = await product.call("GET", f"/v1/policy/suggestions?thread_id={thread_id}&call_id=none")
        assert missing.status == 404
        await product.call("POST", f"/v1/approvals/{asked['approval_id']}", {"decision": "deny"})
