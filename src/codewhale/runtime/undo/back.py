"""The ways back: undo turns, or bring a whole snapshot's files back.

Everything that can be refused is refused before a file is touched. The present state is kept first, so that a way back can
itself be undone, and again after it, so that what it did is known.
"""

import os
from collections.abc import Collection, Mapping, Sequence, Sized

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.errors import Conflict, NotFound
from codewhale.domain.snapshots import PatchResult, SnapshotRow
from codewhale.runtime.undo.keeper import Keeper
from codewhale.runtime.undo.labels import POST_UNDO, PRE_UNDO
from codewhale.runtime.undo.marks import Mark, brought_back, marks, taken_back
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import blocking
from codewhale.workspace.snapshot.apply import Outcome, apply, sweep
from codewhale.workspace.snapshot.plan import Plan, Stretch, bring_back, take_back, with_folders
from codewhale.workspace.snapshot.records import Note, Snapshot
from codewhale.workspace.snapshot.store import SnapshotStore, View, remove_tree

_NAMED = 20
FORCE = "`--force` (or force: true) goes back anyway; the present state is kept as a snapshot first"


class Wanted(Struct, frozen=True, kw_only=True):
    """Who asks for a way back: the thread, the turn that does (if one does), and whether other changes may be overwritten.
    `seq` is the place in the log that the snapshots' labels name."""

    thread_id: str
    seq: int
    turn_id: str = ""
    force: bool = False


class _Way(Struct, frozen=True, kw_only=True):
    plan: Plan
    now: View
    label: str
    undone: tuple[str, ...] = ()
    redone: tuple[str, ...] = ()


