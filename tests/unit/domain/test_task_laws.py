"""The laws of a task's stream: queued once and first, then on to one end, and nothing after it."""

import pytest
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.laws import violations
from codewhale.domain.tasks import Task, TaskChange, TaskStatus

TASK = Task(
    schema_version=2,
    id="task_1",
    prompt="p",
    model="m",
    workspace="/w",
    mode="agent",
    allow_shell=False,
    trust_mode=False,
    auto_approve=False,
    status="queued",
    created_at="2026-01-01T00:00:00.000Z",
)
Step = tuple[TaskChange, TaskStatus]


def stream(*steps: Step, on: str = "task_1") -> list[e.Event]:
    return [
        e.recorded(
            seq,
            e.NewEvent(
                timestamp=TASK.created_at,
                thread_id=on,
                payload=e.TaskUpdated(task=replace(TASK, status=status), change=change),
            ),
        )
        for seq, (change, status) in enumerate(steps, 1)
    ]


@pytest.mark.parametrize(
    "steps",
    [
        [("queued", "queued")],
        [("queued", "queued"), ("canceled", "canceled")],
        [("queued", "queued"), ("running", "running"), ("runtime_link", "running"), ("finished", "completed")],
        [("queued", "queued"), ("running", "running"), ("cancel_requested", "running"), ("canceled", "canceled")],
        [("queued", "queued"), ("running", "running"), ("recovered", "failed")],
    ],
)
def test_lives_that_a_task_can_have(steps: list[Step]) -> None:
    assert violations(stream(*steps)) == []


@pytest.mark.parametrize(
    ("steps", "broken"),
    [
        ([("running", "running")], ["seq 1: task task_1: running first"]),
        ([("queued", "queued"), ("queued", "queued")], ["seq 2: task task_1: queued again"]),
        (
            [("queued", "queued"), ("canceled", "canceled"), ("running", "running")],
            ["seq 3: task task_1 changed after it had ended"],
        ),
        (
            [("queued", "queued"), ("running", "running"), ("recovered", "queued")],
            ["seq 3: task task_1 went back into the queue"],
        ),
    ],
)
def test_lives_that_it_cannot_have(steps: list[Step], broken: list[str]) -> None:
    assert violations(stream(*steps)) == broken


def test_a_task_stays_on_its_own_stream() -> None:
    assert violations(stream(("queued", "queued"), on="task_2")) == ["seq 1: task task_1 on the stream task_2"]
