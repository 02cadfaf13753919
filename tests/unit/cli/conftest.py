"""The command line run in this process, with a home of its own."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import Struct

from codewhale.surfaces.cli.main import main


class Ran(Struct, frozen=True):
    """What a command line did."""

    code: int
    out: str
    err: str


Codewhale = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home with nothing of the developer's own settings; the current folder is an empty one beside it."""
    for name in list(os.environ):  # noqa: TID251
        if name.startswith(("DEEPSEEK_", "CODEWHALE_", "OPENAI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CODEWHALE_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


@pytest.fixture
def codewhale(home: Path, capfd: pytest.CaptureFixture[str]) -> Codewhale:
    """Runs `codewhale` with these words in this process."""

    def run(*words: str) -> Ran:
        capfd.readouterr()
        code = main(list(words))
        sys.stdout.flush()
        said = capfd.readouterr()
        return Ran(code, said.out, said.err)

    return run
