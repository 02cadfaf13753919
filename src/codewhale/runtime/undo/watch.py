"""Takes the snapshots of a turn: the state before it while the model thinks, kept once a call may write, and the state
after it. Whatever fails here is said once in the thread and never stands in the turn's way.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from codewhale.domain import events as e
from codewhale.domain.errors import CodewhaleError
from codewhale.runtime.undo.labels import POST_TURN, PRE_TURN, TOOL

if TYPE_CHECKING:  # the first turn that is long enough, or that writes, loads them
    from codewhale.domain.records import Status, Turn
    from codewhale.domain.tools import ToolOutput
    from codewhale.policy.decide import PlannedCall
    from codewhale.runtime.outside import Seat
    from codewhale.runtime.undo.wiring import Undo
    from codewhale.workspace.snapshot.records import Snapshot
    from codewhale.workspace.snapshot.store import SnapshotStore, View

CHANGING = frozenset({"write", "execute"})
HEAD_START = 0.2
"""Seconds after which a turn that has called nothing is looked at for: a short answer costs nothing."""
CHEAP_SECONDS = 0.25
"""Where a look at the workspace takes longer, the state before the turn is the one from its start, and calls get none."""


class SnapshotWatch:
    """The snapshots of one turn."""

    def __init__(self, undo: Undo, seat: Seat) -> None:
        self._undo = undo
        self._seat = seat
        self._root = os.path.realpath(seat.thread.workspace)
        self._first: asyncio.Task[View | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._problem: str | None = None
        self._begun = False
        self._cheap = False
        self._seq = 0

    def turn_started(self, turn: Turn) -> None:
        """Begin to look at the workspace, beside the model call."""
        del turn
        self._seq = self._seat.recorder.ports.store.latest_seq
        if self._seat.posture().mode == "plan":
            return
        self._timer = asyncio.get_running_loop().call_later(HEAD_START, self._begin)
        own = asyncio.current_task()
        if own is not None:
            own.add_done_callback(lambda _: self._stop())

    async def call_planned(self, call: PlannedCall) -> None:
        del call

    async def call_cleared(self, call: PlannedCall) -> None:
        """Before the first call that may write the state before the turn is kept; before the others, the state then."""
        if not call.effects & CHANGING or self._timer is None:
            return
        looking = self._begin()
        if self._begun:
            if self._cheap:
                await self._take(f"{TOOL}{call.call_id}")
            return
        self._begun = True
        view = await looking
        turns = self._undo.keeper.writing.setdefault(self._root, {})
        mine = turns.setdefault(self._seat.recorder.turn.id, set())
        for turn_id, beside in turns.items():
            if turn_id != self._seat.recorder.turn.id:
                beside.add(self._seat.thread.id)
                mine.add(turn_id)
        if view is not None or self._problem is None:
            await self._take(f"{PRE_TURN}{self._seq}", None if self._cheap else view)
        self._tell()

    async def call_ended(self, call: PlannedCall, output: ToolOutput) -> ToolOutput:
        del call
        return output

    async def turn_ended(self, turn: Turn, status: Status) -> None:
        """Keep the state after the turn, if anything in it may have written."""
        del status
        if not self._begun:
            self._stop()
            return
        turns = self._undo.keeper.writing.get(self._root, {})
        beside = tuple(sorted(turns.pop(turn.id, set())))
        if not turns:
            self._undo.keeper.writing.pop(self._root, None)
        if self._problem is None:
            await self._take(f"{POST_TURN}{self._seq}", beside=beside)
            self._tell()
            self._seat.group.create_task(self._prune())

    def _begin(self) -> asyncio.Task[View | None]:
        """Look at the workspace now, unless that has begun."""
        if self._timer is not None:
            self._timer.cancel()
        if self._first is None:
            self._first = self._seat.group.create_task(self._look())
        return self._first

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._first is not None:
            self._first.cancel()

    async def _look(self) -> View | None:
        clock = self._undo.keeper.clock
        try:
            async with self._undo.keeper.opened(self._root) as store:
                began = clock.monotonic()
                view = await store.look()
                self._cheap = clock.monotonic() - began <= CHEAP_SECONDS
                return view
        except CodewhaleError as error:
            self._problem = error.in_full()
        return None

    async def _prune(self) -> None:
        try:
            async with self._undo.keeper.opened(self._root) as store:
                await store.prune(self._undo.keeper.now())
        except CodewhaleError as error:
            self._undo.keeper.put_off(self._root, error.in_full())

    async def _take(self, label: str, view: View | None = None, *, beside: tuple[str, ...] = ()) -> None:
        try:
            async with self._undo.keeper.opened(self._root) as store:
                snapshot = await self._added(store, label, view, beside)
        except CodewhaleError as error:
            self._problem = error.in_full()
            return
        if snapshot is not None:
            self._record(snapshot)

    async def _added(
        self, store: SnapshotStore, label: str, view: View | None, beside: tuple[str, ...]
    ) -> Snapshot | None:
        view = view or await store.look()
        if label.startswith(TOOL):
            known = await store.snapshots()
            if known and known[-1].tree == view.tree and known[-1].detail == view.detail:
                return None
        from codewhale.workspace.snapshot.records import Note  # noqa: PLC0415 - start-up: as above

        note = Note(
            label=label,
            at=self._undo.keeper.now(),
            thread_id=self._seat.thread.id,
            turn_id=self._seat.recorder.turn.id,
            beside=beside,
        )
        return await store.add(view, note)

    def _record(self, snapshot: Snapshot) -> None:
        recorder = self._seat.recorder
        taken = e.SnapshotTaken(
            snapshot_id=snapshot.id,
            label=snapshot.label,
            turn_id=recorder.turn.id,
            workspace=self._root,
            files=snapshot.detail.files,
            missing=tuple(snapshot.detail.missing),
        )
        now = recorder.ports.clock.now()
        recorder.ports.store.append([e.NewEvent(timestamp=now, thread_id=self._seat.thread.id, payload=taken)])

    def _tell(self) -> None:
        if self._problem is not None and self._undo.keeper.first_time(self._seat.thread.id):
            self._seat.recorder.note(f"Undo is not available. {self._problem}")
