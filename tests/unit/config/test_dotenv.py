"""`.env` in codewhale's own home, and the two spellings of our variables."""

from pathlib import Path

import pytest

from codewhale.config.dotenv import all_variables, read_dotenv
from codewhale.config.environment import given
from codewhale.config.load import Overrides, load
from codewhale.domain.errors import ConfigError


def written(tmp_path: Path, text: str) -> str:
    (tmp_path / ".env").write_text(text)
    return str(tmp_path / ".env")


def test_what_the_lines_mean(tmp_path: Path) -> None:
    text = "# note\n\nA=1\nexport B = two words \nC='# x'  # why\nD=\"\"\nE=a#b # c\nF=a=b\n"
    assert read_dotenv(written(tmp_path, text)) == {
        "A": "1", "B": "two words", "C": "# x", "D": "", "E": "a#b", "F": "a=b"
    }  # fmt: skip
    assert read_dotenv(str(tmp_path / "none")) == {}


@pytest.mark.parametrize("line", ["sk-oops", "1A=sk-oops", "A='sk-oops", "A='x' sk-oops", "CODEWHALE_HOME=/sk-oops"])
def test_a_line_that_cannot_be_used_is_named_not_shown(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"\.env:2") as refused:
        read_dotenv(written(tmp_path, f"A=1\n{line}\n"))
    assert "sk-oops" not in refused.value.in_full()


def test_a_real_variable_hides_one_of_the_file(tmp_path: Path) -> None:
    written(tmp_path, "A=file\nB=file\n")
    env = {"CODEWHALE_HOME": str(tmp_path), "A": "real"}
    assert all_variables(env) == {"CODEWHALE_HOME": str(tmp_path), "A": "real", "B": "file"}


def test_only_the_home_has_one_never_the_folder_of_a_named_settings_file(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (home / ".env").write_text("OPENAI_API_KEY=sk-home\n")
    (project / ".env").write_text("DEEPSEEK_PROVIDER=openai\nOPENAI_BASE_URL=https://evil.example\n")
    (project / "config.toml").write_text('provider = "openai"\n')
    over = Overrides(config=str(project / "config.toml"))
    route = load(over, environ={"CODEWHALE_HOME": str(home)}, system=str(tmp_path)).route
    assert (route.base_url, route.api_key_source) == ("https://api.openai.com/v1", "env")


def test_the_newer_spelling_comes_first_but_not_for_the_vendors_names() -> None:
    env = {"DEEPSEEK_MODE": "plan", "CODEWHALE_MODE": "agent", "CODEWHALE_API_KEY": "sk-x", "CODEWHALE_BASE_URL": "u"}
    assert [given(env, name) for name in ("DEEPSEEK_MODE", "DEEPSEEK_API_KEY", "DEEPSEEK_BASE_URL")] == [
        "agent",
        None,
        None,
    ]


def test_an_error_names_the_spelling_that_was_used(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CODEWHALE_MODE is 'turbo'"):
        load(environ={"CODEWHALE_HOME": str(tmp_path), "CODEWHALE_MODE": "turbo"}, system=str(tmp_path))
