"""A file that the model saw redacted keeps its secret when it is written back."""

from pathlib import Path

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.testing.homes import home
from codewhale.workspace.files import Files, Write

SECRET = "ghp_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"
BEFORE = f"name = one\nGITHUB = {SECRET}\n"


async def test_the_secret_survives_a_model_that_writes_the_file_back(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    file = tmp_path / "work" / "settings.ini"
    file.write_text(BEFORE)
    seen = "name = two\nGITHUB = [redacted:github-token]\n"
    edit = {"path": "settings.ini", "search": "name = one", "replace": "name = three"}
    replies = [
        {"calls": [{"tool": "read_file", "arguments": {"path": "settings.ini"}}]},
        {"calls": [{"tool": "write_file", "arguments": {"path": "settings.ini", "content": seen}}]},
        {"calls": [{"tool": "edit_file", "arguments": edit}]},
        {"text": "Done."},
    ]
    async with home(tmp_path, msgspec.json.encode({"reply": replies}).decode()) as place:
        await place.say("rename", answer="allow")
        bodies = [msgspec.json.encode(request.body).decode() for request in place.model.requests]
    assert "[redacted:github-token]" in bodies[1]
    assert "was not written" in bodies[2]
    assert text_of(file) == BEFORE.replace("one", "three")


def test_markers_that_are_there_already_may_stay(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("a [redacted:jwt] b")
    files = Files(str(tmp_path))
    stamp = files.stamp("a.md")
    files.write("a.md", b"c [redacted:jwt] d", stamp)
    with pytest.raises(ToolError, match="was not written"):
        files.write_all([Write(path="b.md", content=b"[redacted:jwt]", stamp=None)])
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]


def text_of(file: Path) -> str:
    return file.read_text()
