"""The file tools as a model uses them: JSON arguments in, text for the model and metadata for people out."""

import json
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import cast

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import R, Wish
from codewhale.tools import apply_patch, edit_file, file_search, grep_files, list_dir, read_file, write_file
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes

MODULES = (apply_patch, edit_file, file_search, grep_files, list_dir, read_file, write_file)
TOOLS: dict[str, Tool] = {tool.name: tool for module in MODULES for tool in module.TOOLS}

Call = Callable[..., Awaitable[ToolOutput]]


async def nobody(wish: Wish[R]) -> R:
    raise ToolError(f"nobody grants {wish}", category="not_available")


@pytest.fixture
def call(tmp_path: Path) -> Iterator[Call]:
    processes = Processes({"PATH": "/usr/bin:/bin"})
    context = ToolContext(files=Files(str(tmp_path)), processes=processes, progress=lambda _: None, ask=nobody)

    async def run(name: str, **arguments: object) -> ToolOutput:
        tool = TOOLS[name]
        return await tool.run(msgspec.json.decode(json.dumps(arguments), type=tool.arguments), context)

    yield run
    processes.close()


def fields(output: ToolOutput, *names: str) -> tuple[object, ...]:
    metadata = output.metadata or {}
    return tuple(metadata.get(name) for name in names)


async def test_a_small_file_is_read_as_it_is(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("one\r\nzwölf".encode())
    output = await call("read_file", path="a.txt")
    assert output.text == "one\nzwölf"
    assert output.metadata == {
        "path": "a.txt",
        "total_lines": 2,
        "shown_lines": 2,
        "truncated": False,
        "encoding": "utf-8",
        "line_ends": "crlf",
    }


async def test_a_range_is_numbered_and_says_where_to_go_on(call: Call, tmp_path: Path) -> None:
    (tmp_path / 'a"<b.txt').write_text("".join(f"line {n}\n" for n in range(1, 301)))
    output = await call("read_file", path='a"<b.txt', start_line=9, max_lines=2)
    assert output.text == (
        '<file path="a&quot;&lt;b.txt" total_lines="300" shown_lines="9-10" truncated="true" next_start_line="11">\n'
        "     9| line 9\n    10| line 10\n[more follows: read on with start_line=11]\n</file>"
    )
    whole = await call("read_file", path='a"<b.txt')
    assert fields(whole, "shown_lines", "truncated") == (200, True)
    assert fields(await call("read_file", path='a"<b.txt', max_lines=9999), "shown_lines") == (300,)
    assert (
        "[no content: the file ends after line 300]" in (await call("read_file", path='a"<b.txt', start_line=500)).text
    )


async def test_an_unknown_encoding_is_said(call: Call, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes(b"gr\xfcn\n")
    text = (await call("read_file", path="old.txt")).text
    assert "neither UTF-8 nor UTF-16" in text
    assert "     1| grün" in text


async def test_binary_and_missing_files_are_errors(call: Call, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(ToolError, match=r"x\.png is not a text file: it holds NUL bytes"):
        await call("read_file", path="x.png")
    with pytest.raises(ToolError, match=r"Did you mean x\.png\?"):
        await call("read_file", path="X.PNG")


async def test_writing_a_new_file(call: Call, tmp_path: Path) -> None:
    output = await call("write_file", path="a/b.txt", content="one\ntwo\n")
    assert output.text == "Created a/b.txt: 8 bytes."
    assert output.metadata == {
        "path": "a/b.txt",
        "diff": "--- /dev/null\n+++ b/a/b.txt\n@@ -0,0 +1,2 @@\n+one\n+two\n",
        "added": 2,
        "removed": 0,
        "created": True,
        "touched_files": ["a/b.txt"],
    }
    assert (tmp_path / "a/b.txt").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("old", "content", "new"),
    [
        (b"a\r\nb\r\n", "x\ny\n", b"x\r\ny\r\n"),
        (b"a\r\nb\n", "x\ny\n", b"x\ny\n"),
        (b"a\n", "x\r\ny\r\n", b"x\r\ny\r\n"),
        (b"\xef\xbb\xbfa\n", "x\n", b"\xef\xbb\xbfx\n"),
        (b"\xef\xbb\xbfa\n", "\ufeffx\n", b"\xef\xbb\xbfx\n"),
        (b"\xff\xfea\0", "ü", b"\xff\xfe\xfc\0"),
        (b"\xfc", "ü", "ü".encode()),
        (b"\xfc", "u", b"u"),
    ],
)
async def test_replacing_a_file_keeps_its_form(
    call: Call, tmp_path: Path, old: bytes, content: str, new: bytes
) -> None:
    (tmp_path / "f").write_bytes(old)
    output = await call("write_file", path="f", content=content)
    assert (tmp_path / "f").read_bytes() == new
    assert fields(output, "created", "touched_files") == (False, ["f"])


async def test_writing_refuses_binary_and_directories(call: Call, tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"\0")
    (tmp_path / "d").mkdir()
    for path, said in (
        ("b", "not a text file"),
        ("d", "is a directory"),
        (".", "is a directory"),
        (".git/x", "steers git"),
    ):
        with pytest.raises(ToolError, match=said):
            await call("write_file", path=path, content="x")
    assert (tmp_path / "b").read_bytes() == b"\0"


async def test_editing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f.py").write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2")
    output = await call("edit_file", path="f.py", search="a = 1\n", replace="a = 1\nc = 3\n")
    assert (tmp_path / "f.py").read_bytes() == b"\xef\xbb\xbfa = 1\r\nc = 3\r\nb = 2"
    assert output.text == "Edited f.py at line 1."
    assert fields(output, "added", "removed", "created", "replacements", "touched_files") == (1, 0, False, 1, ["f.py"])


async def test_an_edit_in_an_unknown_encoding_keeps_every_other_byte_or_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"gr\xfcn = 1\n")
    await call("edit_file", path="f", search="= 1", replace="= 2")
    assert (tmp_path / "f").read_bytes() == b"gr\xfcn = 2\n"
    with pytest.raises(ToolError, match="encoding is unknown"):
        await call("edit_file", path="f", search="= 2", replace="= ü")
    assert (tmp_path / "f").read_bytes() == b"gr\xfcn = 2\n"


