"""The record as a fold: what the items of a turn become in it, and what keeps it small."""

import msgspec
import pytest

from codewhale.domain.records import Item, ToolCall
from codewhale.domain.task_record import (
    TIMELINE_HEAD,
    TIMELINE_LIMIT,
    Attempt,
    Checklist,
    ChecklistItem,
    Gate,
    GithubEvent,
    TaskArtifact,
    TimelineEntry,
)
from codewhale.domain.tasks import Task
from codewhale.domain.times import millis_between
from codewhale.work.tasks_record import TaskSources, blob_of, capped, record_of, text_of

AT = "2026-01-01T00:00:0{}.000Z"


def task() -> Task:
    return Task(
        schema_version=2,
        id="task_1",
        prompt="p",
        model="m",
        workspace="/w",
        mode="agent",
        allow_shell=False,
        trust_mode=False,
        auto_approve=False,
        status="running",
        created_at=AT.format(0),
    )


def call(number: int, text: str = "ok", metadata: dict[str, object] | None = None) -> Item:
    return Item(
        schema_version=2,
        id=f"item_{number}",
        turn_id="turn_1",
        kind="tool_call",
        status="completed",
        summary="",
        artifact_refs=(),
        detail=text,
        metadata=metadata,
        started_at=AT.format(1),
        ended_at=AT.format(2),
        call=ToolCall(id=f"call_{number}", name="gate", arguments="{}"),
    )


def fold(*items: Item) -> TaskSources:
    return TaskSources(task=task(), changes=((AT.format(0), "queued"),), items=items)


def entry(number: int) -> TimelineEntry:
    return TimelineEntry(timestamp=f"{number:04}", kind="message", summary=str(number))


def test_a_timeline_within_the_limit_is_whole() -> None:
    entries = [entry(n) for n in range(TIMELINE_LIMIT)]
    assert capped(entries) == tuple(entries)


def test_a_longer_timeline_keeps_its_first_and_its_newest_entries() -> None:
    entries = [entry(n) for n in range(1000)]
    kept = capped(entries)
    newest = TIMELINE_LIMIT - TIMELINE_HEAD - 1
    assert kept == (
        *entries[:TIMELINE_HEAD],
        TimelineEntry(timestamp="0008", kind="omitted", summary=f"{1000 - TIMELINE_HEAD - newest} entries left out"),
        *entries[-newest:],
    )
    assert len(kept) == TIMELINE_LIMIT


GATE = {
    "gate": "test",
    "command": "make test",
    "cwd": "/w",
    "exit_code": 0,
    "status": "passed",
    "classification": "passed",
    "duration_ms": 12,
    "summary": "all green",
}
ATTEMPT = {"attempt_group_id": "g", "attempt_index": 1, "attempt_count": 2, "summary": "first"}
GITHUB = {"action": "opened", "target": "pr", "number": 7, "summary": "it works"}


def test_everything_that_tools_tell_a_task_is_in_its_record() -> None:
    updates = {
        "checklist": {"items": [{"id": 1, "content": "a", "status": "completed"}], "completion_pct": 100},
        "gate": GATE,
        "attempt": ATTEMPT,
        "artifacts": [{"label": "log", "path": "artifacts/log.txt"}],
        "github_event": GITHUB,
    }
    record = record_of(fold(call(1, metadata={"task_updates": updates})))
    at = AT.format(2)
    assert record.checklist == Checklist(
        items=(ChecklistItem(id=1, content="a", status="completed"),), completion_pct=100, updated_at=at
    )
    assert record.gates == (msgspec.convert({**GATE, "id": "gate_item_1", "recorded_at": at}, Gate),)
    assert record.attempts == (
        Attempt(
            id="attempt_item_1",
            attempt_group_id="g",
            attempt_index=1,
            attempt_count=2,
            summary="first",
            changed_files=(),
            verification=(),
            selected=False,
            recorded_at=at,
        ),
    )
    assert record.artifacts == (TaskArtifact(label="log", path="artifacts/log.txt", summary="", created_at=at),)
    assert record.github_events == (
        GithubEvent(
            id="github_item_1",
            action="opened",
            target="pr",
            number=7,
            summary="it works",
            url=None,
            recorded_at=at,
        ),
    )
    assert [(one.kind, one.summary) for one in record.timeline[3:]] == [
        ("checklist", "Checklist: 1 of 1 completed"),
        ("gate", "test: passed. all green"),
        ("pr_attempt", "Attempt 1 of 2: first"),
        ("artifact", "log: artifacts/log.txt"),
        ("github", "opened pr #7: it works"),
    ]