class Back:
    """Goes back in the workspaces of one keeper."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def rows(self, workspace: str, limit: int) -> list[SnapshotRow]:
        """The newest snapshots of a workspace, newest first."""
        async with self._keeper.opened(workspace) as store:
            known = await store.snapshots()
        newest = known[::-1][:limit]
        return [SnapshotRow(id=each.id, label=each.label, timestamp=int(each.note.at)) for each in newest]

    async def turns(
        self, workspace: str, wanted: Wanted, ids: Mapping[str, str], needed: Collection[str]
    ) -> PatchResult:
        """Take back what these turns changed in the files; `ids` has every id of a turn to the one it is known by. `Conflict`
        when that cannot be told apart from later changes, or one that is `needed` has no snapshot."""
        async with self._keeper.opened(workspace) as store:
            now = await store.look()
            known = await store.snapshots()
            gone = taken_back(known)
            own = [mark for mark in marks(known) if mark.turn_id in ids]
            lacking = set(needed) - {ids[mark.turn_id] for mark in own}
            if lacking and not wanted.force:
                raise Conflict(
                    f"There is no snapshot from before {_plural(lacking, 'turn')} that may have changed files: "
                    f"{_listed(lacking)}",
                    hint="snapshots are kept for some days only; undo without the files works, and so does force: true",
                )
            chosen = [mark for mark in own if mark.turn_id not in gone]
            return await self._take_back(store, chosen, now, wanted)

    async def last(self, workspace: str, wanted: Wanted, ids: Collection[str], count: int) -> PatchResult:
        """Take back the last `count` of these turns that changed files and are not taken back yet."""
        async with self._keeper.opened(workspace) as store:
            now = await store.look()
            known = await store.snapshots()
            gone = taken_back(known)
            chosen: list[Mark] = []
            for mark in reversed(marks(known)):
                if len(chosen) == count:
                    break
                if mark.turn_id not in ids:
                    continue
                end = _view(mark.after) if mark.after is not None else now
                if mark.turn_id not in gone and await store.changes(_view(mark.before), end):
                    chosen.insert(0, mark)
            if len(chosen) < count:
                few = f"Only {_plural(chosen, 'turn')} of this thread can" if chosen else "No turn of this thread can"
                raise Conflict(
                    f"{few} be undone, {count} asked for: the others changed no files, are undone, or have no saved state",
                    hint="snapshots are kept for some days only; `codewhale restore list` shows those there are",
                )
            return await self._take_back(store, chosen, now, wanted)

    async def snapshot(self, workspace: str, wanted: Wanted, snapshot_id: str) -> PatchResult:
        """Make the files what a snapshot has. `Conflict` when that would undo what nobody has a snapshot of."""
        async with self._keeper.opened(workspace) as store:
            known = list(await store.snapshots())
            target = next((each for each in known if each.id == snapshot_id), None)
            if target is None:
                raise NotFound(f"Snapshot not found: {shown(snapshot_id[:80])}")
            now = await store.look()
            since = await store.changes(_view(known[-1]), now)
            plan = bring_back(await store.changes(now, _view(target)), since)
            plan = with_folders(plan, target.detail, now.detail, now.detail)
            redone = _undone_after(known, target)
            way = _Way(plan=plan, now=now, label=target.label, redone=redone)
            return await self._go(store, way, wanted)

    async def _take_back(self, store: SnapshotStore, chosen: Sequence[Mark], now: View, wanted: Wanted) -> PatchResult:
        if not chosen:
            return PatchResult(files_restored=0, summary="No files were changed.", snapshot_label=None)
        known = await store.snapshots()
        stretches: list[Stretch] = []
        for place, mark in enumerate(chosen):
            before = _view(mark.before)
            after = _view(mark.after) if mark.after is not None else now
            under_way = mark.turn_id == wanted.turn_id
            shared = bool(mark.after.note.beside) if mark.after is not None else not under_way
            stretches.append(Stretch(differences=await store.changes(before, after), undone=True, shared=shared))
            following = _view(chosen[place + 1].before) if place + 1 < len(chosen) else now
            stretches.append(Stretch(differences=await store.changes(after, following), undone=False))
        last = chosen[-1].after
        plan = with_folders(
            take_back(stretches), chosen[0].before.detail, last.detail if last is not None else now.detail, now.detail
        )
        ids = tuple(mark.turn_id for mark in chosen)
        way = _Way(plan=plan, now=now, label=chosen[0].before.label, undone=ids, redone=brought_back(known, ids))
        return await self._go(store, way, wanted)

    async def _go(self, store: SnapshotStore, way: _Way, wanted: Wanted) -> PatchResult:
        plan = way.plan
        others = self._keeper.writing.get(store.root, {}).keys() - {wanted.turn_id}
        if others and not wanted.force:
            raise Conflict("Nothing was restored: a turn is writing in this folder now", hint="wait for its end")
        if plan.conflicts and not wanted.force:
            raise Conflict(
                f"Nothing was restored: {_plural(plan.conflicts, 'file')} changed since then in another way, or beside it: "
                f"{_listed(plan.conflicts)}",
                hint=FORCE,
            )
        plan = plan.forced()
        if not plan.steps and not plan.folders and not plan.leave:
            return PatchResult(
                files_restored=0, summary=_lost("No files had to change.", plan), snapshot_label=way.label
            )
        note = Note(
            label=f"{PRE_UNDO}{wanted.seq}",
            at=self._keeper.now(),
            thread_id=wanted.thread_id,
            turn_id=wanted.turn_id,
        )
        kept = await store.add(way.now, note)
        outcome = await self._apply(store, plan)
        after = await store.look()
        await store.add(after, replace(note, label=f"{POST_UNDO}{wanted.seq}", undone=way.undone, redone=way.redone))
        return _result(outcome, plan, way, kept)

    async def _apply(self, store: SnapshotStore, plan: Plan) -> Outcome:
        oids = sorted({target.oid for _, target in plan.steps.values() if target is not None})
        folder = await blocking(lambda _: store.staging())
        try:
            await store.unpack(oids, folder)
            contents = {oid: os.path.join(folder, str(number)) for number, oid in enumerate(oids)}
            await blocking(lambda _: sweep(store.root, store.leftovers))
            return await blocking(lambda stop: apply(store.root, plan, contents, lambda: bool(stop)))
        finally:
            remove_tree(folder)


def _undone_after(known: Sequence[Snapshot], target: Snapshot) -> tuple[str, ...]:
    """The turns that were undone right after `target` was kept, for they are back with it."""
    if not target.label.startswith(PRE_UNDO):
        return ()
    following = known[known.index(target) + 1 :]
    return following[0].note.undone if following and following[0].label.startswith(POST_UNDO) else ()


def _view(snapshot: Snapshot) -> View:
    return View(tree=snapshot.tree, detail=snapshot.detail)


def _result(outcome: Outcome, plan: Plan, way: _Way, kept: Snapshot) -> PatchResult:
    count = len(outcome.written) + len(outcome.removed)
    summary = f"{len(outcome.written)} files restored, {len(outcome.removed)} removed"
    if plan.folders:
        summary += f", {len(plan.folders)} empty folders made"
    summary += f". The state before this is kept as {kept.label} ({kept.id[:12]})."
    if outcome.failed:
        reasons = "; ".join(f"{shown(path)}: {why}" for path, why in list(outcome.failed.items())[:_NAMED])
        summary += f" Not restored, {_plural(outcome.failed, 'file')}: {reasons}."
    return PatchResult(files_restored=count, summary=_lost(summary, plan), snapshot_label=way.label)


def _lost(summary: str, plan: Plan) -> str:
    if not plan.lost:
        return summary
    named = "; ".join(f"{shown(path)} ({why})" for path, why in list(plan.lost.items())[:_NAMED])
    return f"{summary} Was not in the snapshot and is gone: {named}."


def _plural(things: Sized, word: str) -> str:
    return f"{len(things)} {word}" + "s" * (len(things) != 1)


def _listed(paths: Collection[str]) -> str:
    named = ", ".join(shown(path) for path in sorted(paths)[:_NAMED])
    return named + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")
