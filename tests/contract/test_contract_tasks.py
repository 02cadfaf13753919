"""Tasks over HTTP: queued, run by few, seen through one record, canceled for good, and never repeated."""

import asyncio
from typing import Any

import pytest

requirement = pytest.mark.requirement

HELLO = '[[reply]]\ntext = "Hello."\n'
HELD = """
[[reply]]
text = ["I began ", "and would go on."]
hold = {name = "mid", at = "mid_text"}
"""
LONG = "0123456789" * 150
TOOLS = f"""
[[reply]]
text = "First. "
calls = [
  {{id = "call_1", tool = "checklist_write", arguments = {{todos = [{{content = "look", status = "completed"}}, {{content = "mend", status = "in_progress"}}]}}}},
  {{id = "call_2", tool = "read_file", arguments = {{path = "long.txt"}}}},
  {{id = "call_3", tool = "read_file", arguments = {{path = "missing.txt"}}}},
]
[[reply]]
text = "{LONG}"
"""
ASKING = """
[[reply]]
calls = [{id = "call_9", tool = "write_file", arguments = {path = "note.txt", content = "hi"}}]
[[reply]]
text = "Written."
"""
EMPTY_COUNTS = {"queued": 0, "running": 0, "completed": 0, "failed": 0, "canceled": 0}


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


async def added(product: Any, prompt: str = "go", **fields: Any) -> Any:
    answer = await product.call("POST", "/v1/tasks", {"prompt": prompt, **fields})
    assert answer.status == 201, answer.body
    return answer.json()


async def record(product: Any, task: str, query: str = "") -> Any:
    answer = await product.call("GET", f"/v1/tasks/{task}{query}")
    assert answer.status == 200, answer.body
    return answer.json()


async def over(product: Any, task: str) -> Any:
    return await record(product, task, "?wait=5")


@requirement("TASKS-CREATE")
@requirement("TASKS-RECORD")
@requirement("BUG-23")
async def test_a_new_task_is_queued_with_every_field_of_the_record(start: Any) -> None:
    async with start() as product:
        task = await added(product, "  look around ")
        created = task["created_at"]
        assert task == {
            "schema_version": 2,
            "id": task["id"],
            "prompt": "look around",
            "model": "scripted",
            "workspace": str(product.workspace),
            "mode": "agent",
            "allow_shell": False,
            "trust_mode": False,
            "auto_approve": False,
            "status": "queued",
            "created_at": created,
            "started_at": None,
            "ended_at": None,
            "duration_ms": None,
            "runtime_event_count": 0,
            "checklist": {"items": [], "completion_pct": 0, "in_progress_id": None, "updated_at": None},
            "gates": [],
            "attempts": [],
            "artifacts": [],
            "github_events": [],
            "tool_calls": [],
            "timeline": [{"timestamp": created, "kind": "queued", "summary": "Task queued"}],
        }
        read = await record(product, task["id"])
        assert {**read, "timeline": []} == {**task, "timeline": []}


@requirement("TASKS-CREATE-FIELDS")
async def test_every_setting_can_be_given(start: Any) -> None:
    async with start() as product:
        given: dict[str, Any] = {
            "model": "other",
            "workspace": str(product.workspace / "sub"),
            "mode": "plan",
            "allow_shell": True,
            "trust_mode": True,
            "auto_approve": True,
        }
        task = await added(product, **given)
        assert {name: task[name] for name in given} == given


@requirement("TASKS-CREATE-ERRORS")
async def test_a_task_without_a_prompt_is_refused(start: Any) -> None:
    async with start() as product:
        for prompt in ("", "  \n"):
            assert refusal(await product.call("POST", "/v1/tasks", {"prompt": prompt})) == (400, "prompt is required")
        assert (await product.call("POST", "/v1/tasks", {})).status == 422
        assert (await product.call("POST", "/v1/tasks", {"prompt": 1})).status == 422
        assert (await product.call("GET", "/v1/tasks")).json() == {"tasks": [], "counts": EMPTY_COUNTS}


