"""Which folders get snapshots, where they are, and how many stay: the newest always does."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.errors import ToolError
from codewhale.workspace.snapshot.keep import oldest, superfluous
from codewhale.workspace.snapshot.places import fnv1a, place_of, refusal
from codewhale.workspace.snapshot.records import Detail, Note, Snapshot
from codewhale.workspace.snapshot.scan import Limits
from codewhale.workspace.snapshot.store import Quota
from tests.unit.snapshot.conftest import Kept


@pytest.mark.parametrize(
    "folder", ["/", "/home", "/tmp", "/home/me", "/home/me/Documents", "/home/me/downloads", "/usr"]
)
def test_no_snapshots_of_a_whole_machine_or_home(folder: str) -> None:
    assert refusal(folder, "/home/me") is not None


@pytest.mark.parametrize("folder", ["/home/me/work", "/home/me/work/Documents", "/tmp/x", "/home/me2"])
def test_projects_get_them(folder: str) -> None:
    assert refusal(folder, "/home/me") is None


def test_work_trees_of_one_project_lie_side_by_side(tmp_path: Path) -> None:
    project = Path(place_of("/s", str(tmp_path / "p")))
    tree = Path(place_of("/s", str(tmp_path / "p" / ".worktrees" / "fix")))
    assert (project.parent, project.name) == (tree.parent, fnv1a(bytes(tmp_path / "p")))
    assert project != tree
    assert fnv1a(b"") == "cbf29ce484222325"
    assert fnv1a(b"foobar") == "85944171f73967e8"


def snapshot(number: int, at: float) -> Snapshot:
    note = Note(label=f"pre-turn:{number}", at=at)
    return Snapshot(id=str(number), tree="", ref=f"refs/snapshots/{number:012d}", note=note, detail=Detail())


def test_of_mixed_ages_the_old_ones_go() -> None:
    chain = [snapshot(n, at) for n, at in enumerate([100.0, 9.0, 50.0, 8.0, 99.0, 101.0])]
    gone = superfluous(chain, now=102.0, max_age=60.0, max_count=50)
    assert sorted(each.id for each in gone) == ["1", "3"]


@given(
    st.lists(st.floats(0, 1e9), min_size=1, max_size=30),
    st.integers(1, 10),
    st.floats(0, 1e9),
    st.floats(0, 2e9),
    st.floats(0, 1),
)
def test_the_newest_always_stays(ages: list[float], count: int, max_age: float, now: float, share: float) -> None:
    chain = [snapshot(n, at) for n, at in enumerate(ages)]
    gone = superfluous(chain, now=now, max_age=max_age, max_count=count)
    assert chain[-1] not in gone
    assert len(chain) - len(gone) <= count
    assert all(each in gone or each is chain[-1] or each.note.at >= now - max_age for each in chain)
    assert chain[-1] not in oldest(chain, share)


async def test_too_many_and_too_old_ones_go_from_the_disk(kept: Kept) -> None:
    kept.open(quota=Quota(count=3, age=10.0))
    for n in range(6):
        (kept.root / "f").write_text(str(n))
        await kept.take(f"pre-turn:{n}", at=float(n))
    async with kept.store.held():
        await kept.store.prune(now=5.0)
        assert [each.label for each in await kept.store.snapshots()] == ["pre-turn:3", "pre-turn:4", "pre-turn:5"]
        await kept.store.prune(now=1000.0)
    async with kept.open().held():
        assert [each.label for each in await kept.store.snapshots()] == ["pre-turn:5"]


async def test_the_disk_quota_is_kept_by_dropping_the_oldest(kept: Kept) -> None:
    noise = random.Random(1)
    kept.open(quota=Quota(size=3_000_000, size_after=2_000_000))
    last = await kept.take(at=0.0)
    for n in range(6):
        (kept.root / "f").write_bytes(noise.randbytes(700_000))
        last = await kept.take(f"pre-turn:{n}", at=float(n))
        async with kept.store.held():
            await kept.store.prune(now=float(n))
            size = sum(path.stat().st_size for path in kept.side.rglob("*") if path.is_file())
            assert size <= 3_000_000
            known = await kept.store.snapshots()
            assert known[-1] == last
    (kept.root / "f").write_text("gone")
    await kept.restore(last)
    assert (kept.root / "f").stat().st_size == 700_000


async def test_one_snapshot_that_is_larger_than_the_quota_ends_them(kept: Kept) -> None:
    kept.open(quota=Quota(size=100_000, size_after=80_000))
    (kept.root / "f").write_bytes(random.Random(1).randbytes(700_000))
    await kept.take()
    async with kept.store.held():
        with pytest.raises(ToolError, match="one snapshot alone takes 0 MB"):
            await kept.store.prune(now=1.0)
    assert sum(path.stat().st_size for path in kept.side.rglob("*") if path.is_file()) < 1000


async def test_a_second_process_is_told_and_does_not_wait(kept: Kept) -> None:
    first = kept.store
    async with first.held():
        with pytest.raises(ToolError, match="another codewhale"):
            async with kept.open(Limits()).held():
                raise AssertionError
