"""Snapshots of a tree of 50,000 files: the first one, and one after a single change. The floor is `git add -A` and
`git write-tree` into a repository beside it, which leaves out ignored and nested files."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Place, Row
from codewhale.workspace.git.run import find_git
from codewhale.workspace.processes import Processes
from codewhale.workspace.snapshot.records import Note
from codewhale.workspace.snapshot.scan import Limits
from codewhale.workspace.snapshot.side import Side
from codewhale.workspace.snapshot.store import Quota, SnapshotStore

FILES = 50_000
REPEATS = 3


def large_tree(where: Place) -> Iterator[Row]:
    """Seconds for the first and for a later snapshot."""
    root = where.root / "large"
    grow(root)
    first: list[tuple[float, float]] = []
    later: list[tuple[float, float]] = []
    for run in range(REPEATS):
        ours = asyncio.run(taken(root, where.root / f"side-{run}"))
        floor = added(root, where.root / f"floor-{run}")
        first.append((ours[0], floor[0]))
        later.append((ours[1], floor[1]))
        shutil.rmtree(where.root / f"side-{run}")
        shutil.rmtree(where.root / f"floor-{run}")
    yield Row(f"snapshot of {FILES:,} files, first", "s", *_middle(first), target="beside the model call")
    yield Row(f"snapshot of {FILES:,} files, one changed", "s", *_middle(later), target="< 1 s")


def _middle(pairs: list[tuple[float, float]]) -> tuple[float, float]:
    return sorted(ours for ours, _ in pairs)[REPEATS // 2], sorted(floor for _, floor in pairs)[REPEATS // 2]


def grow(root: Path) -> None:
    """Ten files of about 2 KB in each folder, all different, all older than the moment of the first look."""
    for number in range(FILES // 10):
        folder = root / f"d{number % 100}" / f"e{number}"
        folder.mkdir(parents=True)
        for place in range(10):
            file = folder / f"f{place}.txt"
            file.write_text(f"{number} {place}\n" * 200)
            os.utime(file, (1_700_000_000, 1_700_000_000))
    time.sleep(2.1)  # a file younger than two seconds is read twice


async def taken(root: Path, side: Path) -> tuple[float, float]:
    """Seconds for a first snapshot and for one after a change, each with the store opened anew."""
    processes = Processes(dict(os.environ))
    git = find_git(processes, str(root))
    assert git is not None
    seconds: list[float] = []
    for number in range(2):
        store = SnapshotStore(Side(git, str(side)), str(root), Limits(), Quota())
        (root / "changed").write_text(str(number))
        began = time.perf_counter()
        async with store.held():
            await store.add(await store.look(), Note(label=f"pre-turn:{number}", at=number))
        seconds.append(time.perf_counter() - began)
    processes.close()
    return seconds[0], seconds[1]


def added(root: Path, side: Path) -> tuple[float, float]:
    """The same with git's own index and a work tree."""
    env = {"PATH": os.environ["PATH"], "GIT_DIR": str(side), "GIT_WORK_TREE": str(root), "HOME": str(side)}
    subprocess.run(["git", "init", "-q", str(side)], env={"PATH": env["PATH"], "HOME": str(side)}, check=True)
    env["GIT_DIR"] = str(side / ".git")
    seconds: list[float] = []
    for number in range(2):
        (root / "changed").write_text(str(number))
        began = time.perf_counter()
        subprocess.run(["git", "add", "-A"], env=env, cwd=root, check=True)
        subprocess.run(["git", "write-tree"], env=env, cwd=root, check=True, capture_output=True)
        seconds.append(time.perf_counter() - began)
    return seconds[0], seconds[1]
