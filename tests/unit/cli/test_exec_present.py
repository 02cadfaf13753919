"""What `exec` makes of a turn's events: pieces of text, stream-json, the summary, the exit code."""

from typing import Any

import pytest

from codewhale.domain import events as e
from codewhale.domain.decisions import CallDecided
from codewhale.domain.records import Status
from codewhale.surfaces.cli import present
from codewhale.surfaces.cli.present import Progress
from codewhale.surfaces.cli.terminal import Piece, clean
from codewhale.testing.turn_script import THREAD_ID, TURN_ID, TurnScript, ended_turn, made_item

DIFF = "--- a\n+++ b\n-x = 1\n+x = 2\n"
USAGE = "— thread thr_1 · 1,200 tokens in (1,000 cached), 34 out"


@pytest.fixture
def script() -> TurnScript:
    return TurnScript()


def progress() -> Progress:
    return Progress(thread_id=THREAD_ID, turn_id=TURN_ID, model="m", prompt="do it", mode="agent")


def texts(script: TurnScript) -> list[Piece]:
    seen = progress()
    return [piece for event in script.events for piece in present.text(seen, event)]


def lines(script: TurnScript) -> list[dict[str, Any]]:
    seen = progress()
    out = [line for event in script.events for line in present.stream(seen, event)]
    assert all((line.pop("schema"), line.pop("schema_version")) == ("codewhale.exec-stream", 1) for line in out)
    return out


def work(script: TurnScript) -> TurnScript:
    """A turn that says something, reads, edits, is refused something, and ends."""
    script.said("i1", "Let me", " look.")
    script.called("i2", "read_file", {"path": "a.py"}).returned("i2", "x = 1\n")
    script.called("i3", "edit_file", {"path": "a.py", "search": "1"}).returned("i3", "edited", diff=DIFF)
    script.called("i4", "exec_shell", {"command": "rm  -rf\n/"}).refused("i4", "Denied: no.", "permission_denied")
    return script.said("i5", "Done.\n").ended()


def test_text_shows_the_answer_as_it_comes_and_one_line_per_tool(script: TurnScript) -> None:
    assert texts(work(script)) == [
        Piece("answer", "Let me"),
        Piece("answer", " look."),
        Piece("answer", "\n"),
        Piece("note", "→ read_file  a.py"),
        Piece("note", "→ edit_file  a.py"),
        Piece("note", "  --- a\n  +++ b\n  -x = 1\n  +x = 2"),
        Piece("note", "→ exec_shell  rm -rf /"),
        Piece("problem", "  failed: Denied: no."),
        Piece("answer", "Done.\n"),
        Piece("note", f"{USAGE} · 3 tool calls"),
    ]


def test_a_commands_output_is_shown_by_its_last_lines(script: TurnScript) -> None:
    start = e.ToolStart(id="call_1", name="exec_shell", input={"command": "make"})
    output = "\n".join(f"line {n}" for n in range(1, 13))
    script.add(e.ItemStarted(item=made_item("i1", "command_execution", "in_progress"), tool=start), "i1")
    script.add(e.ItemCompleted(item=made_item("i1", "command_execution", "completed", output)), "i1")
    shown = "\n".join(["  … 4 more lines", *(f"  line {n}" for n in range(5, 13))])
    assert texts(script) == [Piece("note", "→ exec_shell  make"), Piece("note", shown)]


def test_what_was_not_asked_says_by_which_rule_and_what_confines_it(script: TurnScript) -> None:
    decided = CallDecided(
        call_id="call_i1",
        tool="exec_shell",
        verdict="allow",
        rule="auto_approve",
        reason="",
        trail=(),
        effects=("execute",),
        workspace="/ws",
        confined_by="bubblewrap, workspace-write",
    )
    script.called("i1", "exec_shell", {"command": "make"}).add(decided, "i1")
    script.returned("i1", "made", confined_by="bubblewrap")
    assert texts(script)[:2] == [
        Piece("note", "→ exec_shell  make"),
        Piece("note", "  allowed   [auto_approve], confined bubblewrap, workspace-write"),
    ]
    assert lines(script)[-1]["confined_by"] == "bubblewrap"


def test_what_confined_a_program_is_said_by_its_result_where_decisions_are_not_sent(script: TurnScript) -> None:
    for number, held in enumerate(("none", "landlock")):
        start = e.ToolStart(id=f"call_{number}", name="exec_shell", input={"command": "make"})
        script.add(e.ItemStarted(item=made_item(f"i{number}", "command_execution", "in_progress"), tool=start))
        done = made_item(f"i{number}", "command_execution", "completed", "", {"confined_by": held})
        script.add(e.ItemCompleted(item=done))
    assert [piece.text for piece in texts(script)] == [
        "→ exec_shell  make",
        "  confined not at all: programs run with all that you may do",
        "→ exec_shell  make",
        "  confined landlock",
    ]


def test_stream_json_has_one_object_per_thing(script: TurnScript) -> None:
    assert lines(work(script)) == [
        {"type": "content", "content": "Let me"},
        {"type": "content", "content": " look."},
        {"type": "tool_use", "name": "read_file", "id": "call_i2", "input": {"path": "a.py"}},
        {"type": "tool_result", "id": "call_i2", "output": "x = 1\n", "status": "success"},
        {"type": "tool_use", "name": "edit_file", "id": "call_i3", "input": {"path": "a.py", "search": "1"}},
        {"type": "tool_result", "id": "call_i3", "output": "edited", "status": "success"},
        {"type": "tool_use", "name": "exec_shell", "id": "call_i4", "input": {"command": "rm  -rf\n/"}},
        {
            "type": "tool_result",
            "id": "call_i4",
            "output": "Denied: no.",
            "status": "error",
            "error_category": "permission_denied",
        },
        {"type": "content", "content": "Done.\n"},
        {
            "type": "metadata",
            "meta": {
                "model": "m",
                "input_tokens": 1200,
                "output_tokens": 34,
                "session_id": "thr_1",
                "status": "completed",
            },
        },
        {"type": "done"},
    ]


