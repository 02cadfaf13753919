"""The import laws and the dead code check, as tests, so that a plain test run shows a breach."""

import subprocess
import sys
from pathlib import Path


def run(root: Path, *command: str) -> str:
    """The tool's report; empty when it found nothing."""
    done = subprocess.run(
        [sys.executable, *command], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_imports_follow_the_layers(root: Path) -> None:
    assert run(root, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()") == ""


def test_nothing_is_dead(root: Path) -> None:
    assert run(root, "scripts/dead.py") == ""
