"""Words to commands: what is found, what is suggested, what bad input says. No model is called here."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codewhale import __version__
from codewhale.domain.nearest import nearest
from codewhale.surfaces.cli.commands import COMMANDS
from codewhale.surfaces.cli.dispatch import split

Codewhale = Callable[..., Any]


WORDS: list[tuple[list[str], tuple[list[str], str | None, list[str]]]] = [
    (["exec", "hi"], ([], "exec", ["hi"])),
    (["--model", "m", "exec", "--json"], (["--model", "m"], "exec", ["--json"])),
    (["--model=exec", "threads", "list"], (["--model=exec"], "threads", ["list"])),
    (["-p", "why?"], ([], "exec", ["-p", "why?"])),
    (["-w", "/x", "--prompt=why?"], (["-w", "/x"], "exec", ["--prompt=why?"])),
    (["fix the test"], ([], "exec", ["fix the test"])),
    (["please", "repair", "it"], ([], "exec", ["please", "repair", "it"])),
    (["--help"], ([], "help", [])),
    (["help", "exec"], ([], "help", ["exec"])),
    ([], ([], None, [])),
    (["--model", "m"], (["--model", "m"], None, [])),
]


@pytest.mark.parametrize(("words", "found"), WORDS)
def test_words_to_a_command(words: list[str], found: tuple[list[str], str | None, list[str]]) -> None:
    assert split(words) == found


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["exce"], "error: unknown command 'exce'\nhint: did you mean `codewhale exec`?"),
        (["frobnicate"], "error: unknown command 'frobnicate'\nhint: `codewhale --help` lists the commands"),
        (["--modle", "m"], "error: unknown option --modle\nhint: did you mean --model?"),
        (["exec", "--jsn", "x"], "error: unknown option --jsn for `codewhale exec`\nhint: did you mean --json?"),
        (["exec", "--output-format", "xml", "x"], "invalid choice: 'xml'"),
        (["exec", "--json", "--output-format", "text", "x"], "--json and --output-format do not go together"),
        (["exec", "--resume", "a", "--continue", "x"], "--resume and --continue do not go together"),
        (["serve", "--http", "--port", "0"], "error: Port must be > 0\nhint: "),
        (["exec", "--max-turns", "0", "x"], "--max-turns must be at least 1"),
        (["exec", "--max-cost", "-1", "x"], "--max-cost must be more than nothing, not -1.0"),
        (["exec", "--max-tokens", "0", "x"], "--max-tokens must be more than nothing, not 0"),
        (["exec"], "error: the prompt is empty\nhint: "),
        (["exec", "  "], "error: the prompt is empty"),
        (["threads"], "error: `codewhale threads` needs one of: list, show, export\nhint: "),
        (["store"], "error: `codewhale store` needs one of: check, rebuild\nhint: "),
        (["threads", "show"], "`threads show` needs the id of a thread"),
        (["threads", "list", "thr_1"], "`threads list` takes no id"),
        (["threads", "show", "x", "--limit", "3"], "--limit is for `threads list`"),
        (["serve"], "Choose exactly one server mode: --mcp, --http, or --acp"),
        (["serve", "--http", "--mcp"], "Choose exactly one server mode"),
    ],
)
def test_a_command_line_that_makes_no_sense_exits_2(codewhale: Codewhale, words: list[str], says: str) -> None:
    ran = codewhale(*words)
    assert (ran.code, ran.out) == (2, "")
    assert says in ran.err


@pytest.mark.parametrize(
    ("words", "env", "says"),
    [
        (["exec", "x"], {}, ("No API key for deepseek", "DEEPSEEK_API_KEY", "ollama", "codewhale demo")),
        (["exec", "--prompt-file", "none.txt"], {}, ("cannot read the prompt file none.txt", "hint:")),
        (["exec", "--prompt-file", "."], {}, ("cannot read the prompt file .: Is a directory",)),
        (["--config", "none.toml", "exec", "x"], {}, ("there is no settings file", "none.toml", "--config")),
        (["-w", "none", "exec", "x"], {}, ("is not a directory", "-w")),
        (["--provider", "olama", "exec", "x"], {}, ("there is no provider 'olama'", "ollama")),
        (
            ["exec", "--resume", "thr_x", "y"],
            {"DEEPSEEK_API_KEY": "k"},
            ("no thread has an id that begins", "threads list"),
        ),
        (["exec", "--session-id", "../x", "y"], {"DEEPSEEK_API_KEY": "k"}, ("Thread not found",)),
        (["exec", "--continue", "y"], {"DEEPSEEK_API_KEY": "k"}, ("there is no thread in", "--continue")),
        (["threads", "show", "thr_x"], {}, ("there are no threads",)),
        (["store", "check"], {}, ("there is no store",)),
        (["serve", "--mcp"], {}, ("--mcp is not available in this version",)),
    ],
)
def test_bad_input_says_what_and_what_to_do(
    codewhale: Codewhale, monkeypatch: pytest.MonkeyPatch, words: list[str], env: dict[str, str], says: tuple[str, ...]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    ran = codewhale(*words)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("error: ")
    assert all(part in ran.err for part in says), ran.err
    assert "Traceback" not in ran.err


def test_a_port_that_is_taken(codewhale: Codewhale) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = codewhale("serve", "--http", "--port", str(port))
    assert (ran.code, ran.out) == (1, "")
    assert f"already listens on 127.0.0.1:{port}" in ran.err


def test_json_modes_tell_programs_of_the_error_too(codewhale: Codewhale) -> None:
    assert (
        '"type":"error","error":"No API key for deepseek.","code":"config"'
        in codewhale("exec", "x", "--output-format", "stream-json").out
    )
    assert '"status":"failed","error":"No API key for deepseek."' in codewhale("exec", "x", "--json").out


def test_an_unreadable_config_is_named(codewhale: Codewhale, home: Path) -> None:
    home.mkdir()
    (home / "config.toml").write_text("model = [")
    ran = codewhale("doctor", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert f"{home / 'config.toml'} is not valid TOML" in ran.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_data_directory_that_cannot_be_written(
    codewhale: Codewhale, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir(mode=0o500)
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    ran = codewhale("exec", "x")
    assert ran.code == 1
    assert "Permission denied" in ran.err or "read-only" in ran.err


def test_a_file_where_the_data_directory_should_be(
    codewhale: Codewhale, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write_text("in the way")
    monkeypatch.setenv("DEEPSEEK_API_KEY", "k")
    ran = codewhale("exec", "x")
    assert (ran.code, "Traceback" in ran.err) == (1, False)
    assert str(home) in ran.err


def test_help_lists_every_command(codewhale: Codewhale) -> None:
    for words in (["--help"], ["help"], []):
        ran = codewhale(*words)
        assert ran.code == 0
        assert all(f"  {name} " in ran.out and text in ran.out for name, (_, text) in COMMANDS.items())


@pytest.mark.parametrize("word", ["--version", "-V"])
def test_the_version(codewhale: Codewhale, word: str) -> None:
    assert codewhale(word).out == f"codewhale {__version__}\n"
    assert codewhale("--model", "m", word).out == f"codewhale {__version__}\n"


@pytest.mark.parametrize("command", ["exec", "threads", "serve", "doctor", "store", "completion"])
def test_every_command_explains_itself(codewhale: Codewhale, command: str) -> None:
    ran = codewhale(command, "--help")
    assert ran.code == 0
    assert ran.out == codewhale("help", command).out
    assert "--model" in ran.out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_commands_options_and_choices(codewhale: Codewhale, shell: str) -> None:
    ran = codewhale("completion", shell)
    assert ran.code == 0
    assert all(word in ran.out for word in (*COMMANDS, "stream-json", "rebuild"))


@pytest.mark.parametrize(
    ("word", "meant"),
    [("exce", "exec"), ("thread", "threads"), ("xyzzy", None), ("EXEC", "exec"), ("docter", "doctor")],
)
def test_the_nearest_word(word: str, meant: str | None) -> None:
    assert nearest(word, COMMANDS) == meant
