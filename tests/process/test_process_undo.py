"""Undo with the real binary: from the command line, and after a `kill -9` in the middle of a snapshot and of a restore."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import ModelOf, Site

SCRIPT = """
[[turn]]
[[turn.reply]]
text = "I tidy up."
calls = [{tool = "exec_shell", arguments = {command = "rm -rf build && git clean -fdxq; echo new > made"}}]
[[turn.reply]]
text = "Done."
"""
STOPPED = """
import asyncio, os, signal, sys
from codewhale.workspace.git.run import find_git
from codewhale.workspace.processes import Processes
from codewhale.workspace.snapshot import apply as applying, side as sides
from codewhale.workspace.snapshot.plan import bring_back
from codewhale.workspace.snapshot.records import Note
from codewhale.workspace.snapshot.scan import Limits
from codewhale.workspace.snapshot.store import Quota, SnapshotStore, View

root, place, moment, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
steps = 0

def step():
    global steps
    steps += 1
    if steps == count:
        os.kill(os.getpid(), signal.SIGKILL)

def counted(owner, name):
    real = getattr(owner, name)
    def wrapped(*args, **kwargs):
        step()
        return real(*args, **kwargs)
    setattr(owner, name, wrapped)

async def main():
    processes = Processes(dict(os.environ))
    store = SnapshotStore(sides.Side(find_git(processes, root), place), root, Limits(), Quota())
    async with store.held():
        if moment == "snapshot":
            counted(sides.Side, "_run")
            counted(SnapshotStore, "_save")
            counted(SnapshotStore, "_forget")
            await store.add(await store.look(), Note(label="pre-turn:9", at=9.0))
            return
        target = (await store.snapshots())[0]
        now = await store.look()
        plan = bring_back(await store.changes(now, View(tree=target.tree, detail=target.detail)), {})
        oids = [state.oid for _, state in plan.steps.values() if state is not None]
        folder = store.staging()
        await store.unpack(oids, folder)
        for name in ("_write", "_remove"):
            counted(applying, name)
        for name in ("rename", "unlink"):
            counted(os, name)
        applying.sweep(root, store.leftovers)
        applying.apply(root, plan, {oid: f"{folder}/{n}" for n, oid in enumerate(oids)})

asyncio.run(main())
print("survived")
"""


def project(work: Path) -> dict[str, str]:
    """A git repository with ignored and untracked files; what is in it."""
    quiet = {"PATH": os.environ["PATH"], "HOME": str(work), "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", "init", "-q"], cwd=work, env=quiet, check=True)
    (work / ".gitignore").write_text("build/\n")
    (work / "build").mkdir()
    (work / "build" / "app").write_text("compiled")
    (work / "notes").write_text("mine")
    return state(work)


def state(work: Path) -> dict[str, str]:
    return {
        str(path.relative_to(work)): path.read_text()
        for path in sorted(work.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(work).parts
    }


def test_undo_and_restore_from_the_command_line(site: "Site", model_of: "ModelOf") -> None:
    before = project(site.work)
    site.answered_by(model_of(SCRIPT))
    empty = site.run("restore")
    assert (empty.code, "No saved states" in empty.out) == (0, True)
    done = site.run("exec", "--auto", "tidy up")
    assert done.code == 0, done.err
    after = state(site.work)
    assert after == {"made": "new\n"}
    undone = site.run("undo")
    assert (undone.code, undone.err) == (0, "")
    assert undone.out.startswith("3 files restored, 1 removed.")
    assert state(site.work) == before
    listed = site.run("restore", "list").out.splitlines()
    assert [line.split()[-1].partition(":")[0] for line in listed[1:]] == [
        *("post-undo", "pre-undo", "post-turn", "pre-turn"),
    ]
    assert site.run("restore", "2").code == 0
    assert state(site.work) == after
    (site.work / "made").write_text("by hand")
    refused = site.run("undo")
    assert (refused.code, "made" in refused.err, "--force" in refused.err) == (1, True, True)
    assert site.run("undo", "--force").code == 0
    assert state(site.work) == before
    assert site.run("restore", "99").code == 1
    assert site.run("undo", "--turns", "0").code == 2


def stopped(site: "Site", moment: str, count: int) -> bool:
    """Run up to the `count`-th step and be killed there; False when it was over before."""
    place = site.home / "side"
    words = [sys.executable, "-c", STOPPED, str(site.work), str(place), moment, str(count)]
    done = subprocess.run(words, env=site.env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


@pytest.mark.parametrize("moment", ["snapshot", "restore"])
def test_a_kill_anywhere_leaves_a_store_and_a_workspace_that_go_on(site: "Site", moment: str) -> None:
    first = project(site.work)
    assert not stopped(site, "snapshot", 1000)
    (site.work / "made").write_text("new")
    (site.work / "build" / "app").write_text("worse")
    (site.work / "notes").unlink()
    changed = state(site.work)
    for count in range(1, 40):
        if moment == "restore":
            for name in set(state(site.work)) - set(changed):
                (site.work / name).unlink()
            for name, text in changed.items():
                (site.work / name).write_text(text)
        over = not stopped(site, moment, count)
        if moment == "snapshot":
            assert state(site.work) == changed
        else:
            assert all(
                text in (first.get(name), changed.get(name)) or ".codewhale-" in name
                for name, text in state(site.work).items()
            )
        if over:
            break
    else:
        raise AssertionError("it never came to its end")
    assert not stopped(site, "restore", 1000)
    assert state(site.work) == first
