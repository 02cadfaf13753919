"""A workspace in a temporary folder, with something outside it that must stay untouched."""

from pathlib import Path

import pytest

from codewhale.workspace.files import Files


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.txt").write_text("secret\n")
    return folder


@pytest.fixture
def root(tmp_path: Path, outside: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "app.py").write_text("print('hi')\n")
    return folder


@pytest.fixture
def files(root: Path) -> Files:
    return Files(str(root))