async def test_a_patch_of_several_files_is_made_at_once(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one\ntwo\n")
    (tmp_path / "gone.txt").write_text("x\n")
    (tmp_path / "old.txt").write_text("same\n")
    (tmp_path / "old.txt").chmod(0o640)
    patch = (
        "--- a/a.txt\n+++ b/a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+TWO\n"
        "--- a/gone.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n"
        "--- /dev/null\n+++ b/n/new.txt\n@@ -0,0 +1 @@\n+new\n"
        "diff --git a/old.txt b/moved.txt\nrename from old.txt\nrename to moved.txt\n"
    )
    output = await call("apply_patch", patch=patch)
    result = json.loads(output.text)
    assert result == {
        "success": True,
        "files_applied": 5,
        "files_total": 5,
        "hunks_applied": 3,
        "hunks_total": 3,
        "fuzz_used": 0,
        "hunks_with_fuzz": 0,
        "touched_files": ["a.txt", "gone.txt", "n/new.txt", "old.txt", "moved.txt"],
        "file_summaries": [
            {"path": "a.txt", "action": "modified", "added": 1, "removed": 1, "hunks": 1},
            {"path": "gone.txt", "action": "deleted", "added": 0, "removed": 1, "hunks": 1},
            {"path": "n/new.txt", "action": "created", "added": 1, "removed": 0, "hunks": 1},
            {"path": "old.txt", "action": "deleted", "added": 0, "removed": 1, "hunks": 0},
            {"path": "moved.txt", "action": "renamed", "added": 1, "removed": 0, "hunks": 0, "renamed_from": "old.txt"},
        ],
        "message": "Changed 5 files.",
    }
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "moved.txt", "n"]
    assert (tmp_path / "moved.txt").stat().st_mode & 0o777 == 0o640
    assert "+TWO" in cast("str", (output.metadata or {})["diff"])


@pytest.mark.parametrize(
    ("patch", "said"),
    [
        ("--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-nope\n+x\n", r"b\.txt: hunk 1 of 1"),
        ("--- a/none.txt\n+++ b/none.txt\n@@ -1 +1 @@\n-a\n+x\n", r"none\.txt does not exist"),
        ("--- /dev/null\n+++ b/b.txt\n@@ -0,0 +1 @@\n+x\n", r"b\.txt exists, but the patch creates it"),
        ("--- a/b.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-b\n", "has lines that the patch does not know"),
        ("--- /dev/null\n+++ b/../out.txt\n@@ -0,0 +1 @@\n+x\n", "outside the workspace"),
        ("--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+x\n", "steers git"),
        ("diff --git a/b.txt b/a.txt\nrename from b.txt\nrename to a.txt\n", r"a\.txt exists"),
    ],
)
async def test_a_patch_that_fails_anywhere_changes_nothing(call: Call, tmp_path: Path, patch: str, said: str) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    (tmp_path / "b.txt").write_text("b\nc\n")
    with pytest.raises(ToolError, match=said):
        await call("apply_patch", patch="--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-a\n+A\n" + patch)
    assert {name: (tmp_path / name).read_text() for name in os.listdir(tmp_path)} == {"a.txt": "a\n", "b.txt": "b\nc\n"}


