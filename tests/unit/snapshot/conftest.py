"""A workspace and the store of its snapshots, without a runtime."""

from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from codewhale.workspace.git.run import find_git
from codewhale.workspace.processes import Processes
from codewhale.workspace.snapshot.apply import Outcome, apply
from codewhale.workspace.snapshot.plan import bring_back, with_folders
from codewhale.workspace.snapshot.records import Note, Snapshot
from codewhale.workspace.snapshot.scan import Limits
from codewhale.workspace.snapshot.side import Side
from codewhale.workspace.snapshot.store import Quota, SnapshotStore, View

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Kept:
    """A workspace `root`, its store, and the shortest ways to take a snapshot and to go back to one."""

    def __init__(self, root: Path, side: Path, processes: Processes) -> None:
        self.root = root
        self.side = side
        self._processes = processes
        self.store = self.open()

    def open(self, limits: Limits | None = None, quota: Quota | None = None) -> SnapshotStore:
        """Another store of the same snapshots, as after a restart."""
        git = find_git(self._processes, str(self.root))
        assert git is not None
        self.store = SnapshotStore(Side(git, str(self.side)), str(self.root), limits or Limits(), quota or Quota())
        return self.store

    async def take(self, label: str = "pre-turn:1", at: float = 1.0) -> Snapshot:
        async with self.store.held():
            return await self.store.add(await self.store.look(), Note(label=label, at=at))

    async def restore(self, snapshot: Snapshot, meanwhile: Callable[[], None] = lambda: None) -> Outcome:
        """Go back; `meanwhile` is called between the plan and its carrying out."""
        async with self.store.held():
            now = await self.store.look()
            target = View(tree=snapshot.tree, detail=snapshot.detail)
            plan = with_folders(
                bring_back(await self.store.changes(now, target), {}), target.detail, now.detail, now.detail
            )
            oids = [state.oid for _, state in plan.steps.values() if state is not None]
            folder = self.store.staging()
            await self.store.unpack(oids, folder)
            meanwhile()
            return apply(str(self.root), plan, {oid: f"{folder}/{number}" for number, oid in enumerate(oids)})


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncGenerator[Kept]:
    processes = Processes(ENVIRON)
    (tmp_path / "tree").mkdir()
    yield Kept(tmp_path / "tree", tmp_path / "side", processes)
    processes.close()
