"""The completion scripts, judged by the shells themselves."""

import shutil
import subprocess
from pathlib import Path

import pytest

from codewhale.surfaces.cli.commands import COMMANDS
from codewhale.surfaces.cli.completion import bash, fish, zsh
from codewhale.surfaces.cli.parser import Parser, command_parser

SCRIPTS = {"bash": bash, "zsh": zsh, "fish": fish}


@pytest.fixture(scope="module")
def parsers() -> dict[str, Parser]:
    return {name: command_parser(name)[0] for name in COMMANDS}


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_accepts_its_script(parsers: dict[str, Parser], shell: str, tmp_path: Path) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    script = tmp_path / "script"
    script.write_text(SCRIPTS[shell](parsers))
    subprocess.run([shell, "-n", str(script)], check=True)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("codewhale th", ["threads"]),
        ("codewhale threads ex", ["export"]),
        ("codewhale exec --output-format s", ["stream-json"]),
        ("codewhale --model m exec --js", ["--json"]),
        ("codewhale exec --model ", []),
    ],
)
def test_bash_completes(parsers: dict[str, Parser], tmp_path: Path, typed: str, completed: list[str]) -> None:
    words = typed.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    ask = f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _codewhale; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    script = tmp_path / "try.sh"
    script.write_text(f"{bash(parsers)}\n{ask}\n")
    done = subprocess.run(["bash", str(script)], check=True, capture_output=True, text=True)
    assert done.stdout.split() == completed
