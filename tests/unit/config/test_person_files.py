"""Files that a person or another program writes too: `skills_state.toml` and `mcp.json`."""

from pathlib import Path

import pytest

from codewhale.config.mcp import mcp_servers
from codewhale.config.skills_state import disabled_skills, set_skill_enabled
from codewhale.domain.errors import CodewhaleError, ConfigError


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'disabled = ["b"]\n'),
        ('disabled = ["a"]\n', 'disabled = ["a", "b"]\n'),
        ("# note\nx = 1\n", 'disabled = ["b"]\n# note\nx = 1\n'),
        ('x = 1\ndisabled = [ # why\n  "a", # one\n]\n[t]\ny = 2\n', 'x = 1\ndisabled = ["a", "b"]\n[t]\ny = 2\n'),
        ('[t]\ndisabled = ["z"]\n', 'disabled = ["b"]\n[t]\ndisabled = ["z"]\n'),
        ('disabled = ["b"]\n', 'disabled = ["b"]\n'),
    ],
)
def test_only_the_list_changes(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "home" / "skills_state.toml"
    path.parent.mkdir()
    path.write_text(before)
    set_skill_enabled(str(path), "b", enabled=False)
    assert path.read_text() == after
    assert "b" in disabled_skills(str(path))
    set_skill_enabled(str(path), "b", enabled=True)
    assert "b" not in disabled_skills(str(path))
    assert [entry.name for entry in path.parent.iterdir()] == ["skills_state.toml"]


@pytest.mark.parametrize("text", ["disabled = 1", "disabled = [1]", "disabled = [", "\x00"])
def test_a_state_that_cannot_be_understood_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "skills_state.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"skills_state\.toml"):
        set_skill_enabled(str(path), "b", enabled=False)
    assert path.read_text() == text


def test_odd_names_are_kept_exactly(tmp_path: Path) -> None:
    path = str(tmp_path / "new" / "skills_state.toml")
    for name in ('say "hi"', "tab\there", "é", "back\\slash"):
        set_skill_enabled(path, name, enabled=False)
    assert disabled_skills(path) == {'say "hi"', "tab\there", "é", "back\\slash"}


@pytest.mark.parametrize("text", ["{", "[]", '{"servers": {"a": {"enabled": "yes"}}}', "\udcff"])
def test_an_unusable_mcp_file_is_told_without_its_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CodewhaleError, match=r"mcp\.json cannot be used"):
        mcp_servers(str(path))
    assert mcp_servers(str(tmp_path / "none.json")) == []
