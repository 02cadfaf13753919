"""Generated commands that come out safe, run in a sandbox without network: nothing in the tree may change."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/command_effects.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("command_effects", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_sample_of_safe_commands_has_no_effect() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--count", "3000", "--most-run", "250", "--seed", "11"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 77:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 250 run " in done.stdout


def test_the_comparison_sees_an_effect(script: ModuleType, tmp_path: Path) -> None:
    home = tmp_path / "tree"
    script.make_tree(home)
    sandbox = script.confinement(home)
    if sandbox is None:
        pytest.skip("neither bwrap nor unshare works here")
    commands = ["ls", "cat a.txt", "touch PWNED", "ls", "chmod 600 a.txt"]
    assert script.effects(commands, home, sandbox) == ["touch PWNED", "chmod 600 a.txt"]
