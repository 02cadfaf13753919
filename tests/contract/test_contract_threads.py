"""Threads over HTTP: create, list, look, change, resume, fork."""

from typing import Any

import pytest

requirement = pytest.mark.requirement

FIELDS = {
    "model": "m-1",
    "workspace": "/somewhere",
    "mode": "plan",
    "allow_shell": True,
    "trust_mode": True,
    "auto_approve": True,
    "archived": True,
    "system_prompt": "Be brief.",
    "task_id": "task_1",
    "title": "A title",
}
DEFAULTS = {
    "model": "scripted",
    "mode": "agent",
    "allow_shell": False,
    "trust_mode": False,
    "auto_approve": False,
    "archived": False,
    "coherence_state": "healthy",
    "schema_version": 2,
}


@requirement("THREADS-CREATE-DEFAULTS")
async def test_an_empty_body_makes_a_thread_with_safe_defaults(start: Any) -> None:
    async with start() as product:
        answer = await product.call("POST", "/v1/threads", {})
        thread = answer.json()
        assert answer.status == 201
        assert {key: thread[key] for key in DEFAULTS} == DEFAULTS
        assert thread["workspace"] == str(product.workspace)
        assert thread["created_at"] == thread["updated_at"]
        assert thread["id"].startswith("thr_")
        assert {"latest_turn_id", "system_prompt", "task_id", "title"}.isdisjoint(thread)
        blank = await product.call("POST", "/v1/threads", {"model": " ", "mode": "", "colour": "ignored"})
        assert (blank.json()["model"], blank.json()["mode"]) == ("scripted", "agent")


@requirement("THREADS-CREATE-FIELDS")
async def test_every_field_can_be_given(start: Any) -> None:
    async with start() as product:
        thread = (await product.call("POST", "/v1/threads", FIELDS)).json()
        assert {key: thread[key] for key in FIELDS} == FIELDS
        async with product.stream(f"/v1/threads/{thread['id']}/events") as stream:
            (started,) = await stream.frames(1)
        assert (started.event, started.json()["payload"]) == ("thread.started", {"thread": thread})


@requirement("THREADS-LIST")
@requirement("BUG-67")
async def test_lists_are_filtered_and_newest_first(start: Any) -> None:
    async with start() as product:
        a, b = await product.thread(title="Alpha"), await product.thread(workspace="/b")
        c = await product.thread(archived=True)
        await product.call("PATCH", f"/v1/threads/{a}", {"mode": "plan"})

        async def listed(query: str) -> list[str]:
            return [thread["id"] for thread in (await product.call("GET", f"/v1/threads{query}")).json()]

        assert await listed("") == [a, b]
        assert await listed("?limit=1") == [a]
        assert await listed("?limit=0") == []
        assert await listed("?include_archived=true") == [a, c, b]
        assert await listed("?archived_only=true&include_archived=false") == [c]
        assert await listed("?workspace=/b") == [b]


@requirement("SUMMARY-ROWS")
@requirement("BUG-41")
async def test_a_summary_row_has_title_preview_and_the_status_as_turns_spell_it(start: Any) -> None:
    async with start('[[reply]]\ntext = "Blue, because of Rayleigh scattering."\nhold = "mid"') as product:
        thread = await product.thread()
        empty = (await product.call("GET", "/v1/threads/summary")).json()
        assert empty[0]["title"] == "New Thread"
        assert (empty[0]["latest_turn_id"], empty[0]["latest_turn_status"]) == (None, None)
        turn = await product.turn(thread, "Why is the sky blue?")
        await product.model.held("mid")
        (row,) = (await product.call("GET", "/v1/threads/summary")).json()
        assert row["latest_turn_status"] == "in_progress"
        product.model.release("mid")
        async with product.stream(f"/v1/threads/{thread}/events") as stream:
            await stream.until("turn.completed")
        (row,) = (await product.call("GET", "/v1/threads/summary")).json()
        assert {**row, "updated_at": ""} == {
            "id": thread,
            "title": "Why is the sky blue?",
            "preview": "Blue, because of Rayleigh scattering.",
            "model": "scripted",
            "mode": "agent",
            "archived": False,
            "updated_at": "",
            "latest_turn_id": turn,
            "latest_turn_status": "completed",
            "workspace": str(product.workspace),
        }


@requirement("SUMMARY-SEARCH")
@requirement("BUG-41")
async def test_a_search_finds_threads_beyond_the_limit(start: Any) -> None:
    async with start() as product:
        old = await product.thread(title="Needle in a haystack")
        for number in range(3):
            await product.thread(title=f"Straw {number}")

        async def found(query: str) -> list[str]:
            return [row["id"] for row in (await product.call("GET", f"/v1/threads/summary?{query}")).json()]

        assert await found("limit=1&search=nEEDLE") == [old]
        assert await found(f"search={old}") == [old]
        assert await found("search=nothing-like-it") == []
        assert len(await found("limit=0")) == 1
        assert len(await found("limit=99999")) == 4


