"""`sandbox_mode` and `[sandbox]`: what they ask for, and that codewhale's own state is hidden in any case."""

from pathlib import Path

import pytest

from codewhale.config.load import Overrides, load
from codewhale.domain.confinement import Surface
from codewhale.domain.errors import ConfigError


def asked(tmp_path: Path, text: str, **environ: str) -> Surface:
    path = tmp_path / "config.toml"
    path.write_text(text)
    settings = load(Overrides(config=str(path)), environ={"CODEWHALE_HOME": str(tmp_path / "home"), **environ})
    assert settings.problems == ()
    return settings.sandbox


def test_without_settings_the_mode_decides_and_our_own_state_is_hidden(tmp_path: Path) -> None:
    found = asked(tmp_path, "")
    assert (found.policy, found.writable, found.network) == (None, (), "off")
    assert {str(tmp_path / "home"), str(tmp_path / "config.toml")} <= set(found.hidden)


def test_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    text = 'sandbox_mode = "read-only"\n[sandbox]\nwritable_roots = ["link"]\nhidden = ["/notes"]\nnetwork = true\n'
    found = asked(tmp_path, text)
    assert (found.policy, found.writable, found.network) == ("read-only", (str(tmp_path.resolve() / "real"),), "proxy")
    assert "/notes" in found.hidden


def test_the_variable_is_laid_over_the_file(tmp_path: Path) -> None:
    found = asked(tmp_path, 'sandbox_mode = "read-only"', DEEPSEEK_SANDBOX_MODE="external-sandbox")
    assert found.policy == "external-sandbox"


@pytest.mark.parametrize(
    ("text", "environ"),
    [('sandbox_mode = "off"', {}), ("", {"DEEPSEEK_SANDBOX_MODE": "none"})],
    ids=["file", "variable"],
)
def test_another_word_is_refused_never_taken_for_no_sandbox(tmp_path: Path, text: str, environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"sandbox_mode|DEEPSEEK_SANDBOX_MODE"):
        asked(tmp_path, text, **environ)


def test_an_unknown_key_is_refused_it_may_have_been_meant_to_hold(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sandbox"):
        asked(tmp_path, "[sandbox]\nhiden = ['/notes']\n")
