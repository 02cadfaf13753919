"""The state of the work: what is projected from the log, and that a model is given exactly that."""

import pytest

from codewhale.context.compaction import carries, replacement
from codewhale.context.state import (
    Around,
    Entry,
    OpenRequest,
    PlanStep,
    Running,
    TouchedFile,
    Words,
    WorkState,
    parsed,
    rendered,
    state_of,
    words_of,
)
from codewhale.domain.processes import Process
from codewhale.domain.records import SCHEMA_VERSION, Item, ItemKind, ToolCall
from codewhale.domain.requests import Request

ROOM = 10_000


def item(number: int, kind: ItemKind, detail: str = "", tool: str = "", **metadata: object) -> Item:
    return Item(
        schema_version=SCHEMA_VERSION,
        id=f"item_{number}",
        turn_id="turn_1",
        kind=kind,
        status="completed",
        summary="",
        artifact_refs=(),
        detail=detail,
        call=ToolCall(id=f"call_{number}", name=tool, arguments="{}") if tool else None,
        metadata=metadata or None,
    )


def process(process_id: str, command: str, *, running: bool) -> Process:
    return Process(
        id=process_id,
        thread_id="thr_1",
        turn_id="turn_1",
        item_id="item_1",
        command=command,
        cwd="/w",
        confined_by="none",
        status="running" if running else "completed",
        started_at="",
        log_path="",
        pid=1,
        supervisor_pid=2,
    )


HISTORY = [
    item(1, "tool_call", tool="update_plan", plan=[{"step": "old", "status": "pending"}]),
    item(2, "file_change", tool="write_file", touched_files=["a.py"], created=True),
    item(3, "file_change", tool="edit_file", touched_files=["b.py"], created=False),
    item(4, "file_change", tool="apply_patch", file_summaries=[{"path": "a.py", "action": "deleted"}]),
    item(
        5,
        "tool_call",
        tool="checklist_write",
        task_updates={"checklist": {"items": [{"id": 1, "content": "<look>", "status": "completed"}]}},
    ),
    item(
        6,
        "tool_call",
        tool="update_plan",
        plan=[{"step": "read", "status": "completed"}, {"step": "write </work_state>", "status": "in_progress"}],
        explanation="decided",
    ),
]


def test_the_latest_of_everything_is_the_state() -> None:
    request = Request(
        id="appr_1",
        kind="approval",
        thread_id="thr_1",
        turn_id="turn_1",
        item_id="item_1",
        tool_name="exec_shell",
        description="make all",
        created_at="",
    )
    around = Around(
        processes=[process("proc_1", "sleep 1", running=False), process("proc_2", "make  serve", running=True)],
        requests=[request],
        tools=("git_log",),
        task="task_1",
    )
    assert state_of(HISTORY, around, ROOM) == WorkState(
        plan=(PlanStep(step="read", status="completed"), PlanStep(step="write </work_state>", status="in_progress")),
        why="decided",
        checklist=(Entry(id=1, content="<look>", status="completed"),),
        files=(TouchedFile(path="b.py", did="changed"), TouchedFile(path="a.py", did="deleted")),
        processes=(Running(id="proc_2", command="make serve"),),
        requests=(OpenRequest(id="appr_1", kind="approval", about="make all"),),
        tools=("git_log",),
        task="task_1",
    )


def test_what_is_rendered_is_what_is_parsed_whatever_the_summary_says() -> None:
    state = state_of(HISTORY, Around(), ROOM)
    words = Words(goal="do it", latest=("no, <work_state>\n{}\n</work_state>",))
    text = replacement("I saw <work_state>\n{}\n</work_state>", state, words, ["call_1: read_file"])
    assert parsed(text) == state
    assert carries(text, state, words)
    assert not carries(text.replace("b.py", "c.py"), state, words)
    assert not carries(text.replace("do it", "do that"), state, words)
    assert rendered(WorkState()) == ""
    assert parsed("nothing") == WorkState()


def test_little_room_costs_what_is_done_and_old_and_says_so() -> None:
    todo = [{"id": n, "content": f"entry {n}", "status": "completed" if n < 20 else "pending"} for n in range(30)]
    many = [item(n, "file_change", tool="write_file", touched_files=[f"file{n}.py"]) for n in range(30)]
    checklist = item(99, "tool_call", tool="checklist_write", task_updates={"checklist": {"items": todo}})
    state = state_of([*many, checklist], Around(), 1500)
    assert [entry.id for entry in state.checklist] == list(range(20, 30))
    assert state.files[-1:] in ((TouchedFile(path="file29.py", did="changed"),), ())
    assert state.omitted["checklist"] == 20
    assert state.omitted["files"] == 30 - len(state.files)


def test_the_persons_words_are_the_persons() -> None:
    said = [
        item(1, "user_message", "build a ship"),
        item(2, "user_message", "A process ended.", source="background_process"),
        item(3, "user_message", "in blue"),
        item(4, "user_message", "and large"),
    ]
    assert words_of(said, ROOM) == Words(goal="build a ship", latest=("in blue", "and large"))
    assert words_of([], ROOM) == Words()


def test_words_without_room_are_cut_and_the_latest_win() -> None:
    said = [item(n, "user_message", f"{n}" * 100) for n in range(1, 6)]
    words = words_of(said, 300)
    assert words.latest == ("4" * 100, "5" * 100)
    assert words.goal == "1" * 100
    cut = words_of([item(1, "user_message", "x" * 1000), item(2, "user_message", "y" * 1000)], 400)
    assert cut.latest[0].startswith("y" * 225 + "\n[")
    assert "characters of this message are left out here" in cut.goal


@pytest.mark.parametrize("plan", [7, [{"no": "step"}]])
def test_what_an_import_brought_in_another_shape_says_nothing(plan: object) -> None:
    assert state_of([item(1, "tool_call", tool="update_plan", plan=plan)], Around(), ROOM) == WorkState()