async def test_the_same_file_twice_in_a_patch(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n")
    part = "--- a/a\n+++ b/a\n@@ -1 +1 @@\n-{}\n+{}\n"
    await call("apply_patch", patch=part.format(1, "x") + part.format("x", "y"))
    assert (tmp_path / "a").read_text() == "y\n2\n"


async def test_changes_and_create_if_missing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_bytes(b"a\r\n")
    await call("apply_patch", changes=[{"path": "w.txt", "content": "b\n"}, {"path": "n.txt", "content": "n"}])
    assert ((tmp_path / "w.txt").read_bytes(), (tmp_path / "n.txt").read_bytes()) == (b"b\r\n", b"n")
    with pytest.raises(ToolError, match="does not exist"):
        await call("apply_patch", path="m.txt", patch="@@ -0,0 +1 @@\n+m\n")
    await call("apply_patch", path="m.txt", patch="@@ -0,0 +1 @@\n+m\n", create_if_missing=True)
    assert (tmp_path / "m.txt").read_text() == "m\n"
    with pytest.raises(ToolError, match="either `patch` or `changes`"):
        await call("apply_patch")


async def test_listing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "a.log").write_text("")
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / "link").symlink_to("/etc")
    output = await call("list_dir")
    assert json.loads(output.text) == [
        {"name": ".gitignore", "is_dir": False},
        {"name": "b.txt", "is_dir": False},
        {"name": "link", "is_dir": False, "is_link": True},
        {"name": "sub", "is_dir": True},
    ]
    assert output.metadata == {"entries": 4, "ignored": 1, "truncated": False}
    with pytest.raises(ToolError, match=r"b\.txt is a file, not a directory"):
        await call("list_dir", path="b.txt")


async def test_a_long_listing_is_cut_and_says_so(call: Call, tmp_path: Path) -> None:
    for number in range(1001):
        (tmp_path / f"{number:04}").write_text("")
    output = await call("list_dir")
    assert output.text.endswith("\nOnly the first 1000 of 1001 entries are shown.")
    assert fields(output, "truncated") == (True,)


async def test_finding_files(call: Call, tmp_path: Path) -> None:
    for path in ("app.py", "src/app.py", "src/apple.py", "src/snap.py", "docs/a_p_p.md", "x.log", ".gitignore"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("*.log\n")
    output = json.loads((await call("file_search", query="app.py")).text)
    assert [(file["path"], file["score"]) for file in output["files"]] == [
        ("app.py", 1.0),
        ("src/app.py", 1.0),
        ("src/apple.py", 0.6),
    ]
    found = json.loads(
        (await call("file_search", query="app", extensions=["py"], exclude=["src/app.py"], limit=2)).text
    )
    assert [file["path"] for file in found["files"]] == ["app.py", "src/apple.py"]
    assert (found["total"], found["truncated"]) == (3, True)
    assert json.loads((await call("file_search", query="x.log")).text)["files"] == []


async def test_searching(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n")
    output = await call("grep_files", pattern="TWO", case_insensitive=True)
    assert json.loads(output.text) == {
        "matches": [
            {"file": "a.py", "line_number": 2, "line": "two", "context_before": ["one"], "context_after": []},
        ],
        "total_matches": 1,
        "files_searched": 1,
        "truncated": False,
    }


@pytest.mark.parametrize("name", sorted(TOOLS))
def test_every_tool_speaks_briefly_and_refuses_unknown_arguments(name: str) -> None:
    tool = TOOLS[name]
    assert len(tool.description.split()) <= 60
    assert tool.effects == (frozenset({"write"}) if tool.default == "ask" else frozenset({"read"}))
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.convert(
            {"path": "x", "query": "x", "pattern": "x", "search": "", "replace": "", "zz": 1}, tool.arguments
        )


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("read_file", {"path": "a\nb"}, "Read a\\nb"),
        ("write_file", {"path": "a", "content": "xyz"}, "Write a (3 characters)"),
        ("edit_file", {"path": "a", "search": "x\ny", "replace": ""}, "Edit a: 2 lines become 0"),
        ("apply_patch", {"changes": [{"path": "a", "content": ""}]}, "Write a"),
        ("apply_patch", {"patch": "--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n"}, "Patch: create n"),
        ("apply_patch", {"patch": "?"}, "Apply a patch that cannot be read (it will be refused)"),
        ("list_dir", {}, "List ."),
        ("grep_files", {"pattern": "x"}, "Search . for x"),
        ("file_search", {"query": "x"}, "Find files like x"),
    ],
)
def test_what_a_person_is_asked(name: str, arguments: dict[str, object], said: str) -> None:
    tool = TOOLS[name]
    assert tool.describe is not None
    assert tool.describe(msgspec.convert(arguments, tool.arguments)) == said
