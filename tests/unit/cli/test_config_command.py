"""`codewhale config` as a person or a script uses it."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

if TYPE_CHECKING:
    from conftest import Codewhale

FILE = """\
# My settings.
model = "deepseek-v4-pro"   # the good one

# How often.
[retry]
max_retries = 3

[profiles.work]
approval_policy = "never"
"""


@pytest.fixture
def file(home: Path) -> Path:
    home.mkdir()
    path = home / "config.toml"
    path.write_text(FILE)
    path.chmod(0o640)
    return path


def test_set_changes_one_line_and_keeps_the_rest_and_the_mode(codewhale: "Codewhale", file: Path) -> None:
    assert codewhale("config", "set", "max_steps", "7").code == 0
    assert codewhale("config", "set", "retry.max_retries", "5").code == 0
    assert codewhale("config", "set", "profiles.work.mode", "plan").code == 0
    assert codewhale("--profile", "other", "config", "set", "allow_shell", "no").code == 0
    assert file.read_text() == (
        FILE.replace("# the good one\n", "# the good one\nmax_steps = 7\n").replace("= 3", "= 5")
        + 'mode = "plan"\n\n[profiles.other]\nallow_shell = false\n'
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert codewhale("config", "get", "max_steps").out == "7\n"
    assert codewhale("--profile", "work", "config", "get", "mode").out == "plan\n"


def test_unset_takes_the_line_out_again(codewhale: "Codewhale", file: Path) -> None:
    codewhale("config", "set", "max_steps", "7")
    assert codewhale("config", "unset", "max_steps").code == 0
    assert file.read_text() == FILE
    ran = codewhale("config", "unset", "max_steps")
    assert (ran.code, ran.err.splitlines()[0]) == (1, f"error: max_steps is not set in {file}")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("max_steps", "many"), "max_steps: 'many' does not fit; it takes: number (from 1 to 100000)"),
        (("max_steps", "0"), "max_steps: '0' does not fit"),
        (("mode", "turbo"), "it takes: agent / plan / yolo"),
        (("allow_shell", "maybe"), "it takes: true / false"),
        (("max_stepz", "1"), "did you mean max_steps?"),
        (("retry", "1"), "retry is a table, not a setting"),
        (("a b", "1"), "'a b' is no name of a setting"),
        (("network.deny", "https://x"), "network.deny: 'https://x' cannot be used"),
        (("api_key", "sk-1"), "codewhale auth set deepseek"),
        (("providers.openai.api_key", "sk-1"), "codewhale auth set openai"),
        (("search.api_key", "sk-1"), "TAVILY_API_KEY"),
        (("vision_model.api_key", "sk-1"), "vision_model.api_key_env"),
    ],
)
def test_what_cannot_be_set_is_said_and_nothing_is_written(
    codewhale: "Codewhale", file: Path, words: tuple[str, str], says: str
) -> None:
    ran = codewhale("config", "set", *words)
    assert (ran.code, ran.out) == (1, "")
    assert says in ran.err
    assert "sk-1" not in ran.err
    assert file.read_text() == FILE


@pytest.mark.parametrize(
    ("key", "typed", "got"),
    [
        ("instructions", "a.md, b.md", '["a.md","b.md"]'),
        ("instructions", '["a, b.md"]', '["a, b.md"]'),
        ("lsp.servers", '{ python = ["x", "--stdio"] }', '{"python":["x","--stdio"]}'),
        ("stream.idle_timeout", "2.5", "2.5"),
        ("allow_shell", "on", "true"),
        ("model", "true", '"true"'),
        ('providers."my.own".base_url', "http://localhost:1", '"http://localhost:1"'),
    ],
)
def test_a_value_is_typed_as_its_key_takes_it(
    codewhale: "Codewhale", home: Path, file: Path, key: str, typed: str, got: str
) -> None:
    assert codewhale("config", "set", key, typed).code == 0
    told = codewhale("config", "get", key, "--json").out.strip()
    assert told.replace(f"{home}/", "") == got, file.read_text()


def test_get_is_for_scripts(codewhale: "Codewhale", file: Path) -> None:
    assert (codewhale("config", "get", "model").out, codewhale("config", "get", "model", "--json").out) == (
        "deepseek-v4-pro\n",
        '"deepseek-v4-pro"\n',
    )
    unset = codewhale("config", "get", "sandbox_mode")
    assert (unset.code, unset.out, unset.err) == (1, "", "sandbox_mode is not set (as the mode says)\n")
    assert file.exists()


def test_list_shows_every_value_with_who_said_it(
    codewhale: "Codewhale", file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSEEK_MODE", "plan")
    rows = {row["key"]: row for row in msgspec.json.decode(codewhale("config", "list", "--json").out)}
    assert rows["mode"] == {"key": "mode", "value": "plan", "source": "environment", "place": "DEEPSEEK_MODE"}
    assert rows["retry.max_retries"] == {
        "key": "retry.max_retries", "value": 3, "source": "file", "place": str(file)
    }  # fmt: skip
    assert (rows["retry.enabled"]["source"], rows["proxy"]["value"]) == ("default", None)
    text = codewhale("config", "list", "retry").out.splitlines()
    assert text[1] == f"retry.max_retries = 3    # file: {file}"
    assert len(text) == 4


def test_explain_tells_the_whole_story(
    codewhale: "Codewhale", file: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setenv("DEEPSEEK_APPROVAL_POLICY", "auto")
    overlay = home.parent / "work/.deepseek"
    overlay.mkdir()
    (overlay / "config.toml").write_text('approval_policy = "on-request"\n')
    ran = codewhale("--profile", "work", "config", "explain", "approval_policy")
    assert ran.out.replace(str(file), "FILE").replace(str(overlay.parent), "WORK") == (
        'approval_policy = "on-request"\n'
        "  on-request asks a person, auto allows, never denies what would be asked\n"
        "\n"
        '   default      "on-request"   (hidden by what stands below)\n'
        '   profile      "never"   (FILE [profiles.work], hidden by what stands below)\n'
        '   environment  "auto"   (DEEPSEEK_APPROVAL_POLICY, hidden by what stands below)\n'
        '-> project      "on-request"   (WORK/.deepseek/config.toml)\n'
    )


def test_a_change_that_does_not_hold_here_says_so(
    codewhale: "Codewhale", file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEWHALE_MODE", "plan")
    ran = codewhale("config", "set", "mode", "yolo")
    assert (ran.code, ran.err.splitlines()) == (
        0,
        [f'mode is "yolo" in {file}.', "note: here environment says otherwise: CODEWHALE_MODE"],
    )


def test_what_this_machine_forbids_is_not_written(
    codewhale: "Codewhale", file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = tmp_path / "requirements.toml"
    rules.write_text('allowed_approval_policies = ["on-request"]\nallowed_sandbox_modes = ["workspace-write"]\n')
    monkeypatch.setenv("DEEPSEEK_REQUIREMENTS_PATH", str(rules))
    for key, value in (("approval_policy", "auto"), ("sandbox_mode", "danger-full-access"), ("mode", "yolo")):
        ran = codewhale("config", "set", key, value)
        assert ran.code == 1
        assert f"is not allowed on this machine: {rules} allows" in ran.err
    assert file.read_text() == FILE
    assert codewhale("exec", "--auto", "hello").err.startswith("error: --auto is not allowed on this machine")


def test_a_broken_file_can_be_mended(codewhale: "Codewhale", file: Path) -> None:
    file.write_text('max_steps = "many"\nmode = "turbo"\n')
    assert codewhale("config", "set", "max_steps", "3").code == 0
    assert codewhale("config", "set", "mode", "plan").code == 0
    assert codewhale("config", "get", "max_steps").out == "3\n"


def test_ignored_keys_are_told_once_on_stderr(codewhale: "Codewhale", file: Path) -> None:
    file.write_text("modle = 'x'\n[retry]\nmax_retrys = 1\n")
    assert codewhale("hooks").err == (
        f"note: modle (did you mean mode?) and 1 more in {file} ignored; `codewhale doctor` lists what is\n"
    )


def test_a_file_that_is_not_there_is_made_for_its_owner(codewhale: "Codewhale", home: Path) -> None:
    new = home.parent / "new.toml"
    assert codewhale("--config", str(new), "config", "set", "approval_policy", "never").code == 0
    assert (new.read_text(), stat.S_IMODE(new.stat().st_mode)) == ('approval_policy = "never"\n', 0o600)
    assert codewhale("--profile", "p", "config", "set", "mode", "plan").code == 0
    assert (home / "config.toml").read_text() == '[profiles.p]\nmode = "plan"\n'


def test_a_link_to_the_file_stays_one(codewhale: "Codewhale", file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    file.rename(real)
    file.symlink_to(real)
    codewhale("config", "set", "max_steps", "7")
    assert (file.is_symlink(), "max_steps = 7" in real.read_text()) == (True, True)


def test_path_names_the_files(codewhale: "Codewhale", file: Path) -> None:
    assert codewhale("config", "path").out == f"{file}\n"
    assert msgspec.json.decode(codewhale("config", "path", "--json").out) == {
        "config": {"path": str(file), "present": True},
        "variables": {"path": str(file.parent / ".env"), "present": False},
        "managed": [],
        "requirements": [],
    }
    assert codewhale("config", "get").code == 2
