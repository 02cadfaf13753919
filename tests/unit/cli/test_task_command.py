"""`codewhale task`: what bad words say, and tasks as text. Running them is tested as a process."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from codewhale.domain.task_record import (
    Attempt,
    Checklist,
    ChecklistItem,
    Gate,
    GithubEvent,
    TaskArtifact,
    TaskRecord,
    TimelineEntry,
)
from codewhale.domain.tasks import TaskCounts, TaskSummary
from codewhale.surfaces.cli.task_text import counted, shown, state, table

Codewhale = Callable[..., Any]

RECORD = TaskRecord(
    schema_version=2,
    id="task_1",
    prompt="tidy\nup",
    model="m",
    workspace="/w",
    mode="agent",
    allow_shell=False,
    trust_mode=False,
    auto_approve=False,
    status="queued",
    created_at="2026-01-01T10:20:30.000Z",
    started_at=None,
    ended_at=None,
    duration_ms=None,
    runtime_event_count=0,
    checklist=Checklist(),
    gates=(),
    attempts=(),
    artifacts=(),
    github_events=(),
    tool_calls=(),
    timeline=(TimelineEntry(timestamp="2026-01-01T10:20:30.000Z", kind="queued", summary="Task queued"),),
)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["task", "show"], "error: `task show` needs the id of one task\nhint: `codewhale task list` shows them"),
        (["task", "cancel", "a", "b"], "error: `task cancel` needs the id of one task"),
        (["task", "list", "x"], "error: `task list` takes no id\nhint: `codewhale task show x`?"),
        (["task", "list", "--limit", "0"], "error: --limit must be at least 1"),
        (["task", "list", "--wait"], "error: --wait is for `task add`"),
        (["task", "add", "x", "--all"], "error: --all is for `task list`"),
        (["task", "show", "x", "--artifact", "y"], "error: --artifact is for `task logs`"),
        (["task", "logs", "x", "--json"], "error: --json is not for `task logs`"),
        (["task", "add", "--wait", "x", "--bogus"], "error: unknown option --bogus for `codewhale task`"),
    ],
)
def test_words_that_make_no_sense(codewhale: Codewhale, words: list[str], says: str) -> None:
    done = codewhale(*words)
    assert done.code == 2
    assert says in done.err


@pytest.mark.parametrize("action", ["show", "logs", "cancel"])
def test_where_nothing_was_ever_queued(codewhale: Codewhale, action: str) -> None:
    done = codewhale("task", action, "task_1")
    assert (done.code, "there are no tasks in" in done.err) == (1, True)
    assert codewhale("task", "list").out == "No tasks.\n"
    assert codewhale("task", "list", "--json").out == "[]\n"


def test_a_task_that_waits() -> None:
    assert shown(RECORD) == (
        "task_1 queued\n"
        "  folder   /w\n"
        "  model    m, mode agent\n"
        "\n"
        "> tidy\n"
        "> up\n"
        "\n"
        "10:20:30  queued           Task queued\n"
    )


def test_a_task_with_everything() -> None:
    record = replace(
        RECORD,
        status="failed",
        duration_ms=1500,
        error="it broke",
        thread_id="thr_1",
        result_summary="Half of it.",
        checklist=Checklist(
            items=(
                ChecklistItem(id=1, content="one", status="completed"),
                ChecklistItem(id=2, content="two", status="in_progress"),
                ChecklistItem(id=3, content="three", status="pending"),
            ),
            completion_pct=33,
        ),
        origin_thread_id="thr_2",
        origin_turn_id="turn_9",
        gates=(
            Gate(
                id="gate_1",
                gate="test",
                command="make\ntest",
                cwd="/w",
                exit_code=1,
                status="failed",
                classification="test_failure",
                duration_ms=1,
                summary="exit code 1, test_failure",
                recorded_at="",
                log_path="artifacts/i-gate.log",
            ),
        ),
        attempts=(
            Attempt(
                id="attempt_1",
                attempt_group_id="fix",
                attempt_index=1,
                attempt_count=2,
                summary="the short\nway",
                changed_files=("a.py",),
                verification=(),
                selected=False,
                recorded_at="",
                patch_path="artifacts/i-attempt.patch",
            ),
        ),
        github_events=(
            GithubEvent(
                id="github_1",
                action="comment",
                target="issue",
                number=5,
                summary="Said it.",
                url="https://github.com/a/b/issues/5",
                recorded_at="",
            ),
        ),
        artifacts=(TaskArtifact(label="log", path="artifacts/log.txt", summary="", created_at=""),),
        timeline=(
            TimelineEntry(
                timestamp="2026-01-01T10:20:31.000Z", kind="message", summary="a\nb", detail_path="artifacts/i.txt"
            ),
        ),
    )
    assert state(record) == "task_1 failed after 1.5 s: it broke"
    assert shown(record).splitlines()[3:] == [
        "  thread   thr_1",
        "  from     thr_2, turn_9",
        "",
        "> tidy",
        "> up",
        "",
        "Half of it.",
        "",
        "checklist, 33 %",
        "  [x] one",
        "  [~] two",
        "  [ ] three",
        "",
        "gate test: failed  exit code 1, test_failure  `make test`  (artifacts/i-gate.log)",
        "attempt 1/2 of fix: 1 files, the short way  (artifacts/i-attempt.patch)",
        "github comment: Said it.  https://github.com/a/b/issues/5",
        "artifact log: artifacts/log.txt",
        "10:20:31  message          a b  (artifacts/i.txt)",
    ]


def test_a_list_of_tasks() -> None:
    row = TaskSummary(
        id="task_1",
        status="running",
        prompt_summary="tidy\nup " + "x" * 100,
        model="m",
        mode="agent",
        created_at="2026-01-01T10:20:30.000Z",
        started_at=None,
        ended_at=None,
        duration_ms=None,
        workspace="/w",
    )
    assert table([row], folders=True) == f"task_1  2026-01-01 10:20  running    tidy up {'x' * 52}  /w\n"
    assert counted(TaskCounts(queued=2, failed=1)) == "2 queued, 1 failed"
    assert counted(TaskCounts()) == "no tasks"
    assert "workspace" in msgspec.to_builtins(row)
