"""What the model's requests carry: the essential tools first, found ones at their end, the same bytes from step to step."""

from itertools import pairwise

import msgspec
import pytest

from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.messages import ModelRequest, ToolMessage
from codewhale.domain.records import Item
from codewhale.domain.requests import ClientTool
from codewhale.domain.tool_search import FindTools
from codewhale.policy.mode import Mode
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, Scene, Stage
from codewhale.tools.activation import Activation
from codewhale.tools.catalogue import Allowed, Catalogue

READS = ["read_file", "list_dir", "grep_files"]
WRITES = ["edit_file", "write_file", "apply_patch"]
TALKS = ["update_plan", "checklist_write", "request_user_input", "tool_search"]


def catalogue(mode: Mode = "agent", *, shell: bool = True, always: tuple[str, ...] = ()) -> Catalogue:
    """One on a machine that has no program."""
    return Catalogue(Allowed(mode=mode, allow_shell=shell, program=lambda _: None, always_load=always), Activation())


def names(request: ModelRequest) -> list[str]:
    return [tool.name for tool in request.tools]


def result(request: ModelRequest) -> str:
    """What the model was told last."""
    last = request.messages[-1]
    assert isinstance(last, ToolMessage)
    return last.text


def calls(scene: Scene, thread_id: str) -> list[Item]:
    return [item for item in scene.store.items(thread_id) if item.call is not None]


@pytest.mark.parametrize(
    ("mode", "shell", "expected"),
    [
        ("agent", False, [*READS, *WRITES, *TALKS]),
        ("agent", True, [*READS, *WRITES, "exec_shell", *TALKS]),
        ("yolo", False, [*READS, *WRITES, "exec_shell", *TALKS]),
        ("plan", True, [*READS, *WRITES, "exec_shell", *TALKS]),
    ],
)
def test_the_first_request_carries_the_essential_tools_in_one_order(
    mode: Mode, *, shell: bool, expected: list[str]
) -> None:
    assert [tool.name for tool in catalogue(mode, shell=shell).first] == expected


def test_tools_that_are_always_loaded_follow_the_essential_ones_in_the_order_of_the_catalogue() -> None:
    first = catalogue(always=("note", "project_map", "read_file", "no_such_tool", "pandoc_convert")).first
    assert [tool.name for tool in first] == [*READS, *WRITES, "exec_shell", *TALKS, "project_map", "note"]


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("run the tests", "run_tests"),
        ("todo", "checklist_add"),
        ("append a note", "note"),
        ("is this JSON valid?", "validate_data"),
        ("python program", "code_execution"),
        ("have it reviewed", "review"),
        ("project_map", "project_map"),
        ("earlier tool output that was shortened", "retrieve_tool_result"),
    ],
)
def test_the_best_fit_comes_first(query: str, best: str) -> None:
    found = Catalogue(Allowed(mode="agent", allow_shell=True, program=lambda name: f"/bin/{name}"), Activation())
    assert [tool.name for tool in found.search(FindTools(query=query)).found][:1] == [best]


def test_a_search_finds_five_at_most_and_says_what_is_missing_and_why() -> None:
    found = catalogue().search(FindTools(query="checklist note git image text document file run", limit=5))
    assert len(found.found) == 5
    assert ("image_ocr", "tesseract is not installed on this machine") in found.unavailable
    exact = catalogue("plan").search(FindTools(query="note, project_map", match="name"))
    assert [tool.name for tool in exact.found] == ["project_map"]
    assert exact.unavailable == (("note", "this is plan mode, where nothing is changed and nothing is run"),)
    nothing = catalogue().search(FindTools(query="xylophone"))
    assert nothing.found == ()
    assert "project_map" in nothing.others


SEARCH = """
[[reply]]
calls = [{id = "call_1", tool = "tool_search", arguments = {query = "project_map validate_data", match = "name"}}]
[[reply]]
calls = [{id = "call_2", tool = "project_map", arguments = {}}]
[[reply]]
text = "Seen."
[[reply]]
text = "Still there."
"""


def begins_alike(one: ModelRequest, other: ModelRequest) -> bool:
    """Whether `other` goes on where `one` ended, in bytes."""
    return (
        one.system == other.system
        and msgspec.json.encode(other.tools[: len(one.tools)]) == msgspec.json.encode(one.tools)
        and msgspec.json.encode(other.messages[: len(one.messages)]) == msgspec.json.encode(one.messages)
    )


async def test_found_tools_ride_at_the_end_and_the_beginning_keeps_its_bytes(stage: Stage) -> None:
    async with stage(SEARCH) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "look around")
        await scene.say(thread.id, "and now?")
        requests = scene.provider.requests
        assert names(requests[1]) == [*names(requests[0]), "project_map", "validate_data"]
        assert all(begins_alike(one, other) for one, other in pairwise(requests))
        assert msgspec.json.decode(result(requests[1]))["tool_references"] == [
            {"type": "tool_reference", "tool_name": tool.name, "description": tool.description}
            for tool in requests[1].tools[-2:]
        ]
        assert Activation(scene.store.items(thread.id)).names == ("project_map", "validate_data")
        fork = await scene.runtime.fork_thread(thread.id)
        assert Activation(scene.store.items(fork.id)).names == ("project_map", "validate_data")
        await scene.say(fork.id, "and here?")  # a thread that is folded from the log, as all are after a restart
        assert msgspec.json.encode(scene.provider.requests[-1].tools) == msgspec.json.encode(requests[1].tools)


