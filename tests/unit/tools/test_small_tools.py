"""Checklists, notes, data checks, the project map and earlier outputs, through a whole runtime where the log matters."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.kept_outputs import ReadOutput
from codewhale.domain.records import Item
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import Origin, R, Wish
from codewhale.runtime.wishes import FAMILIES, outputs
from codewhale.runtime.wishes import notes as notes_wishes
from codewhale.testing.scene import Scene, Stage
from codewhale.tools.registry import find
from codewhale.tools.schema import parse_arguments
from codewhale.tools.tool import ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes


async def nobody(wish: Wish[R]) -> R:
    raise ToolError(f"nobody grants {wish}", category="not_available")


@pytest.fixture
def context(tmp_path: Path) -> Iterator[ToolContext]:
    processes = Processes({"PATH": "/usr/local/bin:/usr/bin:/bin"})
    yield ToolContext(files=Files(str(tmp_path)), processes=processes, progress=list[str]().append, ask=nobody)
    processes.close()


async def call(context: ToolContext, name: str, arguments: object) -> ToolOutput:
    tool = find(name)
    assert tool is not None
    return await tool.run(parse_arguments(tool, msgspec.json.encode(arguments).decode()), context)


def script(*steps: tuple[str, ...]) -> str:
    """A step for each tuple, making these calls (`tool {arguments}`, numbered through), then an answer."""
    number = 0
    replies: list[str] = []
    for step in steps:
        made: list[str] = []
        for text in step:
            number += 1
            tool, _, arguments = text.partition(" ")
            made.append(f'{{id = "call_{number}", tool = "{tool}", arguments = {arguments}, force = true}}')
        replies.append(f"[[reply]]\ncalls = [{', '.join(made)}]\n")
    return "".join([*replies, '[[reply]]\ntext = "Done."\n'])


def results(scene: Scene, thread_id: str) -> list[str]:
    return [item.detail or "" for item in ended(scene, thread_id)]


def ended(scene: Scene, thread_id: str) -> list[Item]:
    return [item for item in scene.store.items(thread_id) if item.call is not None]


async def test_a_checklist_is_changed_item_by_item_in_the_order_of_the_calls(stage: Stage) -> None:
    calls = (
        'checklist_add {content = "read"}',
        'checklist_add {content = "fix", status = "in_progress"}',
        'checklist_add {content = "test", status = "in_progress"}',
        'checklist_update {id = 1, status = "completed"}',
        'checklist_update {id = 9, status = "completed"}',
        "checklist_list {}",
    )
    async with stage(script(calls)) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "plan it")
        listed = "1 of 2 items completed.\n[x] 1. read\n[>] 2. fix"
        assert results(scene, thread.id) == [
            "Added item 1.\n0 of 1 items completed.\n[ ] 1. read",
            "Added item 2.\n0 of 2 items completed.\n[ ] 1. read\n[>] 2. fix",
            "Only one item can be in_progress; 2 would be: 2, 3. Nothing was changed.",
            listed,
            f"The checklist has no item 9.\n{listed}",
            listed,
        ]
        updated = ended(scene, thread.id)[3].metadata
        assert updated is not None
        assert updated["task_updates"] == {
            "checklist": {
                "items": [
                    {"id": 1, "content": "read", "status": "completed"},
                    {"id": 2, "content": "fix", "status": "in_progress"},
                ],
                "completion_pct": 50,
                "in_progress_id": 2,
            }
        }


async def test_a_note_needs_a_notes_file(stage: Stage) -> None:
    async with stage(script(('note {content = "remember"}',))) as scene:
        thread = await scene.thread()
        await scene.say(thread.id, "note it")
        assert results(scene, thread.id) == ["There is no notes file here."]


def test_notes_are_appended_and_bounded(tmp_path: Path) -> None:
    path = tmp_path / "home" / "notes.txt"
    notes_wishes.append(str(path), "first")
    notes_wishes.append(str(path), "second\nline")
    assert path.read_text() == "\n---\nfirst\n\n---\nsecond\nline\n"
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"x" * notes_wishes.MOST_BYTES)
    with pytest.raises(ToolError, match="is full"):
        notes_wishes.append(str(path), "more")


def test_every_wish_has_its_family() -> None:
    assert {"CurrentChecklist", "AddNote", "ReadOutput", "Notify", "AskModel"} <= FAMILIES.keys()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"content": '{"a": 1, "b": []}'}, "Valid JSON: an object with 2 keys (a, b)."),
        ({"content": "[1, 2]"}, "Valid JSON: a list of 2 values."),
        ({"content": "a = 1"}, "Valid TOML: an object with 1 keys (a)."),
        ({"path": "good.toml"}, "Valid TOML: an object with 1 keys (name)."),
        ({"path": "bad.json"}, "Not valid JSON: JSON is malformed: expected ':' (line 2, column 7)."),
        ({"content": '{"a": 1, "a": 2}', "format": "json"}, "Not valid JSON: given the field `a` twice."),
    ],
)
async def test_data_is_checked(context: ToolContext, tmp_path: Path, arguments: object, text: str) -> None:
    (tmp_path / "good.toml").write_text('name = "x"\n')
    (tmp_path / "bad.json").write_text('{\n  "a" 1\n}\n')
    assert (await call(context, "validate_data", arguments)).text == text


async def test_data_comes_from_one_place(context: ToolContext) -> None:
    for arguments in ({}, {"path": "a", "content": "b"}):
        with pytest.raises(ToolError, match="either `path` or `content`"):
            await call(context, "validate_data", arguments)


async def test_a_map_is_as_deep_as_wanted(context: ToolContext, tmp_path: Path) -> None:
    for path in ("src/app/main.py", "src/app/deep/a.py", "src/app/deep/b.py", "node_modules/x/y.js", "out.log"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "link").symlink_to("src")
    shown = (await call(context, "project_map", {"max_depth": 2})).text
    assert shown.splitlines() == [
        ".gitignore",
        "link@",
        "node_modules/ (not looked into)",
        "src/",
        "  app/ (3 files)",
        "[1 ignored entries left out]",
    ]


async def test_a_long_output_is_read_back_by_part_and_by_word(stage: Stage) -> None:
    reads = (
        'retrieve_tool_result {ref = "call_1"}',
        'retrieve_tool_result {ref = "call_1", mode = "lines", lines = "5-6"}',
        'retrieve_tool_result {ref = "call_1", mode = "query", query = "1999", max_matches = 1, context_lines = 0}',
        'retrieve_tool_result {ref = "nonsense"}',
        'handle_read {handle = "output/call_1", count = true}',
        'handle_read {handle = {name = "call_1"}, range = {start = 3, end = 4}}',
        'handle_read {handle = "lab/call_1", count = true}',
        'handle_read {handle = "call_1", count = true, jsonpath = "$"}',
    )
    async with stage(script(('read_file {path = "notes.txt"}',), reads)) as scene:
        (Path(scene.workspace) / "notes.txt").write_text("".join(f"line {n}\n" for n in range(1, 3001)))
        thread = await scene.thread()
        await scene.say(thread.id, "look back")
        told = results(scene, thread.id)
        assert told[1].splitlines()[0].startswith("[read_file, call call_1: ")
        assert told[2].splitlines()[1:] == ["     5|      4| line 4", "     6|      5| line 5"]
        assert told[3].splitlines()[1] == "Nothing in it contains '1999'."
        assert told[4].startswith("There is no output 'nonsense' in this conversation.")
        assert msgspec.json.decode(told[5])["lines"] == len((ended(scene, thread.id)[0].detail or "").splitlines())
        assert told[6] == "     2| line 2\n     3| line 3\n"
        assert told[7].startswith("There is no session 'lab'")
        assert told[8] == "Give exactly one of `slice`, `range`, `count` and `jsonpath`."


async def test_an_output_in_a_blob_is_whole_again_and_only_for_its_thread(stage: Stage) -> None:
    search = ('grep_files {pattern = "x", max_results = 1000}',)
    look = ('handle_read {handle = "call_1", jsonpath = "$.matches[2].line_number"}',)
    async with stage(script(search, look) + '[[reply]]\ntext = "Not here."\n') as scene:
        big = Path(scene.workspace) / "big.txt"
        big.write_text("".join(f"x {n} {'y' * 60}\n" for n in range(900)))
        thread = await scene.thread()
        await scene.say(thread.id, "search")
        first, second = ended(scene, thread.id)
        assert first.metadata is not None
        digest = str(msgspec.convert(first.metadata["output"], dict[str, object])["blob"])
        assert f"retrieve_tool_result reads them: ref sha256:{digest}" in (first.detail or "")
        assert second.detail == "3"
        for ref in (digest, f"sha256:{digest}", digest[:12], first.id):
            kept = await outputs.read(ReadOutput(ref=ref), origin(thread.id), scene.runtime)
            assert kept.bytes == len(kept.text.encode()) > 32 * 1024
        other = await scene.thread()
        with pytest.raises(ToolError, match="no output"):
            await outputs.read(ReadOutput(ref=f"sha256:{digest}"), origin(other.id), scene.runtime)


def origin(thread_id: str) -> Origin:
    return Origin(thread_id=thread_id, turn_id="turn_1", item_id="item_1", call_id="call_1", workspace="/")
