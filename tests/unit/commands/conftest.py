"""A small workspace with a link that leads out of it, and a home that is somewhere else."""

import pytest

from codewhale.policy.commands.verdict import Place

HOME = "/home/someone"


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("workspace")
    (root / "src").mkdir()
    (root / "a.txt").write_text("foo\n")
    (root / "src/m.py").write_text("foo\n")
    (root / "link").symlink_to("/etc")
    return Place(workspace=str(root), cwd=str(root), home=HOME)