@requirement("THREADS-DETAIL")
async def test_the_detail_is_one_point_of_the_log(start: Any) -> None:
    async with start('[[reply]]\ntext = "Hello."') as product:
        thread = await product.thread()
        assert await product.detail(thread) == {
            "thread": (await product.call("GET", "/v1/threads")).json()[0],
            "turns": [],
            "items": [],
            "latest_seq": 1,
            "pending_approvals": [],
            "pending_user_inputs": [],
            "pending_dynamic_tool_calls": [],
        }
        frames = await product.finished(thread, "Hi")
        detail = await product.detail(thread)
        assert [item["kind"] for item in detail["items"]] == ["user_message", "agent_message"]
        assert [turn["item_ids"] for turn in detail["turns"]] == [[item["id"] for item in detail["items"]]]
        assert detail["latest_seq"] == frames[-1].json()["seq"]
        assert detail["turns"] == [frames[-1].json()["payload"]["turn"]]


@requirement("THREADS-PATCH")
async def test_every_setting_can_be_changed_and_only_changes_are_told(start: Any) -> None:
    async with start() as product:
        thread = await product.thread(title="Old")
        changes = {
            "archived": True,
            "allow_shell": True,
            "trust_mode": True,
            "auto_approve": True,
            "model": "m-2",
            "mode": "plan",
            "title": "New",
            "system_prompt": "Be kind.",
        }
        changed = await product.call("PATCH", f"/v1/threads/{thread}", changes)
        assert changed.status == 200
        assert {key: changed.json()[key] for key in changes} == changes
        same = await product.call("PATCH", f"/v1/threads/{thread}", changes)
        assert same.json() == changed.json()
        cleared = await product.call("PATCH", f"/v1/threads/{thread}", {"title": "", "model": None})
        assert "title" not in cleared.json()
        assert cleared.json()["model"] == "m-2"
        async with product.stream(f"/v1/threads/{thread}/events?since_seq=1") as stream:
            updates = [frame.json()["payload"]["changes"] for frame in await stream.frames(2)]
        assert updates == [changes, {"title": None}]


@requirement("THREADS-PATCH-ERRORS")
async def test_a_change_must_change_something_it_knows(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()

        async def refused(path: str, body: object) -> tuple[int, str]:
            answer = await product.call("PATCH", path, body)
            return answer.status, answer.json()["error"]["message"]

        nothing = (400, "At least one thread field is required")
        for body in ({}, {"title": None}, {"colour": "red"}):
            assert await refused(f"/v1/threads/{thread}", body) == nothing
        assert await refused("/v1/threads/thr_0000000000000000", {}) == nothing
        assert await refused(f"/v1/threads/{thread}", {"model": " "}) == (400, "model must not be empty")
        assert await refused(f"/v1/threads/{thread}", {"mode": ""}) == (400, "mode must not be empty")
        assert (await refused("/v1/threads/thr_0000000000000000", {"title": "x"}))[0] == 404


@requirement("THREADS-UNKNOWN")
@requirement("BUG-44")
@pytest.mark.parametrize("unknown", ["thr_0000000000000000", "nonsense", "..%2f..%2fetc%2fpasswd"])
async def test_an_unknown_thread_is_not_found_everywhere(start: Any, unknown: str) -> None:
    routes = [
        ("GET", "", None),
        ("GET", "/events", None),
        ("PATCH", "", {"title": "x"}),
        ("POST", "/resume", None),
        ("POST", "/fork", None),
        ("POST", "/turns", {"prompt": "x"}),
    ]
    async with start() as product:
        for method, tail, body in routes:
            answer = await product.call(method, f"/v1/threads/{unknown}{tail}", body)
            assert (answer.status, answer.json()["error"]["status"]) == (404, 404)
            assert answer.headers["content-type"] == "application/json"


@requirement("THREADS-RESUME")
async def test_resume_answers_the_thread_and_records_nothing(start: Any) -> None:
    async with start() as product:
        thread = await product.thread()
        resumed = await product.call("POST", f"/v1/threads/{thread}/resume")
        detail = await product.detail(thread)
        assert (resumed.status, resumed.json(), detail["latest_seq"]) == (200, detail["thread"], 1)


@requirement("THREADS-FORK")
@requirement("BUG-40")
async def test_a_fork_has_the_finished_turns_under_new_ids(start: Any) -> None:
    script = '[[reply]]\ntext = "One."\n[[reply]]\ntext = "Two."\nhold = "second"'
    async with start(script) as product:
        thread = await product.thread(title="Mine")
        await product.finished(thread, "first")
        open_turn = await product.turn(thread, "second")
        await product.model.held("second")
        answer = await product.call("POST", f"/v1/threads/{thread}/fork")
        fork, source = answer.json(), await product.detail(thread)
        copy = await product.detail(fork["id"])
        assert (answer.status, fork["title"], fork["archived"]) == (201, "Mine", False)
        assert [turn["status"] for turn in copy["turns"]] == ["completed"]
        assert copy["thread"]["latest_turn_id"] == copy["turns"][0]["id"]
        assert [item["detail"] for item in copy["items"]] == ["first", "One."]
        assert {t["id"] for t in copy["turns"]}.isdisjoint(t["id"] for t in source["turns"])
        assert copy["turns"][0]["created_at"] == source["turns"][0]["created_at"]
        async with product.stream(f"/v1/threads/{fork['id']}/events") as stream:
            (forked,) = await stream.frames(1)
        assert (forked.event, forked.json()["payload"]) == (
            "thread.forked",
            {"thread": fork, "source_thread_id": thread},
        )
        assert source["turns"][1]["id"] == open_turn
        product.model.release("second")