@requirement("TASKS-LIST")
@requirement("TASKS-WORKSPACE")
@requirement("BUG-67")
async def test_the_list_is_newest_first_and_counts_are_over_all(start: Any) -> None:
    async with start() as product:
        elsewhere = str(product.workspace / "sub")
        first, second = await added(product, "a" * 300), await added(product, "b", workspace=elsewhere)
        counts = {**EMPTY_COUNTS, "queued": 2}
        listed = (await product.call("GET", "/v1/tasks")).json()
        assert [row["id"] for row in listed["tasks"]] == [second["id"], first["id"]]
        assert listed["counts"] == counts
        row = listed["tasks"][1]
        assert row["prompt_summary"] == "a" * 237 + "..."
        nothing_yet = ("started_at", "ended_at", "duration_ms")
        assert [row[name] for name in nothing_yet] == [None] * 3
        assert not {"error", "thread_id", "turn_id"} & set(row)
        for query, expected in (
            ("?limit=1", [second["id"]]),
            ("?limit=0", []),
            (f"?workspace={elsewhere}", [second["id"]]),
            ("?workspace=/nowhere", []),
        ):
            found = (await product.call("GET", f"/v1/tasks{query}")).json()
            assert ([row["id"] for row in found["tasks"]], found["counts"]) == (expected, counts)
        assert (await product.call("GET", "/v1/tasks?limit=x")).status == 400


@requirement("TASKS-GET")
@requirement("BUG-56")
async def test_a_unique_beginning_of_an_id_names_a_task(start: Any) -> None:
    async with start() as product:
        task = await added(product)
        assert len(task["id"]) == len("task_") + 16
        assert (await record(product, "task_"))["id"] == task["id"]
        other = await added(product)
        assert (await record(product, other["id"]))["id"] == other["id"]
        ambiguous = (400, "Ambiguous task prefix 'task_': matches 2 tasks")
        for method, path in (("GET", "/v1/tasks/{}"), ("POST", "/v1/tasks/{}/cancel")):
            assert refusal(await product.call(method, path.format("task_"))) == ambiguous
            assert refusal(await product.call(method, path.format("nope"))) == (404, "Task not found: nope")
            assert refusal(await product.call(method, path.format("no%20pe"))) == (404, "Task not found: no pe")


@requirement("TASKS-RUN")
async def test_a_task_runs_on_a_thread_that_names_it(start: Any) -> None:
    async with start(HELLO) as product:
        product.runtime.tasks.start()
        task = await over(product, (await added(product))["id"])
        assert (task["status"], task["terminal_reason"], task["result_summary"]) == ("completed", "completed", "Hello.")
        detail = await product.detail(task["thread_id"])
        assert (detail["thread"]["task_id"], detail["thread"]["archived"]) == (task["id"], False)
        assert [turn["id"] for turn in detail["turns"]] == [task["turn_id"]]
        (row,) = (await product.call("GET", "/v1/tasks")).json()["tasks"]
        shared = ("status", "started_at", "ended_at", "duration_ms", "thread_id", "turn_id")
        assert {name: row[name] for name in shared} == {name: task[name] for name in shared}
        frames = (await product.finished(task["thread_id"], "more"))[:-1]
        assert not [frame for frame in frames if frame.event == "task.updated"]


@requirement("TASKS-UPDATES")
@requirement("TASKS-TEXT")
@requirement("BUG-17")
@requirement("BUG-19")
async def test_the_record_tells_calls_checklist_and_texts_and_keeps_no_copy(start: Any) -> None:
    async with start(TOOLS) as product:
        product.runtime.tasks.start()
        (product.workspace / "long.txt").write_text("word\n" * 400)
        task = await over(product, (await added(product))["id"])
        assert task["status"] == "completed"
        assert [(call["id"], call["name"], call["status"]) for call in task["tool_calls"]] == [
            ("call_1", "checklist_write", "success"),
            ("call_2", "read_file", "success"),
            ("call_3", "read_file", "failed"),
        ]
        assert all(call["ended_at"] and call["duration_ms"] is not None for call in task["tool_calls"])
        assert task["checklist"]["items"] == [
            {"id": 1, "content": "look", "status": "completed"},
            {"id": 2, "content": "mend", "status": "in_progress"},
        ]
        assert (task["checklist"]["completion_pct"], task["checklist"]["in_progress_id"]) == (50, 2)
        assert [entry["kind"] for entry in task["timeline"]] == [
            "queued",
            "running",
            "runtime_link",
            "runtime_link",
            "message",
            "tool_started",
            "tool_completed",
            "checklist",
            "tool_started",
            "tool_started",
            "tool_completed",
            "tool_completed",
            "message",
            "finished",
            "result_ref",
        ]
        assert max(len(entry["summary"]) for entry in task["timeline"]) <= 240
        whole = await product.call("GET", f"/v1/tasks/{task['id']}/{task['result_detail_path']}")
        assert whole.json() == {"path": "artifacts/result.txt", "text": "First. " + LONG}
        read = await product.call("GET", f"/v1/tasks/{task['id']}/{task['tool_calls'][1]['detail_path']}")
        assert read.json()["text"].count("word") == 200
        assert "detail_path" not in task["tool_calls"][0]
        missing = await product.call("GET", f"/v1/tasks/{task['id']}/artifacts/..%2f..%2fetc%2fpasswd")
        assert missing.status == 404


