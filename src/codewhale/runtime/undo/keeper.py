"""Who may take snapshots where: one store per workspace, one user of it at a time, and why a workspace has none.

Imported with the first turn that keeps snapshots; nothing here runs at start-up.
"""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime

from codewhale.domain.errors import NotAvailable, ToolError
from codewhale.domain.ports import Clock
from codewhale.domain.snapshots import SnapshotLimits
from codewhale.workspace.git.run import find_git
from codewhale.workspace.processes import Processes
from codewhale.workspace.snapshot.places import place_of, refusal
from codewhale.workspace.snapshot.scan import Limits, TooLarge
from codewhale.workspace.snapshot.side import Side
from codewhale.workspace.snapshot.store import Quota, SnapshotStore

DAY = 86_400.0
_MEGABYTE = 1024**2


class Keeper:
    """The snapshots of all workspaces of one runtime, below `root`."""

    def __init__(self, root: str, limits: SnapshotLimits, processes: Processes, clock: Clock) -> None:
        self.clock = clock
        self._root = root
        self._limits = limits
        self._processes = processes
        self._stores: dict[str, SnapshotStore] = {}
        self._turns: dict[str, asyncio.Lock] = {}
        self._refused: dict[str, str] = {}
        self._told: set[str] = set()
        self.writing: dict[str, dict[str, set[str]]] = {}
        """By workspace the turns that write in it now, each with the threads that wrote beside it."""

    @asynccontextmanager
    async def opened(self, workspace: str) -> AsyncGenerator[SnapshotStore]:
        """The workspace's store, for this caller alone. `NotAvailable` with the reason when it has none."""
        root = root_of(workspace)
        async with self._turns.setdefault(root, asyncio.Lock()):
            store = self._store(root)
            try:
                async with store.held():
                    yield store
            except TooLarge as error:
                self._refused[root] = str(error)
                raise NotAvailable(
                    _why(str(error)),
                    hint="[snapshots] max_workspace_gb sets the limit; see docs/undo.md",
                ) from error
            except (ToolError, OSError) as error:
                reason = error.message if isinstance(error, ToolError) else str(error)
                raise NotAvailable(_why(reason), code="snapshot_failed") from error

    def now(self) -> float:
        """The time in Unix seconds."""
        return datetime.fromisoformat(self.clock.now()).timestamp()

    def put_off(self, root: str, reason: str) -> None:
        """Take no more snapshots of a workspace for as long as this runtime lives."""
        self._refused[root] = reason

    def first_time(self, thread_id: str) -> bool:
        """Whether this thread has not been told yet that it has no undo."""
        if thread_id in self._told:
            return False
        self._told.add(thread_id)
        return True

    def _store(self, root: str) -> SnapshotStore:
        if root in self._refused:
            raise NotAvailable(_why(self._refused[root]))
        found = self._stores.get(root)
        if found is None:
            found = self._stores[root] = self._open(root)
        return found

    def _open(self, root: str) -> SnapshotStore:
        if not self._limits.enabled:
            raise NotAvailable(_why("snapshots are switched off ([snapshots] enabled)"))
        if not os.path.isdir(root):
            raise NotAvailable(_why(f"{root} is no folder"))
        refused = refusal(root, self._processes.home)
        if refused is not None:
            raise NotAvailable(_why(refused))
        git = find_git(self._processes, root)
        if git is None:
            raise NotAvailable(_why("git is not installed, or only inside the workspace"))
        limits = self._limits
        return SnapshotStore(
            Side(git, place_of(self._root, root)),
            root,
            Limits(size=int(limits.max_workspace_gb * 1024**3), file=limits.max_file_mb * _MEGABYTE),
            Quota(
                count=limits.max_count,
                age=limits.max_age_days * DAY,
                size=limits.max_disk_mb * _MEGABYTE,
                size_after=limits.max_disk_mb * _MEGABYTE * 4 // 5,
            ),
        )


def root_of(workspace: str) -> str:
    """The workspace's one real path."""
    return os.path.realpath(workspace)


def _why(reason: str) -> str:
    return f"Snapshots of this workspace are not available: {reason}"
