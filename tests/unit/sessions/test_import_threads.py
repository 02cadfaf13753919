"""Threads of an old runtime folder: taken whole, and whatever is damaged costs only itself."""

import os
from typing import Any

import pytest

from codewhale.context.conversation import messages
from codewhale.domain.events import StepCompleted
from codewhale.domain.messages import AssistantMessage, ToolMessage, UserMessage
from codewhale.domain.records import Thread, ToolCall, Usage
from codewhale.domain.views import SessionFilter, ThreadSnapshot
from codewhale.store.sqlite import SqliteStore

requirement = pytest.mark.requirement

THREAD_ID = "thr_aaaa1111"


def snapshot(store: SqliteStore, thread_id: str = THREAD_ID) -> ThreadSnapshot:
    found = store.snapshot(thread_id)
    assert found is not None
    return found


@requirement("IMPORT-THREADS")
async def test_a_thread_is_taken_with_its_turns_items_and_calls(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    report = await imported()
    found = snapshot(store)
    assert (report.taken, report.problems, report.notes) == ({"threads": 1, "turns": 1, "items": 4}, [], [])
    assert found.thread == Thread(
        schema_version=2,
        id=THREAD_ID,
        created_at="2025-11-03T10:00:00.000Z",
        updated_at="2025-11-03T10:00:05.500Z",
        model="deepseek-v4-pro",
        workspace="/w",
        mode="agent",
        allow_shell=True,
        trust_mode=False,
        auto_approve=False,
        archived=False,
        coherence_state="healthy",
        latest_turn_id="turn_bbbb2222",
    )
    (turn,) = found.turns
    assert (turn.usage, turn.duration_ms) == (Usage(input_tokens=900, output_tokens=40), 5500)
    assert [item.id for item in found.items] == list(turn.item_ids) == [f"item_000{n}" for n in range(1, 5)]
    assert found.items[2].call == ToolCall(id="call_77", name="exec_shell", arguments='{"command":"ls"}')
    assert found.items[2].metadata == {"exit_code": 0}


@requirement("BUG-39")
async def test_the_model_sees_the_calls_of_an_imported_thread(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    await imported()
    call = ToolCall(id="call_77", name="exec_shell", arguments='{"command":"ls"}')
    assert messages(store.items(THREAD_ID)) == [
        UserMessage(text="list files"),
        AssistantMessage(text="", reasoning="I should run ls", calls=(call,)),
        ToolMessage(call_id="call_77", name="exec_shell", text="README.md\n"),
        AssistantMessage(text="There is one file"),
    ]


@requirement("IMPORT-TWICE")
async def test_a_second_run_takes_nothing_and_says_so(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    old.session()
    await imported()
    before = store.latest_seq
    report = await imported()
    assert (report.taken, report.known, report.problems) == ({}, {"threads": 1, "sessions": 1}, [])
    assert store.latest_seq == before


@requirement("IMPORT-DRY-RUN")
async def test_a_dry_run_says_the_same_and_records_nothing(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    old.session()
    planned = await imported(dry_run=True)
    assert (planned.dry_run, store.latest_seq) == (True, 0)
    assert planned.taken == (await imported()).taken


@requirement("BUG-12")
async def test_what_is_damaged_costs_only_itself(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    os.remove(old.runtime / "items" / "item_0003.json")
    old.write("tasks/runtime/items/item_0002.json", "{not json")
    old.write("tasks/runtime/threads/thr_broken.json", "")
    old.write("tasks/runtime/threads/thr_new.json", {"schema_version": 3, "id": "thr_new"})
    old.write("tasks/runtime/threads/thr_odd.json", {"id": "thr_odd", "model": 7})
    report = await imported()
    assert [item.detail for item in snapshot(store).items] == ["list files", "There is one file"]
    assert snapshot(store).turns[0].item_ids == ("item_0001", "item_0004")
    assert report.taken["threads"] == 1
    assert {line.where: line.what.split(":")[0] for line in report.problems} == {
        "items/item_0002.json": "is not valid JSON",
        "items/item_0003.json": "is missing",
        "threads/thr_broken.json": "is empty",
        "threads/thr_new.json": "Thread schema v3 is newer than supported v2",
        "threads/thr_odd.json": "has another shape than a thread",
    }


@requirement("IMPORT-PROBLEMS")
async def test_newer_turns_and_items_are_left_out_alone(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    old.put("items", {"schema_version": 9, "id": "item_0002", "turn_id": "turn_bbbb2222"})
    old.put("turns", {"schema_version": 9, "id": "turn_new", "thread_id": THREAD_ID})
    report = await imported()
    assert [line.what for line in report.problems] == [
        "Turn schema v9 is newer than supported v2",
        "Item schema v9 is newer than supported v2",
    ]
    assert len(snapshot(store).items) == 3


@requirement("BUG-13")
async def test_a_torn_last_line_of_a_log_is_said_and_the_rest_read(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    log = old.runtime / "events" / f"{THREAD_ID}.jsonl"
    log.write_text("garbage\n" + log.read_text("utf-8") + '{"seq":17,"event":"item.del', "utf-8")
    report = await imported()
    assert [(line.where, line.what) for line in report.notes] == [
        (f"events/{THREAD_ID}.jsonl", "its last line was cut off; all before it was read")
    ]
    assert [line.where for line in report.problems] == [f"events/{THREAD_ID}.jsonl line 1"]
    assert snapshot(store).items[2].call is not None


@requirement("BUG-66")
async def test_text_that_only_the_log_has_is_put_back(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    old.put("items", {**_item(4, "agent_message"), "status": "in_progress", "detail": ""})
    old.put("turns", {**_turn(), "status": "in_progress", "ended_at": None})
    await imported()
    found = snapshot(store)
    assert (found.items[3].detail, found.items[3].status) == ("There is one file", "interrupted")
    assert (found.turns[0].status, found.turns[0].error) == ("interrupted", "Interrupted by process restart")


@requirement("BUG-38")
async def test_equal_times_stand_in_the_order_of_item_ids(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    order = ["item_0004", "item_0002", "item_0003", "item_0001"]
    old.put("turns", {**_turn(), "item_ids": order})
    await imported()
    assert [item.id for item in snapshot(store).items] == order


async def test_items_that_no_turn_lists_stand_last(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    old.put("turns", {**_turn(), "item_ids": ["item_0004", "item_0001"]})
    report = await imported()
    assert [item.id for item in snapshot(store).items] == ["item_0004", "item_0001", "item_0002", "item_0003"]
    assert report.notes[0].what == "does not list 2 of its items; they stand last"


async def test_what_belongs_to_nothing_is_said(old: Any, imported: Any) -> None:
    old.thread()
    old.put("turns", {**_turn(), "id": "turn_lost", "thread_id": "thr_gone", "item_ids": []})
    old.put("items", {**_item(9, "status"), "turn_id": "turn_gone"})
    report = await imported()
    assert {line.where for line in report.problems} == {"turns/turn_lost.json", "items/item_0009.json"}


@requirement("BUG-23")
@pytest.mark.parametrize(("given", "kept"), [({"auto_approve": None}, False), ({"auto_approve": True}, True)])
async def test_a_right_that_is_not_written_down_is_not_given(
    old: Any, imported: Any, store: SqliteStore, given: dict[str, Any], kept: bool
) -> None:
    old.thread(given)
    await imported()
    assert snapshot(store).thread.auto_approve is kept


@requirement("IMPORT-OLDEST")
async def test_the_oldest_threads_ask_again(old: Any, imported: Any, store: SqliteStore) -> None:
    """Version 1 (February 2026): no title, task or coherence, no reasoning items, and everything approved by default."""
    thread = {k: v for k, v in old_thread().items() if k not in ("coherence_state", "archived")}
    old.put("threads", {**thread, "schema_version": 1, "auto_approve": True, "mode": "normal"})
    old.put("turns", {**_turn(), "schema_version": 1, "item_ids": ["item_0001"], "usage": None})
    old.put("items", {k: v for k, v in _item(1, "user_message", "hi").items() if k != "schema_version"})
    report = await imported()
    found = snapshot(store)
    assert (found.thread.auto_approve, found.thread.mode, found.thread.coherence_state) == (False, "normal", "healthy")
    assert [line.where for line in report.notes] == [f"threads/{THREAD_ID}.json"]
    assert (report.problems, len(found.items)) == ([], 1)


@requirement("IMPORT-HEAD")
async def test_the_newest_records_are_read_too(old: Any, imported: Any, store: SqliteStore) -> None:
    """[head]: more fields on threads and turns, `runtime/` beside `sessions/`, goals and mail beside the threads."""
    old.thread({"model_provider": "openrouter", "permission_posture": "ask", "session_id": "s-1"})
    old.put("turns", {**_turn(), "effective_model": "m-2", "effective_provider": "openrouter", "routed_usage": []})
    old.write("tasks/runtime/goals/thr_aaaa1111.json", {"objective": "x"})
    os.rename(old.root / "tasks" / "runtime", old.root / "runtime")
    report = await imported()
    found = snapshot(store)
    assert (report.taken["threads"], report.problems) == (1, [])
    assert (found.thread.model_provider, found.thread.session_id) == ("openrouter", "s-1")
    steps = [e.decode() for e in store.read(THREAD_ID, after=0, limit=99) if e.event == StepCompleted.WIRE]
    assert [(s.provider, s.model) for s in steps if isinstance(s, StepCompleted)] == [("openrouter", "m-2")]


@requirement("BUG-40")
async def test_the_usage_of_copied_turns_is_counted_where_it_arose(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread({"created_at": "2025-12-01T00:00:00Z"})
    await imported()
    assert StepCompleted.WIRE not in [event.event for event in store.read(THREAD_ID, after=0, limit=99)]
    assert store.sessions.list(SessionFilter())[0].total_tokens == 940


@requirement("BUG-56")
async def test_ids_that_another_thread_has_are_made_anew(old: Any, imported: Any, store: SqliteStore) -> None:
    old.thread()
    await imported()
    os.remove(old.runtime / "threads" / f"{THREAD_ID}.json")
    old.thread({"id": "thr_other", "latest_turn_id": None})
    old.put("turns", {**_turn(), "thread_id": "thr_other"})
    report = await imported()
    assert report.taken["threads"] == 1
    assert [item.detail for item in snapshot(store, "thr_other").items] == [
        item.detail for item in snapshot(store).items
    ]
    assert "new ids" in report.notes[-1].what


@requirement("IMPORT-PROBLEMS")
async def test_only_regular_files_are_read(old: Any, imported: Any) -> None:
    old.thread()
    os.mkfifo(old.runtime / "threads" / "thr_pipe.json")
    (old.runtime / "threads" / "thr_dir.json").mkdir()
    report = await imported()
    assert {(line.where, line.what) for line in report.problems} == {
        ("threads/thr_pipe.json", "is not a regular file"),
        ("threads/thr_dir.json", "is not a regular file"),
    }


def old_thread() -> dict[str, Any]:
    from_table: dict[str, Any] = {
        "id": THREAD_ID,
        "created_at": "2026-02-01T10:00:00Z",
        "updated_at": "2026-02-01T10:00:00+00:00",
        "model": "deepseek-chat",
        "workspace": "/w",
        "mode": "agent",
        "allow_shell": False,
        "trust_mode": False,
        "auto_approve": False,
    }
    return from_table


def _turn() -> dict[str, Any]:
    return {
        "schema_version": 2,
        "id": "turn_bbbb2222",
        "thread_id": THREAD_ID,
        "status": "completed",
        "input_summary": "list files",
        "created_at": "2026-02-01T10:00:00Z",
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "item_ids": ["item_0001", "item_0002", "item_0003", "item_0004"],
        "steer_count": 0,
    }


def _item(number: int, kind: str, detail: str = "text") -> dict[str, Any]:
    return {
        "schema_version": 2,
        "id": f"item_{number:04}",
        "turn_id": "turn_bbbb2222",
        "kind": kind,
        "status": "completed",
        "summary": detail,
        "detail": detail,
        "artifact_refs": [],
    }