async def test_another_mode_keeps_the_bytes_and_decides_per_call(stage: Stage) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "tool_search", arguments = {query = "note project_map", match = "name"}}]
    [[reply]]
    text = "Found."
    [[reply]]
    calls = [{id = "call_2", tool = "note", arguments = {content = "x"}}]
    [[reply]]
    text = "Planned."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "find")
        await scene.say(thread.id, "plan", TurnInput(prompt="plan", mode="plan"))
        found, planned = scene.provider.requests[1:3]
        assert names(found)[-2:] == ["project_map", "note"]
        assert names(planned) == names(found)
        assert (calls(scene, thread.id)[1].detail or "").startswith(
            "The tool note is unavailable because this is plan mode"
        )


async def test_a_valid_call_by_exact_name_runs_at_once_and_brings_the_tool_in(stage: Stage) -> None:
    script = """
    [[reply]]
    calls = [
      {id = "call_1", tool = "read_file", arguments = {path = "notes.txt"}},
      {id = "call_2", tool = "validate_data", arguments = {content = "{}"}, force = true},
    ]
    [[reply]]
    text = "Done."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "check")
        first, second = scene.provider.requests
        assert names(second) == [*names(first), "validate_data"]
        ran = calls(scene, thread.id)[1]
        assert (ran.status, ran.detail) == ("completed", "Valid JSON: an object with 0 keys.")
        assert ran.metadata == {"valid": True, "format": "json", "activated": ["validate_data"]}


async def test_a_call_that_does_not_fit_is_explained_and_brings_the_tool_in(stage: Stage) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "note", arguments = {text = "remember"}, force = true}]
    [[reply]]
    text = "Sorry."
    """
    async with stage(script) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "note it")
        assert names(scene.provider.requests[1])[-1] == "note"
        failed = calls(scene, thread.id)[0]
        assert failed.detail == (
            "note was not run: unknown field `text`; did you mean `content`?\nmissing field `content` (string).\n"
            "Fields: content: string.\nIts schema is among your tools from now on. Call it again."
        )
        assert failed.metadata == {
            "error": "invalid_input",
            "activated": ["note"],
            "event": "tool.schema_hydrated",
            "retry_required": True,
        }


async def test_what_cannot_be_called_says_why(stage: Stage) -> None:
    script = """
    [[reply]]
    calls = [
      {id = "call_1", tool = "note", arguments = {content = "x"}, force = true},
      {id = "call_2", tool = "exec_shell", arguments = {command = "true"}, force = true},
      {id = "call_3", tool = "Note", arguments = {content = "x"}, force = true},
    ]
    [[reply]]
    text = "Only planning."
    """
    async with stage(script, Defaults(model=MODEL, workspace="/", mode="plan", allow_shell=True)) as scene:
        thread = await scene.thread(NewThread(workspace=scene.workspace))
        await scene.say(thread.id, "plan")
        told = [item.detail or "" for item in calls(scene, thread.id)]
        reason = "is unavailable because this is plan mode, where nothing is changed and nothing is run."
        assert told[0].startswith(f"The tool note {reason} Available: read_file")
        assert told[1].startswith(f"The tool exec_shell {reason}")
        assert told[2].startswith("There is no tool 'Note'.")
        assert names(scene.provider.requests[1]) == names(scene.provider.requests[0])


async def test_tools_of_the_client_stand_between_the_first_and_the_found(stage: Stage) -> None:
    async with stage(SEARCH) as scene:
        thread = await scene.thread()
        brought = ClientTool(name="lookup", description="Look it up.", input_schema={"type": "object"})
        await scene.say(thread.id, "look", TurnInput(prompt="look", dynamic_tools=(brought,)))
        first, second = scene.provider.requests[:2]
        assert names(first)[-2:] == ["tool_search", "lookup"]
        assert names(second) == [*names(first), "project_map", "validate_data"]


async def test_a_compaction_asks_with_the_tools_of_the_conversation_and_keeps_what_was_used_last(stage: Stage) -> None:
    async with stage(SEARCH) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "look around")
        await scene.turn(thread.id, (await scene.runtime.compact(thread.id)).turn.id)
        await scene.say(thread.id, "and now?")
        last, summary, after = scene.provider.requests[-3:]
        assert begins_alike(last, summary)
        kept = [*names(summary)[:-2], "validate_data", "project_map"]
        assert names(after) == [*kept, "retrieve_tool_result"], "it reads what the summary left out"
