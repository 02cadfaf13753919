"""The temporary folder of confined programs is removed whole, and nothing around it is touched."""

import os
import shutil
from pathlib import Path

import pytest

from codewhale.workspace.sandbox import scratch
from codewhale.workspace.sandbox.scratch import Scratch

GONE = f"{scratch.PREFIX}{2**22 + 1}-left"
"""What an owner left whose number no process can have."""


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_what_a_dead_owner_left_goes_even_without_permissions(tmp_path: Path) -> None:
    locked = tmp_path / GONE / "tmp" / "locked"
    locked.mkdir(parents=True)
    (locked / "file").touch()
    locked.chmod(0o000)
    ours = Scratch(str(tmp_path))
    assert [Path(ours.folder)] == list(tmp_path.iterdir())
    ours.close()
    assert list(tmp_path.iterdir()) == []


def test_the_folder_around_it_keeps_its_mode_though_another_one_removes_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / GONE).mkdir()
    tmp_path.chmod(0o1777)
    really = shutil.rmtree

    def late(path: str, **more: object) -> None:
        if os.path.isdir(path):
            os.rmdir(path)
        really(path, **more)  # pyright: ignore[reportArgumentType] - handed on as they came

    monkeypatch.setattr(scratch.shutil, "rmtree", late)
    ours = Scratch(str(tmp_path))
    assert Path(ours.folder).parent == tmp_path
    monkeypatch.undo()
    ours.close()
    assert mode(tmp_path) == 0o1777
