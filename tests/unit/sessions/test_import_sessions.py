"""Session files, tasks, and what is left where it is."""

from typing import Any

import pytest

from codewhale.context.conversation import UNKNOWN_OUTCOME, messages
from codewhale.domain.messages import AssistantMessage, ToolMessage, UserMessage
from codewhale.domain.records import Origin, SessionCost, ToolCall
from codewhale.domain.sessions import metadata
from codewhale.domain.tasks import TASK_INTERRUPTED
from codewhale.store.sqlite import SqliteStore

requirement = pytest.mark.requirement

TASK: dict[str, Any] = {
    "schema_version": 2,
    "id": "task_1a2b3c4d",
    "prompt": "do it",
    "model": "m",
    "workspace": "/w",
    "mode": "agent",
    "allow_shell": False,
    "trust_mode": False,
    "status": "completed",
    "created_at": "2026-02-01T10:00:00Z",
    "ended_at": "2026-02-01T10:01:00Z",
    "timeline": [{"timestamp": "2026-02-01T10:00:00Z", "kind": "queued", "summary": "Task queued"}],
    "result_summary": "Done.",
}


@requirement("IMPORT-SESSIONS")
async def test_a_session_becomes_a_thread_of_its_own_id(old: Any, imported: Any, store: SqliteStore) -> None:
    session_id = old.session()
    report = await imported()
    row = store.sessions.get(session_id)
    assert row is not None
    assert (report.taken, report.problems, report.notes) == ({"sessions": 1, "turns": 1, "items": 5}, [], [])
    assert (row.title, row.message_count, row.thread.workspace, row.thread.mode) == (
        "Größe ändern",
        4,
        "/elsewhere",
        "agent",
    )
    assert (row.thread.auto_approve, row.thread.allow_shell, row.thread.system_prompt) == (False, False, None)
    assert row.thread.origin == Origin(
        kind="import",
        session_id="older",
        total_tokens=1234,
        cost=SessionCost(session_cost_usd=0.25, session_cost_cny=1.8, priced=True),
        system_prompt="The old long prompt.",
    )
    known = metadata(row)
    assert (known.total_tokens, known.parent_session_id, known.cost.session_cost_usd) == (1234, "older", 0.25)


@requirement("BUG-38")
async def test_the_model_sees_all_of_an_imported_session(old: Any, imported: Any, store: SqliteStore) -> None:
    session_id = old.session()
    await imported()
    call = ToolCall(id="toolu_1", name="edit_file", arguments='{"path":"a"}')
    items = store.items(session_id)
    assert messages(items) == [
        UserMessage(text="fix it"),
        AssistantMessage(text="é" * 300, reasoning="hm", calls=(call,)),
        ToolMessage(call_id="toolu_1", name="edit_file", text="edited"),
        AssistantMessage(text="done"),
    ]
    assert (items[3].kind, items[3].status, items[2].summary) == ("file_change", "completed", "é" * 277 + "...")


async def test_odd_messages_are_kept_as_far_as_they_go(old: Any, imported: Any, store: SqliteStore) -> None:
    """A model that speaks first, plain strings, results as blocks, a failed call, one without a result, a result alone."""
    session_id = old.session(
        {
            "messages": [
                {"role": "assistant", "content": "Welcome."},
                {"role": "user", "content": "one"},
                {"role": "user", "content": [{"type": "text", "text": "two"}, {"type": "image", "source": {}}]},
                {
                    "role": "assistant",
                    "content": [
                        {"type": "tool_use", "id": "a", "name": "read_file", "input": {}},
                        {"type": "server_tool_use", "id": "b", "name": "web_search", "input": "{"},
                    ],
                },
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "tool_use_id": "a",
                            "is_error": True,
                            "content": [{"type": "text", "text": "no such file"}],
                        },
                        {"type": "tool_result", "tool_use_id": "zzz", "content": "whose?"},
                    ],
                },
            ]
        }
    )
    report = await imported()
    snapshot = store.snapshot(session_id)
    assert snapshot is not None
    assert [turn.input_summary for turn in snapshot.turns] == ["", "one"]
    assert [(item.kind, item.status, item.detail) for item in snapshot.items] == [
        ("agent_message", "completed", "Welcome."),
        ("user_message", "completed", "one"),
        ("user_message", "completed", "two"),
        ("tool_call", "failed", "no such file"),
        ("tool_call", "interrupted", UNKNOWN_OUTCOME),
    ]
    assert [line.what for line in report.notes] == [
        "a block 'image' was left out",
        "a block 'tool_result' without its call was left out",
    ]


