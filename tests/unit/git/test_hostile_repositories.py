"""Twenty ways of a repository to run something, against every way of ours to run git: none runs."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import R, Wish
from codewhale.tools.git import GitBlame, GitDiff, GitLog, GitShow, GitStatus, blame, diff, log, show, status
from codewhale.tools.tool import ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.git.run import find_git
from codewhale.workspace.git_status import workspace_status
from codewhale.workspace.processes import Processes
from codewhale.workspace.snapshot.apply import apply
from codewhale.workspace.snapshot.plan import bring_back
from codewhale.workspace.snapshot.records import Note
from codewhale.workspace.snapshot.scan import Limits
from codewhale.workspace.snapshot.side import Side
from codewhale.workspace.snapshot.store import Quota, SnapshotStore
from tests.unit.git.conftest import ENVIRON, VECTORS, Hostile

PLAIN = (
    ("status",),
    ("diff",),
    ("diff", "--cached"),
    ("log", "-p"),
    ("show", "HEAD"),
    ("blame", "a.txt"),
    ("add", "-A"),
)
ASLEEP = {"ssh command", "merge driver", "alias over a builtin", "pagers", "submodule update", "smudge filter"}
"""Vectors that such commands do not wake without a terminal, a merge or a network; the others must really be live."""


@pytest.fixture
async def processes() -> AsyncGenerator[Processes]:
    found = Processes(ENVIRON)
    yield found
    found.close()


def context(root: Path, processes: Processes) -> ToolContext:
    async def ask(wish: Wish[R]) -> R:
        raise ToolError(f"{wish} is not granted here")

    return ToolContext(files=Files(str(root)), processes=processes, progress=lambda _: None, ask=ask)


async def read(root: Path, processes: Processes) -> list[str]:
    """Every git tool of ours, and the status of the workspace; what each said."""
    ctx = context(root, processes)
    said = [str(await workspace_status(processes, str(root)))]
    for ask in (
        lambda: status(GitStatus(), ctx),
        lambda: diff(GitDiff(), ctx),
        lambda: diff(GitDiff(cached=True), ctx),
        lambda: log(GitLog(), ctx),
        lambda: show(GitShow(rev="HEAD"), ctx),
        lambda: show(GitShow(rev="HEAD:a.txt"), ctx),
        lambda: blame(GitBlame(path="a.txt"), ctx),
    ):
        try:
            said.append((await ask()).text)
        except ToolError as error:
            said.append(error.message)
    return said


async def snapshot_and_restore(root: Path, side: Path, processes: Processes) -> None:
    """A snapshot, a change, another snapshot, and the way back."""
    git = find_git(processes, str(root))
    assert git is not None
    store = SnapshotStore(Side(git, str(side)), str(root), Limits(), Quota())
    async with store.held():
        before = await store.look()
        await store.add(before, Note(label="pre-turn:1", at=1))
        (root / "a.txt").write_text("other\n")
        now = await store.look()
        plan = bring_back(await store.changes(now, before), {})
        folder = store.staging()
        oids = [target.oid for _, target in plan.steps.values() if target is not None]
        await store.unpack(oids, folder)
        apply(str(root), plan, {oid: f"{folder}/{number}" for number, oid in enumerate(oids)})
        await store.prune(10.0)


@pytest.mark.parametrize("vector", VECTORS)
async def test_nothing_of_a_hostile_repository_runs(
    hostile: Hostile, processes: Processes, tmp_path: Path, vector: str
) -> None:
    VECTORS[vector](hostile)
    for words in PLAIN:
        if not hostile.fired():
            hostile.git(*words, check=False)
    assert hostile.fired() or vector in ASLEEP | {"fsmonitor of an embedded bare repository"}
    hostile.git("reset", "-q", check=False)
    hostile.disarm()
    await read(hostile.root, processes)
    inner = hostile.root / "bare"
    if inner.exists():
        await read(inner, processes)
    changed = (hostile.root / "a.txt").read_bytes()
    await snapshot_and_restore(hostile.root, tmp_path / "side", processes)
    assert (hostile.root / "a.txt").read_bytes() == changed
    assert not hostile.fired(), hostile.canary.read_text()


async def test_what_is_read_of_a_harmless_repository(hostile: Hostile, processes: Processes) -> None:
    hostile.changed()
    hostile.git("add", "new.txt")
    said = await read(hostile.root, processes)
    assert said[1] == "## main\n M a.txt\nA  new.txt\n"
    assert "-one\n+1ne\n" in said[2]
    assert "+new" in said[3]
    assert [line.partition(": ")[2] for line in said[4].splitlines()] == ["second (HEAD -> main)", "first"]
    assert "-two\n+2\n" in said[5]
    assert said[6] == "one\n2\n"
    assert "1) 1ne" in said[7]


async def test_a_part_of_a_repository_shows_only_itself(hostile: Hostile, processes: Processes) -> None:
    (hostile.root / "part").mkdir()
    (hostile.root / "part" / "b").write_text("b")
    hostile.changed()
    ctx = context(hostile.root / "part", processes)
    assert (await status(GitStatus(), ctx)).text == "## main\n?? part/\n"
    with pytest.raises(ToolError, match="outside"):
        await diff(GitDiff(path="../a.txt"), ctx)


@pytest.mark.parametrize("rev", ["--output=/tmp/x", "-p", "--exec=touch"])
async def test_a_revision_is_never_an_option(hostile: Hostile, processes: Processes, rev: str) -> None:
    with pytest.raises(ToolError, match="no revision"):
        await show(GitShow(rev=rev), context(hostile.root, processes))
    with pytest.raises(ToolError, match="no revision"):
        await blame(GitBlame(path="a.txt", rev=rev), context(hostile.root, processes))


async def test_a_long_answer_is_cut_and_says_so(hostile: Hostile, processes: Processes) -> None:
    (hostile.root / "a.txt").write_text("a line of some length\n" * 20_000)
    found = await diff(GitDiff(), context(hostile.root, processes))
    assert found.text.count("\n[cut after 40,000 characters of about ") == 1
    assert len(found.text) < 40_200


async def test_a_git_in_the_workspace_is_not_run(hostile: Hostile) -> None:
    (hostile.root / "git").write_text(hostile.program.read_text())
    (hostile.root / "git").chmod(0o755)
    own = Processes({"PATH": f"{hostile.root}:/usr/bin"})
    assert find_git(own, str(hostile.root)) is None
    assert (await workspace_status(own, str(hostile.root))).git_repo is False
    own.close()