def test_the_summary_has_the_last_answer_and_every_tool(script: TurnScript) -> None:
    seen = progress()
    for event in work(script).events:
        present.take(seen, event)
    assert seen.ended is not None
    assert present.summary(seen, seen.ended) == {
        "mode": "agent",
        "model": "m",
        "success": True,
        "prompt": "do it",
        "output": "Done.\n",
        "tools": [
            {"name": "read_file", "success": True, "output": "x = 1\n"},
            {"name": "edit_file", "success": True, "output": "edited"},
            {"name": "exec_shell", "success": False, "output": "Denied: no."},
        ],
        "status": "completed",
        "error": None,
        "error_code": None,
        "session_id": "thr_1",
        "usage": {"input_tokens": 1200, "output_tokens": 34, "prompt_cache_hit_tokens": 1000},
    }


def test_a_failed_turn_says_why_once(script: TurnScript) -> None:
    script.add(e.ItemCompleted(item=made_item("i1", "error", "completed", "the model is gone")), "i1")
    script.ended("failed", "the model is gone", "provider_network")
    assert texts(script) == [
        Piece("problem", "! the model is gone"),
        Piece("problem", "failed"),
        Piece("note", USAGE),
    ]
    assert lines(script)[-2:] == [
        {"type": "error", "error": "the model is gone", "code": "provider_network"},
        {"type": "done"},
    ]


def test_an_answer_without_deltas_is_shown_whole(script: TurnScript) -> None:
    done = e.ItemCompleted(item=made_item("i1", "agent_message", "completed", "All of it."))
    script.add(done, "i1")
    assert texts(script) == [Piece("answer", "All of it."), Piece("answer", "\n")]
    assert lines(script) == [{"type": "content", "content": "All of it."}]


def test_reasoning_is_not_part_of_the_answer(script: TurnScript) -> None:
    script.add(e.ItemDelta(delta="hmm", kind="agent_reasoning"), "i1")
    assert (texts(script), lines(script)) == ([], [])


def test_other_turns_and_events_seen_before_change_nothing(script: TurnScript) -> None:
    script.said("i1", "once")
    seen = progress()
    first = [p for event in script.events for p in present.text(seen, event)]
    assert first
    assert [p for event in script.events for p in present.text(seen, event)] == []
    stranger = Progress(thread_id=THREAD_ID, turn_id="turn_other")
    assert [p for event in script.events for p in present.text(stranger, event)] == []


def test_what_waits_is_known_until_it_is_answered(script: TurnScript) -> None:
    asked = e.ApprovalRequired(id="a", approval_id="a", tool_name="exec_shell", description="ls")
    seen = progress()
    script.add(asked).add(e.ApprovalDecided(approval_id="a", decision="allow", remember=False))
    present.take(seen, script.events[0])
    assert seen.waiting == {"a": asked}
    present.take(seen, script.events[1])
    assert seen.waiting == {}


@pytest.mark.requirement("BUG-52")
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        ("completed", None, 0),
        ("failed", "provider_network", 1),
        ("failed", "step_limit", 75),
        ("interrupted", "interrupted", 75),
        ("canceled", None, 75),
    ],
)
def test_the_exit_code_tells_how_the_turn_ended(status: Status, code: str | None, expected: int) -> None:
    assert present.exit_code(ended_turn(status, "why", code)) == expected


def test_control_characters_never_reach_the_terminal() -> None:
    hostile = "a\x1b[2Jb\x07c\rd\x9b1me\u202ef\tg\nh\x00"
    assert clean(hostile) == "abc\nd1mef\tg\nh"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"path": "a", "command": "ls"}, "ls"),
        ({"pattern": "x" * 400}, "x" * 159 + "…"),
        ({"unknown": "z"}, ""),
        ("not json", "not json"),
        (None, ""),
    ],
)
def test_a_call_is_named_by_what_tells_most(given: object, shown: str) -> None:
    assert present.about(given) == shown


def test_text_shows_what_an_edit_broke(script: TurnScript) -> None:
    reports = [
        {"path": "a.py", "brought": 2, "gone": 0, "pending": False},
        {"path": "b.py", "brought": 0, "gone": 1, "pending": False},
        {"path": "c.py", "brought": 0, "gone": 0, "pending": True},
    ]
    script.called("i1", "edit_file", {"path": "a.py"}).returned("i1", "edited", diff=DIFF, diagnostics=reports)
    assert texts(script)[-1] == Piece(
        "note",
        "  --- a\n  +++ b\n  -x = 1\n  +x = 2\n  a.py: 2 new errors, told to the model\n  c.py: not checked yet",
    )


def test_what_confines_a_program_is_not_said_twice(script: TurnScript) -> None:
    start = e.ToolStart(id="call_1", name="exec_shell", input={"command": "make"})
    script.add(e.ItemStarted(item=made_item("i1", "command_execution", "in_progress"), tool=start), "i1")
    asked = e.ApprovalRequired(
        id="a1",
        approval_id="a1",
        tool_name="exec_shell",
        description="Run: make",
        item_id="i1",
        confined_by="landlock, x",
    )
    script.add(asked)
    done = made_item("i1", "command_execution", "completed", "made", {"confined_by": "landlock"})
    script.add(e.ItemCompleted(item=done), "i1")
    assert [piece.text for piece in texts(script)] == ["→ exec_shell  make", "  made"]
