"""The worked example of the contract (Appendix A), event by event, in both streams' words."""

from typing import Any

import msgspec
import pytest

from codewhale.domain import events as e
from codewhale.domain.commands import StartedTurn
from codewhale.domain.records import Item, Thread, Turn, Usage
from codewhale.surfaces.http.oneshot import OneShot
from codewhale.surfaces.http.present import Envelopes

NOW = "2026-05-23T10:00:00.000Z"
THREAD = Thread(
    schema_version=2,
    id="thr_aaaa1111",
    created_at=NOW,
    updated_at=NOW,
    model="deepseek-v4-pro",
    workspace="/w",
    mode="agent",
    allow_shell=True,
    trust_mode=False,
    auto_approve=False,
    archived=False,
    coherence_state="healthy",
)
TURN = Turn(
    schema_version=2,
    id="turn_bbbb2222",
    thread_id=THREAD.id,
    status="in_progress",
    input_summary="list files",
    created_at=NOW,
    item_ids=(),
    steer_count=0,
)
USAGE = Usage(input_tokens=900, output_tokens=40)


def item(name: str, **fields: Any) -> Item:
    known: dict[str, Any] = {"schema_version": 2, "id": name, "turn_id": TURN.id, "summary": "", "artifact_refs": ()}
    return Item(**{**known, **fields})


USER = item("item_0001aaaa", kind="user_message", status="completed", summary="list files", detail="list files")
THOUGHT = item("item_0002bbbb", kind="agent_reasoning", status="in_progress", detail="")
SHELL = item(
    "item_0003cccc",
    kind="command_execution",
    status="in_progress",
    summary="exec_shell started",
    detail='{"command":"ls"}',
)
RAN = item(
    "item_0003cccc", kind="command_execution", status="completed", summary="exec_shell: README.md", detail="README.md\n"
)
SAID = item("item_0004dddd", kind="agent_message", status="in_progress", detail="")
CLOSED = Turn(
    schema_version=2,
    id=TURN.id,
    thread_id=THREAD.id,
    status="completed",
    input_summary="list files",
    created_at=NOW,
    ended_at=NOW,
    duration_ms=4210,
    usage=USAGE,
    item_ids=(USER.id, THOUGHT.id, SHELL.id, SAID.id),
    steer_count=0,
)
STEP = e.StepCompleted(step=1, provider="p", model="m", finish_reason="stop", duration_ms=1)

EXAMPLE: list[tuple[e.Payload, bool, str | None]] = [
    (e.ThreadStarted(thread=THREAD), False, None),
    (e.TurnStarted(turn=TURN), True, None),
    (e.ItemStarted(item=USER), True, USER.id),
    (e.ItemCompleted(item=USER), True, USER.id),
    (e.TurnLifecycle(status="in_progress"), True, None),
    (e.ItemStarted(item=THOUGHT), True, THOUGHT.id),
    (e.ItemDelta(delta="I should run ls", kind="agent_reasoning"), True, THOUGHT.id),
    (e.ItemCompleted(item=item(THOUGHT.id, kind="agent_reasoning", status="completed")), True, THOUGHT.id),
    (STEP, True, None),
    (
        e.ItemStarted(item=SHELL, tool=e.ToolStart(id="call_77", name="exec_shell", input={"command": "ls"})),
        True,
        SHELL.id,
    ),
    (e.ApprovalRequired(id="call_77", approval_id="call_77", tool_name="exec_shell", description="ls"), True, None),
    (e.ApprovalDecided(approval_id="call_77", decision="allow", remember=False), True, None),
    (e.ItemDelta(delta="README.md\n", kind="tool_call"), True, SHELL.id),
    (e.ItemCompleted(item=RAN), True, SHELL.id),
    (e.ItemStarted(item=SAID), True, SAID.id),
    (e.ItemDelta(delta="There is one file", kind="agent_message"), True, SAID.id),
    (e.ItemCompleted(item=item(SAID.id, kind="agent_message", status="completed")), True, SAID.id),
    (e.TurnCompleted(turn=CLOSED), True, None),
]


def log(example: list[tuple[e.Payload, bool, str | None]]) -> list[e.Event]:
    return [
        e.recorded(
            seq,
            e.NewEvent(
                timestamp=NOW,
                thread_id=THREAD.id,
                turn_id=TURN.id if in_turn else None,
                item_id=item_id,
                payload=payload,
            ),
        )
        for seq, (payload, in_turn, item_id) in enumerate(example, 1)
    ]


def parsed(frames: list[bytes]) -> list[tuple[dict[str, str], Any]]:
    found: list[tuple[dict[str, str], Any]] = []
    for frame in frames:
        text = frame.decode()
        assert text.endswith("\n\n")
        fields = dict(line.split(": ", 1) for line in text[:-2].split("\n"))
        found.append((fields, msgspec.json.decode(fields["data"])))
    return found


def test_the_worked_example_as_thread_events() -> None:
    events = log(EXAMPLE)
    sent = parsed(Envelopes(0).frames(events))
    public = [event for event in events if event.event != "step.completed"]
    previous = 0
    for (fields, envelope), event in zip(sent, public, strict=True):
        assert list(fields) == ["event", "id", "data"]
        assert (fields["event"], fields["id"]) == (event.event, str(event.seq))
        assert envelope == {
            "seq": event.seq,
            "timestamp": NOW,
            "thread_id": "thr_aaaa1111",
            "turn_id": event.turn_id,
            "item_id": event.item_id,
            "event": event.event,
            "kind": event.event,
            "previous_seq": previous,
            "schema_version": 1,
            "created_at": NOW,
            "payload": msgspec.json.decode(event.payload),
        }
        previous = event.seq
    assert sent[9][1]["payload"] == {
        "id": "call_77",
        "approval_id": "call_77",
        "tool_name": "exec_shell",
        "description": "ls",
    }