@requirement("TASKS-CANCEL")
@requirement("BUG-18")
@requirement("BUG-22")
async def test_a_queued_task_is_canceled_at_once_and_for_good(start: Any) -> None:
    async with start(HELLO) as product:
        first, second = await added(product), await added(product)
        canceled = (await product.call("POST", f"/v1/tasks/{first['id']}/cancel")).json()
        assert (canceled["status"], canceled["terminal_reason"]) == ("canceled", "canceled")
        assert canceled["timeline"][-1]["kind"] == "canceled"
        assert (await product.call("POST", f"/v1/tasks/{first['id']}/cancel")).json() == canceled
        product.runtime.tasks.start()
        assert (await over(product, second["id"]))["status"] == "completed"
        assert await record(product, first["id"]) == canceled
        changes = product.runtime.store.read(first["id"], after=0, limit=100)
        assert len(changes) == 2


@requirement("TASKS-CANCEL-RUNNING")
@requirement("BUG-21")
async def test_a_running_task_says_that_it_was_asked_and_then_stops(start: Any) -> None:
    async with start(HELD) as product:
        product.runtime.tasks.start()
        task = await added(product)
        await product.model.held("mid")
        asked = await product.call("POST", f"/v1/tasks/{task['id']}/cancel")
        assert asked.status == 200
        assert "cancel_requested" in [entry["kind"] for entry in asked.json()["timeline"]]
        ended = await over(product, task["id"])
        assert (ended["status"], ended["terminal_reason"]) == ("canceled", "canceled")
        assert [(e["kind"], e["summary"]) for e in ended["timeline"] if e["kind"] == "message"] == [
            ("message", "I began ")
        ]
        assert (await product.call("POST", f"/v1/tasks/{task['id']}/cancel")).json() == ended


@requirement("TASKS-APPROVAL")
async def test_what_a_task_asks_is_answered_like_anything_else(start: Any) -> None:
    async with start(ASKING) as product:
        product.runtime.tasks.start()
        task = await record(product, (await added(product))["id"], "?wait=5&until=begun")
        async with product.stream(f"/v1/threads/{task['thread_id']}/events") as stream:
            await stream.until("approval.required")
            waiting = await record(product, task["id"])
            assert waiting["status"] == "running"
            assert [call["status"] for call in waiting["tool_calls"]] == ["running"]
            assert waiting["timeline"][-1]["summary"].startswith("Waiting for a person (call_9): ")
            decided = await product.call("POST", "/v1/approvals/call_9", {"decision": "allow"})
            assert decided.status == 200
        ended = await over(product, task["id"])
        assert (ended["status"], ended["result_summary"]) == ("completed", "Written.")
        assert ended["tool_calls"][0]["patch_ref"]
        patch = await product.call("GET", f"/v1/tasks/{task['id']}/{ended['tool_calls'][0]['patch_ref']}")
        assert "+hi" in patch.json()["text"]


@requirement("TASKS-WAIT")
async def test_waiting_for_the_end_of_a_task_is_one_request(start: Any) -> None:
    async with start(HELD) as product:
        product.runtime.tasks.start()
        task = await added(product)
        await product.model.held("mid")
        assert (await record(product, task["id"], "?wait=1"))["status"] == "running"
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(over(product, task["id"]))
            product.model.release("mid")
        assert waiting.result()["status"] == "completed"
        assert refusal(await product.call("GET", f"/v1/tasks/{task['id']}?until=later")) == (
            400,
            "until must be begun or ended",
        )