@pytest.mark.parametrize(
    "updates",
    [
        {"checklist": {"items": "none"}},
        {"gate": "passed"},
        {"gate": {**GATE, "duration_ms": "long"}},
        {"attempt": {}},
        {"artifacts": [1]},
        {"artifacts": {"label": "x"}},
        {"github_event": {"number": "seven"}},
    ],
)
def test_an_update_of_another_shape_is_told_and_left_out(updates: dict[str, object]) -> None:
    record = record_of(fold(call(1, metadata={"task_updates": updates})))
    assert (record.checklist, record.gates, record.attempts) == (Checklist(), (), ())
    assert (record.artifacts, record.github_events) == ((), ())
    assert record.timeline[-1].kind == "error"
    assert record.timeline[-1].summary.startswith(f"An update ({next(iter(updates))}) cannot be understood: ")


@pytest.mark.parametrize("metadata", [{"task_updates": "x"}, {"task_updates": None}, {"task_updates": {"other": 1}}])
def test_what_is_no_update_says_nothing(metadata: dict[str, object]) -> None:
    record = record_of(fold(call(1, metadata=metadata)))
    assert [one.kind for one in record.timeline] == ["queued", "tool_started", "tool_completed"]


def test_only_a_long_text_has_a_path() -> None:
    short, long = record_of(fold(call(1, "é" * 599))), record_of(fold(call(1, "é" * 600)))
    assert short.tool_calls[0].detail_path is None
    assert long.tool_calls[0].detail_path == "artifacts/item_1.txt"
    assert len(long.tool_calls[0].output_summary or "") == 240


def test_texts_are_found_by_their_paths_and_nothing_else() -> None:
    sources = fold(call(1, "out", {"diff": "--- a\n"}), call(12, "other"))
    assert text_of(sources, "artifacts/item_1.txt") == "out"
    assert text_of(sources, "item_1.txt") == "out"
    assert text_of(sources, "artifacts/item_12.txt") == "other"
    assert text_of(sources, "artifacts/item_1-input.txt") == "{}"
    assert text_of(sources, "artifacts/item_1.patch") == "--- a\n"
    for missing in ("artifacts/item_12.patch", "result.txt", "item_1", "../item_1.txt", "item_3.txt", ""):
        assert text_of(sources, missing) is None


def test_an_output_that_went_to_a_blob_is_named_by_it() -> None:
    item = call(1, "head … tail", {"output": {"blob": "abc", "bytes": 99}})
    assert (blob_of(item), text_of(fold(item), "item_1.txt")) == ("abc", ("abc", "head … tail"))


def test_a_call_that_was_cut_off_is_canceled() -> None:
    cut = msgspec.structs.replace(call(1), status="interrupted")
    going = msgspec.structs.replace(call(2), status="in_progress", ended_at=None)
    record = record_of(fold(cut, going))
    assert [(one.status, one.duration_ms) for one in record.tool_calls] == [("canceled", 1000), ("running", None)]


@pytest.mark.parametrize(
    ("earlier", "later", "millis"),
    [
        ("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.001Z", 1),
        ("2024-02-28T23:59:59.500Z", "2024-03-01T00:00:00.000Z", 86_400_500),
        ("2023-12-31T23:59:59Z", "2024-01-01T00:00:00.25Z", 1250),
        ("2100-02-28T00:00:00.000Z", "2100-03-01T00:00:00.000Z", 86_400_000),
        ("2026-01-01T00:00:01.000Z", "2026-01-01T00:00:00.000Z", 0),
        ("", "2026-01-01T00:00:00.000Z", None),
        ("yesterday", "today", None),
    ],
)
def test_the_time_between_two_timestamps(earlier: str, later: str, millis: int | None) -> None:
    assert millis_between(earlier, later) == millis
