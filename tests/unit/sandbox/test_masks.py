"""Empty folders in place of protected names: shared, cleaned up, and never anybody's data."""

import os
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.sandbox.marks import MODE, is_mask
from codewhale.workspace.sandbox.masks import Masks


def test_a_mask_is_there_while_it_is_held(ws: Path) -> None:
    masks = Masks([str(ws / ".git")])
    assert is_mask(str(ws / ".git"))
    assert masks.release() == []
    assert os.listdir(ws) == []


def test_the_last_of_several_holders_removes_it(ws: Path) -> None:
    first, second = (Masks([str(ws / ".git")]) for _ in range(2))
    first.release()
    assert is_mask(str(ws / ".git"))
    second.release()
    assert os.listdir(ws) == []


def test_one_left_by_a_crash_goes_with_the_next_command(ws: Path) -> None:
    (ws / ".git").mkdir()
    (ws / ".git").chmod(MODE)
    Masks([str(ws / ".git")]).release()
    assert os.listdir(ws) == []


def test_what_somebody_put_in_it_stays_and_is_told(ws: Path) -> None:
    masks = Masks([str(ws / ".git")])
    (ws / ".git" / "config").write_text("theirs")
    assert masks.release() == [str(ws / ".git")]
    assert (ws / ".git" / "config").read_text() == "theirs"


def test_one_that_was_taken_away_is_told(ws: Path) -> None:
    masks = Masks([str(ws / ".git")])
    (ws / ".git").rmdir()
    assert masks.release() == [str(ws / ".git")]


def test_where_none_can_be_made_all_are_let_go(ws: Path) -> None:
    with pytest.raises(ToolError, match="sandbox_setup_failed"):
        Masks([str(ws / ".git"), str(ws / "missing" / ".git")])
    assert os.listdir(ws) == []
