"""Tools that run one program of the machine: Python and node, pandoc, tesseract, and what shows notifications. Where the
program is not installed a small one takes its place, which says what it was given."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import R, Wish
from codewhale.runtime.wishes import notify as notify_wishes
from codewhale.testing.scene import Stage
from codewhale.tools.code_execution import TOOLS as CODE_TOOLS
from codewhale.tools.notify import Notify
from codewhale.tools.registry import ENTRIES, find
from codewhale.tools.schema import parse_arguments
from codewhale.tools.tool import ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes

USUAL = "/usr/local/bin:/usr/bin:/bin"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


async def nobody(wish: Wish[R]) -> R:
    raise ToolError(f"nobody grants {wish}", category="not_available")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder that comes first in the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def context(workspace: Path, programs: Path) -> Iterator[ToolContext]:
    processes = Processes({"PATH": f"{programs}:{USUAL}", "HOME": "/nonexistent"})
    yield ToolContext(files=Files(str(workspace)), processes=processes, progress=list[str]().append, ask=nobody)
    processes.close()


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


async def call(context: ToolContext, name: str, arguments: object) -> ToolOutput:
    tool = find(name)
    assert tool is not None
    return await tool.run(parse_arguments(tool, msgspec.json.encode(arguments).decode()), context)


async def test_python_runs_in_the_workspace_and_a_failure_is_an_answer(context: ToolContext, workspace: Path) -> None:
    output = await call(context, "code_execution", {"code": "import os, sys\nprint(os.getcwd())\nsys.exit('no')"})
    shown = msgspec.json.decode(output.text)
    assert shown == {"stdout": f"{workspace}\n", "stderr": "no\n", "return_code": 1}
    assert not output.is_error


async def test_what_a_program_says_to_a_terminal_is_left_out(context: ToolContext) -> None:
    output = await call(context, "code_execution", {"code": r"print('\x1b[31mred\x1b]0;title\x07')"})
    assert msgspec.json.decode(output.text)["stdout"] == "red\n"


@pytest.mark.skipif(shutil.which("node", path=USUAL) is None, reason="node is not installed")
async def test_node_runs_javascript(context: ToolContext) -> None:
    output = await call(context, "js_execution", {"code": "console.log([1, 2].map(n => n * 2).join())"})
    assert msgspec.json.decode(output.text) == {"stdout": "2,4\n", "stderr": "", "return_code": 0}


def test_the_person_sees_the_program_and_the_gate_the_command() -> None:
    python, javascript = CODE_TOOLS
    arguments = parse_arguments(python, '{"code": "print(1)\\u001b[2J"}')
    assert python.describe is not None
    assert python.command is not None
    assert javascript.command is not None
    assert python.describe(arguments) == "Run Python:\nprint(1)"
    assert python.command(arguments) == ("python3 -I -c 'print(1)\x1b[2J'", None)
    assert javascript.command(parse_arguments(javascript, '{"code": "1"}')) == ("node -e 1", None)


async def test_pandoc_gets_the_document_and_no_leave_to_reach_for_more(
    context: ToolContext, workspace: Path, programs: Path
) -> None:
    program(programs, "pandoc", 'echo "$@"; cat')
    (workspace / "a.md").write_text("# Title\n")
    output = await call(context, "pandoc_convert", {"source_path": "a.md", "target_format": "html"})
    assert output.text == "--sandbox --standalone --from=markdown --to=html --output=-\n# Title\n"


async def test_pandoc_writes_through_the_files_of_the_workspace(
    context: ToolContext, workspace: Path, programs: Path
) -> None:
    program(programs, "pandoc", "printf 'PK\\000\\377'")
    (workspace / "a.md").write_text("x")
    arguments = {"source_path": "a.md", "target_format": "docx", "output_path": "out/a.docx"}
    output = await call(context, "pandoc_convert", arguments)
    assert output.text == "Wrote out/a.docx: 4 bytes."
    assert (workspace / "out/a.docx").read_bytes() == b"PK\x00\xff"
    with pytest.raises(ToolError, match="outside"):
        await call(context, "pandoc_convert", {**arguments, "output_path": "../a.docx"})


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"source_path": "a.md", "target_format": "docx"}, "docx is not text: give `output_path`"),
        ({"source_path": "a.xyz", "target_format": "html"}, "cannot be told from its name"),
        ({"source_path": "a.md", "target_format": "html"}, "pandoc could not convert it: exit code 3: broken"),
    ],
)
async def test_what_pandoc_cannot_do_is_said(
    context: ToolContext, workspace: Path, programs: Path, arguments: object, problem: str
) -> None:
    program(programs, "pandoc", "echo broken >&2; exit 3")
    (workspace / "a.md").write_text("x")
    with pytest.raises(ToolError, match=problem):
        await call(context, "pandoc_convert", arguments)


@pytest.mark.skipif(shutil.which("pandoc", path=USUAL) is None, reason="pandoc is not installed")
async def test_the_real_pandoc_converts(context: ToolContext, workspace: Path) -> None:
    (workspace / "a.md").write_text("# Title\n")
    output = await call(context, "pandoc_convert", {"source_path": "a.md", "target_format": "html"})
    assert "Title</h1>" in output.text


async def test_tesseract_gets_the_bytes_and_not_the_path(context: ToolContext, workspace: Path, programs: Path) -> None:
    program(programs, "tesseract", 'echo "$@"; wc -c | tr -d " "')
    (workspace / "a.png").write_bytes(PNG)
    output = await call(context, "image_ocr", {"path": "a.png"})
    assert output.text == f'<image_ocr path="a.png">\nstdin stdout\n{len(PNG)}\n</image_ocr>'
    (workspace / "a.txt").write_text("text")
    with pytest.raises(ToolError, match="no picture"):
        await call(context, "image_ocr", {"path": "a.txt"})


async def test_a_missing_program_is_said_by_the_tool_too(context: ToolContext) -> None:
    assert {name: ENTRIES[name].needs for name in ("image_ocr", "pandoc_convert", "js_execution")} == {
        "image_ocr": ("tesseract",),
        "pandoc_convert": ("pandoc",),
        "js_execution": ("node",),
    }
    empty = Processes({"PATH": "/nonexistent"})
    try:
        bare = msgspec.structs.replace(context, processes=empty)
        with pytest.raises(ToolError, match="node is not installed on this machine"):
            await call(bare, "js_execution", {"code": "1"})
    finally:
        empty.close()


async def test_a_notification_is_in_the_conversation_where_nothing_shows_it(stage: Stage) -> None:
    script = """
    [[reply]]
    calls = [{id = "call_1", tool = "notify", arguments = {title = "Done\\u001b[2J", body = "all\\ngreen"}, force = true}]
    [[reply]]
    text = "Told."
    """
    async with stage(script) as scene:
        if notify_wishes.program(scene.runtime.outside.processes) is not None:
            pytest.skip("this machine shows notifications")
        thread = await scene.thread()
        await scene.say(thread.id, "tell me")
        told = next(item for item in scene.store.items(thread.id) if item.call is not None)
        assert told.detail == "Notification in the conversation only: nothing here shows notifications."
        assert told.metadata is not None
        assert told.metadata["notification"] == {"title": "Done", "body": "all green"}


def test_nothing_of_a_notification_is_obeyed_by_what_shows_it() -> None:
    wish = Notify(title='-x" & quit', body="<b>&")
    assert notify_wishes.words("notify-send", wish) == ("--app-name=codewhale", "--", '-x" & quit', "&lt;b&gt;&amp;")
    script = notify_wishes.words("osascript", wish)
    assert script[-2:] == ('-x" & quit', "<b>&")
    assert not any("quit" in word for word in script[:-2])


def test_the_desktop_is_reached_only_by_what_the_runtime_gives(programs: Path) -> None:
    program(programs, "notify-send", "exit 0")
    found = Processes({"PATH": f"{programs}{os.pathsep}{USUAL}"})
    try:
        assert notify_wishes.program(found) == ("notify-send", str(programs / "notify-send"))
    finally:
        found.close()
