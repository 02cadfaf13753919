"""Sessions over HTTP: threads under their other name."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

SCRIPT = """
[[turn]]
when = {contains = "list"}
[[turn.reply]]
reasoning = "I should look."
text = "Looking."
calls = [{id = "call_1", tool = "list_dir", arguments = {path = "."}}]
[[turn.reply]]
text = "There is nothing."
[[turn]]
when = {contains = "hold"}
[[turn.reply]]
text = "Half"
hold = {name = "model", at = "mid_text"}
[[turn]]
[[turn.reply]]
text = "Good."
"""
NO_COST = {
    "session_cost_usd": 0.0,
    "session_cost_cny": 0.0,
    "subagent_cost_usd": 0.0,
    "subagent_cost_cny": 0.0,
    "displayed_cost_high_water_usd": 0.0,
    "displayed_cost_high_water_cny": 0.0,
    "priced": False,
}


async def session(product: Any, session_id: str) -> Any:
    answer = await product.call("GET", f"/v1/sessions/{session_id}")
    assert answer.status == 200, answer.body
    return answer.json()


@requirement("SESSIONS-LIST")
async def test_every_thread_is_a_session_newest_change_first(start: Any) -> None:
    async with start(SCRIPT) as product:
        first, second = await product.thread(), await product.thread(title="A second one")
        await product.finished(first, "hello over there")
        listed = (await product.call("GET", "/v1/sessions")).json()["sessions"]
        thread = (await product.detail(first))["thread"]
        assert [row["id"] for row in listed] == [first, second]
        assert listed[0] == {
            "id": first,
            "title": "hello over there",
            "created_at": thread["created_at"],
            "updated_at": thread["updated_at"],
            "message_count": 2,
            "total_tokens": listed[0]["total_tokens"],
            "model": "scripted",
            "workspace": str(product.workspace),
            "mode": "agent",
            "cost": NO_COST,
            "archived": False,
        }
        assert listed[0]["total_tokens"] > 0


@requirement("SESSIONS-LIST")
async def test_a_search_looks_at_titles_in_any_case_and_the_limit_is_clamped(start: Any) -> None:
    async with start() as product:
        for title in ("Ärger im Büro", "something else", "ärgerlich"):
            await product.thread(title=title)
        found = (await product.call("GET", "/v1/sessions?search=%C3%84RGER")).json()["sessions"]
        assert [row["title"] for row in found] == ["ärgerlich", "Ärger im Büro"]
        assert len((await product.call("GET", "/v1/sessions?limit=0")).json()["sessions"]) == 1
        assert len((await product.call("GET", "/v1/sessions?limit=9999")).json()["sessions"]) == 3


@requirement("BUG-36")
async def test_nothing_is_dropped_beyond_fifty_sessions(start: Any) -> None:
    async with start() as product:
        ids = {await product.thread(title=f"number {n}") for n in range(60)}
        listed = (await product.call("GET", "/v1/sessions?limit=500")).json()["sessions"]
        assert {row["id"] for row in listed} == ids


@requirement("SESSIONS-GET")
async def test_a_session_shows_text_thinking_calls_and_their_results(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread(system_prompt="Be brief.")
        await product.finished(thread, "list it")
        found = await session(product, thread)
        result = found["messages"][2]["content"][0]
        assert found["system_prompt"] == "Be brief."
        assert found["metadata"]["message_count"] == len(found["messages"]) == 4
        assert found["messages"] == [
            {"role": "user", "content": [{"type": "text", "text": "list it"}]},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "text": "I should look."},
                    {"type": "text", "text": "Looking."},
                    {"type": "tool_use", "id": "call_1", "name": "list_dir", "input": {"path": "."}},
                ],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": "call_1", "content": result["content"]}],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "There is nothing."}]},
        ]


@requirement("SESSIONS-ERRORS")
async def test_an_id_that_cannot_be_one_is_400_and_an_unknown_one_404(start: Any) -> None:
    async with start() as product:
        for method, rest in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("POST", "/resume-thread")):
            body = {"title": "x"} if method in ("PATCH", "POST") else None
            bad = await product.call(method, f"/v1/sessions/a%20b{rest}", body)
            unknown = await product.call(method, f"/v1/sessions/nowhere{rest}", body)
            assert (bad.status, bad.json()["error"]["message"]) == (400, "Invalid session id 'a b'")
            assert (unknown.status, unknown.json()["error"]["message"]) == (404, "Session 'nowhere' not found")


@requirement("SESSIONS-PEEK")
async def test_a_peek_is_short_and_without_secrets(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        await product.finished(thread, "my key is sk-abcdefghijklmnop1234 " + "x" * 500)
        peek = (await product.call("GET", f"/v1/sessions/{thread}?peek=true&entries=2")).json()
        assert [entry["kind"] for entry in peek["entries"]] == ["user", "assistant"]
        assert peek["entries"][0]["text"] == ("my key is [redacted] " + "x" * 500)[:400]
        assert (peek["entries"][0]["truncated"], peek["entries"][0]["redacted"]) == (True, True)
        assert peek["entries"][1] == {"kind": "assistant", "text": "Good.", "truncated": False, "redacted": False}
        assert (peek["session_id"], peek["omitted_before"], peek["live"]) == (thread, 0, False)
        one = (await product.call("GET", f"/v1/sessions/{thread}?peek=true&entries=1")).json()
        assert (one["omitted_before"], len(one["entries"])) == (1, 1)
        for entries in ("0", "13"):
            refused = await product.call("GET", f"/v1/sessions/{thread}?peek=true&entries={entries}")
            assert refused.status == 400


@requirement("SESSIONS-SUMMARY")
async def test_a_summary_is_filtered_sorted_and_limited(start: Any) -> None:
    async with start(SCRIPT) as product:
        small = await product.thread(title="b small")
        large = await product.thread(title="a large", workspace="/elsewhere")
        away = await product.thread(title="c away", archived=True)
        await product.finished(large, "hello")
        await product.call("PATCH", f"/v1/threads/{small}", {"mode": "plan"})

        async def ids(query: str = "") -> list[str]:
            return [row["id"] for row in (await product.call("GET", f"/v1/sessions/summary{query}")).json()]

        assert await ids() == [small, large]
        assert await ids("?sort=name") == [large, small]
        assert await ids("?sort=size&limit=1") == [large]
        assert await ids("?include_archived=true&sort=name") == [large, small, away]
        assert await ids("?archived_only=true") == [away]
        assert await ids("?workspace=/elsewhere") == [large]
        assert await ids("?search=GOOD") == [large]
        assert (await product.call("GET", "/v1/sessions/summary?sort=age")).status == 400
        (row,) = (await product.call("GET", "/v1/sessions/summary?search=large")).json()
        thread = (await product.detail(large))["thread"]
        assert row == {
            "id": large,
            "title": "a large",
            "preview": "Good.",
            "model": "scripted",
            "mode": "agent",
            "workspace": "/elsewhere",
            "archived": False,
            "message_count": 2,
            "total_tokens": row["total_tokens"],
            "updated_at": thread["updated_at"],
            "created_at": thread["created_at"],
            "parent_session_id": None,
            "is_current": False,
        }


@requirement("SESSIONS-PATCH")
async def test_title_and_archived_can_be_changed(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        answer = await product.call("PATCH", f"/v1/sessions/{thread}", {"title": " New name ", "archived": True})
        body = answer.json()
        assert (answer.status, body["changes"]) == (200, {"title": "New name", "archived": True})
        assert (body["session"]["title"], body["session"]["archived"]) == ("New name", True)
        again = await product.call("PATCH", f"/v1/sessions/{thread}", {"archived": True})
        assert again.json()["changes"] == {}
        cleared = await product.call("PATCH", f"/v1/sessions/{thread}", {"title": " "})
        assert cleared.json()["changes"] == {"title": None}
        assert (await product.call("PATCH", f"/v1/sessions/{thread}", {})).status == 400
        assert (await product.detail(thread))["thread"]["archived"] is True


@requirement("SESSIONS-LIVE")
async def test_a_session_with_a_turn_under_way_is_not_changed(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        turn = await product.turn(thread, "hold")
        (row,) = (await product.call("GET", "/v1/sessions/summary")).json()
        refused = [
            await product.call("PATCH", f"/v1/sessions/{thread}", {"title": "x"}),
            await product.call("DELETE", f"/v1/sessions/{thread}"),
            await product.call("POST", "/v1/sessions", {"thread_id": thread}),
            await product.call("POST", f"/v1/threads/{thread}/undo", {}),
            await product.call("POST", f"/v1/threads/{thread}/retry", {}),
        ]
        assert row["is_current"] is True
        assert [answer.status for answer in refused] == [409] * 5
        await product.call("POST", f"/v1/threads/{thread}/turns/{turn}/interrupt")


@requirement("SESSIONS-DELETE")
async def test_a_deleted_session_is_hidden_and_its_thread_kept(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        await product.finished(thread, "hello")
        gone = await product.call("DELETE", f"/v1/sessions/{thread}")
        assert (gone.status, gone.body) == (204, b"")
        assert (await product.call("DELETE", f"/v1/sessions/{thread}")).status == 404
        assert (await product.call("GET", f"/v1/sessions/{thread}")).status == 404
        assert (await product.call("GET", "/v1/sessions/summary?include_archived=true")).json() == []
        kept = await product.detail(thread)
        assert (kept["thread"]["archived"], len(kept["items"])) == (True, 2)
        assert (await product.call("GET", "/v1/threads")).json() == []
        await product.call("PATCH", f"/v1/threads/{thread}", {"archived": False})
        assert (await session(product, thread))["metadata"]["message_count"] == 2


@requirement("SESSIONS-SAVE")
async def test_a_thread_is_kept_under_a_name_and_a_deleted_one_comes_back(start: Any) -> None:
    async with start(SCRIPT) as product:
        thread = await product.thread()
        await product.finished(thread, "hello")
        await product.call("DELETE", f"/v1/sessions/{thread}")
        saved = await product.call("POST", "/v1/sessions", {"thread_id": thread, "title": "Kept"})
        assert (saved.status, saved.json()) == (
            201,
            {"session_id": thread, "thread_id": thread, "message_count": 2, "title": "Kept"},
        )
        stored = await product.call("PUT", "/v1/sessions", {"session_id": thread})
        metadata = (await session(product, thread))["metadata"]
        assert (stored.status, stored.json()) == (200, {"session_id": thread, "session": metadata})
        assert (await product.call("POST", "/v1/sessions", {"thread_id": "thr_none"})).status == 404
        assert (await product.call("PUT", "/v1/sessions", {})).status == 400


@requirement("SESSIONS-RESUME")
@requirement("BUG-37")
async def test_a_session_is_resumed_where_it_was_with_all_it_holds(start: Any) -> None:
    async with start(SCRIPT) as product:
        source = await product.thread(
            title="Ärger", workspace=str(product.workspace / ".."), trust_mode=True, auto_approve=True
        )
        await product.finished(source, "list it")
        answer = await product.call("POST", f"/v1/sessions/{source}/resume-thread", {"mode": "plan"})
        body = answer.json()
        made = body["thread_id"]
        assert (answer.status, body) == (
            201,
            {
                "thread_id": made,
                "session_id": source,
                "message_count": 4,
                "summary": f"Resumed session 'Ärger' (4 messages) into thread {made}",
            },
        )
        thread = (await product.detail(made))["thread"]
        assert (thread["workspace"], thread["mode"]) == (str(product.workspace / ".."), "plan")
        assert [thread[name] for name in ("trust_mode", "auto_approve", "archived")] == [False, False, False]
        assert (thread["session_id"], "system_prompt" in thread) == (source, False)
        assert (await session(product, made))["messages"] == (await session(product, source))["messages"]
        metadata = (await session(product, made))["metadata"]
        assert (metadata["parent_session_id"], metadata["forked_from_message_count"]) == (source, 4)


@requirement("BUG-38")
@requirement("BUG-39")
async def test_the_model_is_sent_the_calls_of_a_resumed_session(start: Any) -> None:
    async with start(SCRIPT) as product:
        source = await product.thread()
        await product.finished(source, "list it")
        made = (await product.call("POST", f"/v1/sessions/{source}/resume-thread", {})).json()["thread_id"]
        await product.finished(made, "and now?")
        sent = product.model.requests[-1].messages
        assert [type(message).__name__ for message in sent] == [
            "UserMessage",
            "AssistantMessage",
            "ToolMessage",
            "AssistantMessage",
            "UserMessage",
        ]
        assert [call.name for call in sent[1].calls] == ["list_dir"]


@requirement("SESSIONS-RESUME")
async def test_a_resumed_thread_tells_its_readers_without_the_copied_history(start: Any) -> None:
    async with start(SCRIPT) as product:
        source = await product.thread()
        await product.finished(source, "hello")
        made = (await product.call("POST", f"/v1/sessions/{source}/resume-thread", {})).json()["thread_id"]
        async with product.stream(f"/v1/threads/{made}/events") as stream:
            events = await stream.frames(2)
        assert [event.event for event in events] == ["thread.started", "thread.updated"]
        payload = events[1].json()["payload"]
        assert (set(payload), payload["reason"]) == ({"thread", "reason"}, "session_resume")
        assert payload["thread"] == (await product.detail(made))["thread"]


@requirement("BUG-61")
async def test_a_session_is_resumed_with_the_provider_it_was_held_with(start: Any) -> None:
    async with start() as product:
        source = await product.thread(model_provider="openrouter", model="m")
        made = (await product.call("POST", f"/v1/sessions/{source}/resume-thread", {})).json()["thread_id"]
        thread = (await product.detail(made))["thread"]
        assert (thread["model_provider"], thread["model"]) == ("openrouter", "m")
