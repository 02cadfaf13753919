"""Workspaces with and without a repository."""

from collections.abc import Callable
from pathlib import Path

import pytest

Repository = Callable[[Path], Path]


def _repository(folder: Path) -> Path:
    git = folder / ".git"
    for name in ("objects", "refs", "hooks"):
        (git / name).mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "config").write_text("[core]\n\tbare = false\n")
    return git


@pytest.fixture
def repository() -> Repository:
    """Makes as much of a repository in a folder as git needs to see one."""
    return _repository


@pytest.fixture
def ws(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "ws"
    folder.mkdir()
    return folder