def test_a_frame_byte_by_byte() -> None:
    events = log([(e.ItemDelta(delta="a\nb", kind="agent_message"), True, "item_90ab12cd")])
    assert b"".join(Envelopes(0).frames(events)) == (
        b"event: item.delta\n"
        b"id: 1\n"
        b'data: {"seq":1,"timestamp":"2026-05-23T10:00:00.000Z","thread_id":"thr_aaaa1111","turn_id":"turn_bbbb2222",'
        b'"item_id":"item_90ab12cd","event":"item.delta","kind":"item.delta","previous_seq":0,"schema_version":1,'
        b'"created_at":"2026-05-23T10:00:00.000Z","payload":{"delta":"a\\nb","kind":"agent_message"}}\n'
        b"\n"
    )


def test_batches_do_not_change_what_is_sent() -> None:
    events = log(EXAMPLE)
    whole = Envelopes(0).frames(events)
    for size in range(1, len(events)):
        envelopes = Envelopes(0)
        assert [f for at in range(0, len(events), size) for f in envelopes.frames(events[at : at + size])] == whole


def test_what_the_cursor_has_seen_is_not_sent_again() -> None:
    envelopes = Envelopes(4)
    assert [fields["id"] for fields, _ in parsed(envelopes.frames(log(EXAMPLE)[:6]))] == ["5", "6"]
    assert envelopes.frames(log(EXAMPLE)[:6]) == []


def test_a_fork_tells_where_it_comes_from_but_not_its_whole_history() -> None:
    forked = e.ThreadForked(
        thread=THREAD, source_thread_id="thr_0000", turns=(TURN,), items=(USER,), dropped_turn_id="turn_1"
    )
    payload = parsed(Envelopes(0).frames(log([(forked, False, None)])))[0][1]["payload"]
    assert payload == {
        "thread": msgspec.to_builtins(THREAD),
        "source_thread_id": "thr_0000",
        "dropped_turn_id": "turn_1",
    }


def one_shot(example: list[tuple[e.Payload, bool, str | None]]) -> list[tuple[str, Any]]:
    presenter = OneShot(StartedTurn(thread=THREAD, turn=TURN), model="deepseek-v4-pro", mode="agent")
    frames = presenter.opening() + presenter.frames(log(example))
    return [(fields["event"], data) for fields, data in parsed(frames)]


OPENED = (
    "turn.started",
    {
        "thread_id": "thr_aaaa1111",
        "turn_id": "turn_bbbb2222",
        "model": "deepseek-v4-pro",
        "mode": "agent",
        "workspace": "/w",
    },
)


def test_the_worked_example_as_a_one_shot_stream() -> None:
    approval = {"id": "call_77", "approval_id": "call_77", "tool_name": "exec_shell", "description": "ls"}
    usage = {"input_tokens": 900, "output_tokens": 40}
    assert one_shot(EXAMPLE) == [
        OPENED,
        (
            "tool.started",
            {"id": "call_77", "item_id": "item_0003cccc", "name": "exec_shell", "input": {"command": "ls"}},
        ),
        ("approval.required", approval),
        ("approval.decided", {"approval_id": "call_77", "decision": "allow", "remember": False}),
        ("tool.progress", {"id": "call_77", "item_id": "item_0003cccc", "output": "README.md\n"}),
        ("tool.completed", {"id": "call_77", "item_id": "item_0003cccc", "success": True, "output": "README.md\n"}),
        ("message.delta", {"content": "There is one file"}),
        ("turn.completed", {"usage": usage, "status": "completed", "error": None}),
        ("done", {}),
    ]


@pytest.mark.parametrize("status", ["failed", "interrupted"])
def test_a_tool_that_does_not_succeed_still_ends(status: Any) -> None:
    ended = item(SHELL.id, kind="command_execution", status=status, summary="exec_shell failed: no")
    event = e.ItemFailed(item=ended) if status == "failed" else e.ItemInterrupted(item=ended)
    seen = one_shot([*EXAMPLE[9:10], (event, True, SHELL.id)])
    assert seen[2] == (
        "tool.completed",
        {"id": "call_77", "item_id": "item_0003cccc", "success": False, "output": "exec_shell failed: no"},
    )


def test_a_turn_that_fails_says_so_and_nothing_follows_done() -> None:
    broken = item("item_9", kind="error", status="failed", summary="no key", detail="The provider refused the key")
    failed = msgspec.structs.replace(CLOSED, status="failed", error="The provider refused the key", usage=None)
    note = item("item_8", kind="status", status="completed", summary="Retrying")
    seen = one_shot(
        [
            (e.ItemCompleted(item=note), True, note.id),
            (e.ItemFailed(item=broken), True, broken.id),
            (e.TurnCompleted(turn=failed), True, None),
            (e.ItemDelta(delta="late", kind="agent_message"), True, "item_7"),
        ]
    )
    assert seen == [
        OPENED,
        ("status", {"message": "Retrying"}),
        ("error", {"message": "The provider refused the key"}),
        ("turn.completed", {"usage": None, "status": "failed", "error": "The provider refused the key"}),
        ("done", {}),
    ]
