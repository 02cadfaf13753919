"""A restore writes beneath the workspace and nowhere else, whatever lies in the way or is put there meanwhile."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread

import pytest

from codewhale.workspace.snapshot.apply import apply
from codewhale.workspace.snapshot.plan import Plan
from codewhale.workspace.snapshot.records import State
from tests.unit.snapshot.conftest import Kept

SECRET = "outside"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "f").write_text(SECRET)
    return folder


def untouched(outside: Path) -> bool:
    return sorted(os.listdir(outside)) == ["f"] and (outside / "f").read_text() == SECRET


def _folder_is_a_link(root: Path, outside: Path) -> None:
    (root / "d" / "f").unlink()
    (root / "d").rmdir()
    (root / "d").symlink_to(outside)


def _file_is_a_link(root: Path, outside: Path) -> None:
    (root / "d" / "f").unlink()
    (root / "d" / "f").symlink_to(outside / "f")


def _file_is_a_dangling_link(root: Path, outside: Path) -> None:
    (root / "d" / "f").unlink()
    (root / "d" / "f").symlink_to(outside / "made")


def _file_is_a_hard_link(root: Path, outside: Path) -> None:
    (root / "d" / "f").unlink()
    os.link(outside / "f", root / "d" / "f")


def _gone(root: Path, outside: Path) -> None:
    del outside
    (root / "d" / "f").unlink()
    (root / "d").rmdir()


MATRIX = [_folder_is_a_link, _file_is_a_link, _file_is_a_dangling_link, _file_is_a_hard_link, _gone]


@pytest.mark.parametrize("change", MATRIX)
async def test_links_found_in_the_way_are_replaced_not_followed(
    kept: Kept, outside: Path, change: Callable[[Path, Path], None]
) -> None:
    (kept.root / "d").mkdir()
    (kept.root / "d" / "f").write_text("kept")
    snapshot = await kept.take()
    change(kept.root, outside)
    await kept.restore(snapshot)
    assert ((kept.root / "d" / "f").read_text(), (kept.root / "d").is_symlink()) == ("kept", False)
    assert untouched(outside)


@pytest.mark.parametrize("change", MATRIX[:-1])
async def test_links_put_in_the_way_after_the_plan_are_left_alone(
    kept: Kept, outside: Path, change: Callable[[Path, Path], None]
) -> None:
    (kept.root / "d").mkdir()
    (kept.root / "d" / "f").write_text("kept")
    snapshot = await kept.take()
    (kept.root / "d" / "f").write_text("turn")
    done = await kept.restore(snapshot, meanwhile=lambda: change(kept.root, outside))
    assert set(done.failed) == {"d/f"}
    assert untouched(outside)


async def test_what_somebody_writes_meanwhile_is_not_overwritten(kept: Kept) -> None:
    (kept.root / "a").write_text("kept")
    (kept.root / "b").write_text("kept")
    snapshot = await kept.take()
    (kept.root / "a").write_text("turn")
    (kept.root / "b").write_text("turn")

    def write() -> None:
        (kept.root / "a").write_text("mine")

    done = await kept.restore(snapshot, meanwhile=write)
    assert (done.failed, done.written) == ({"a": "somebody changed it meanwhile"}, ["b"])
    assert ((kept.root / "a").read_text(), (kept.root / "b").read_text()) == ("mine", "kept")


def test_a_folder_that_flips_to_a_link_is_never_written_through(
    tmp_path: Path, outside: Path, request: pytest.FixtureRequest
) -> None:
    races = 10_000 if request.config.getoption("--full") else 300
    root = tmp_path / "root"
    (root / "d").mkdir(parents=True)
    (root / "link").symlink_to(outside)
    source = tmp_path / "source"
    source.write_text("inside")
    over = Event()

    def flip() -> None:
        while not over.is_set():
            for old, new in (("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")):
                with suppress(OSError):  # the restore made a folder in the moment without one
                    os.rename(root / old, root / new)
            if not (root / "link").is_symlink() and not (root / "d").is_symlink():
                with suppress(OSError):
                    (root / "link").symlink_to(outside)

    thread = Thread(target=flip)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        state = State(mode="100644", oid="1", permissions=0o644)
        for turn in range(races):
            names = [f"d/new{turn}", f"d/deep{turn}/f", "d/f"]
            plan = Plan(steps=dict.fromkeys(names, (None, state)), leave=("d/empty",), folders=(f"d/e{turn}",))
            apply(str(root), plan, {"1": str(source)})
            removal = Plan(steps={"d/f": (State(mode="100644", oid="x", permissions=0o644), None)})
            apply(str(root), removal, {})
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert untouched(outside)