@requirement("IMPORT-PROBLEMS")
async def test_a_session_that_is_none_is_said(old: Any, imported: Any, store: SqliteStore) -> None:
    old.write("sessions/torn.json", '{"metadata": {"id": "to')
    old.write("sessions/new.json", {"schema_version": 2})
    old.write("sessions/other.json", {"metadata": {"id": "x", "created_at": "?", "updated_at": "", "workspace": ""}})
    old.write("sessions/checkpoints/latest.json", {})
    report = await imported()
    assert {line.where: line.what.split(":")[0] for line in report.problems} == {
        "sessions/torn.json": "is not valid JSON",
        "sessions/new.json": "Session schema v2 is newer than supported v1",
        "sessions/other.json": "has a time that is none",
    }
    assert (store.latest_seq, [line.where for line in report.left]) == (0, ["sessions/checkpoints/latest.json"])


@requirement("IMPORT-TASKS")
@requirement("BUG-20")
async def test_tasks_are_records_and_never_run_again(old: Any, imported: Any, store: SqliteStore) -> None:
    for number, status in enumerate(("completed", "queued", "running", "failed", "canceled")):
        task = {**TASK, "id": f"task_{number}", "status": status}
        old.write(f"tasks/tasks/task_{number}.json", task)
    old.write("tasks/queue.json", {"queue": ["task_1"]})
    old.write("tasks/tasks/task_9.json", {"schema_version": 3, "id": "task_9"})
    report = await imported()
    taken = [store.tasks.get(f"task_{number}") for number in range(5)]
    assert [task.status for task in taken if task] == ["completed", "canceled", "failed", "failed", "canceled"]
    assert [task.auto_approve for task in taken if task] == [False] * 5
    assert taken[2] is not None
    assert taken[2].error == TASK_INTERRUPTED
    assert store.tasks.open() == []
    assert (report.taken, [line.where for line in report.problems]) == ({"tasks": 5}, ["tasks/tasks/task_9.json"])
    assert (await imported()).known == {"tasks": 5}


SCHEDULE = {
    "schema_version": 1,
    "id": "0f5a",
    "name": "Nightly",
    "prompt": "tidy",
    "rrule": "freq=weekly;byday=mo;byhour=3;byminute=0",
    "cwds": ["/w"],
    "status": "active",
    "created_at": "2026-05-01T10:00:00Z",
    "updated_at": "2026-05-01T10:00:00Z",
    "next_run_at": "2026-05-04T03:00:00Z",
}


@requirement("IMPORT-AUTOMATIONS")
async def test_schedules_come_paused_and_approve_nothing(old: Any, imported: Any, store: SqliteStore) -> None:
    old.write("automations/automations/0f5a.json", SCHEDULE)
    old.write("automations/automations/bad.json", {**SCHEDULE, "id": "bad", "rrule": "FREQ=NEVER"})
    old.write("automations/runs/0f5a/1.json", {})
    report = await imported()
    [taken] = store.automations.all()
    assert (taken.id, taken.rrule) == ("0f5a", "FREQ=WEEKLY;BYDAY=MO;BYHOUR=3;BYMINUTE=0")
    assert (taken.status, taken.next_run_at, taken.auto_approve, taken.timezone) == ("paused", None, False, "UTC")
    assert (report.taken, [line.where for line in report.problems]) == ({"automations": 1}, ["automations/bad.json"])
    assert [line.where for line in report.notes] == ["automations/0f5a.json"] * 2
    assert [line.where for line in report.left] == ["automations/runs/"]
    assert (await imported()).known == {"automations": 1}
