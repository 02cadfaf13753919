"""A folder to work in."""

from pathlib import Path

import pytest


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty folder, with room beside it."""
    root = tmp_path / "workspace"
    root.mkdir()
    return root
