"""How the model learns that a background process has ended, once: from the result of a call that waits for it, else by a notice
in its thread's turn, else by a turn that the end begins, at most so many in a row.

The log has what was told; what this process has told or heard and is not on disk yet is kept in memory beside it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from codewhale.domain import events as e
from codewhale.domain.errors import CodewhaleError, StoreError
from codewhale.runtime.process_notices import notice, summary, worth_a_turn
from codewhale.workspace.background.journal import Piece, piece_of

if TYPE_CHECKING:
    import asyncio

    from codewhale.domain.processes import Process
    from codewhale.domain.wishes import Origin
    from codewhale.engine.ports import Ports
    from codewhale.runtime.residents import ActiveTurn, Resident

SOURCE = "background_process"
MOST_WAKES = 8
"""Turns in a row that ends of processes may begin in a thread; then they wait for a turn that somebody asks for."""
HEAD_BYTES, TAIL_BYTES = 22_000, 8_000
NOTICE_BYTES = 2_000


class Threads(Protocol):
    """The runtime, as far as its processes need it."""

    def resident(self, thread_id: str) -> Resident: ...

    async def wake(self, thread_id: str, summary: str) -> None:
        """Begin a turn without a word of a person."""
        ...


class Telling:
    """What the models of all threads know of their processes. Nothing begins a turn until `waking` is set."""

    def __init__(self, ports: Ports, threads: Threads, group: asyncio.TaskGroup) -> None:
        self.waking = False
        self._ports = ports
        self._threads = threads
        self._group = group
        self._seen: dict[str, int] = {}
        self._untold: dict[str, Process] = {}
        self._told: set[str] = set()
        self._wakes: dict[str, int] = {}
        self._woken: set[str] = set()

    def begin_waking(self) -> None:
        """Let ends begin turns, those of before as well."""
        self.waking = True
        untold = (*self._ports.store.processes.untold(), *self._untold.values())
        for thread_id in dict.fromkeys(record.thread_id for record in untold):
            self.consider(thread_id)

    def heard(self, record: Process) -> None:
        """It has ended, and nobody was told yet."""
        self._untold[record.id] = record

    def ended(self, process_id: str) -> Process | None:
        """The record of one whose end was heard and not told."""
        return self._untold.get(process_id)

    def seen(self, record: Process) -> int:
        """How much of its output the model has seen: known here, or from the results of its thread."""
        if record.id not in self._seen:
            told = [item.metadata or {} for item in self._ports.store.items(record.thread_id) if item.call is not None]
            offsets = [one.get("output_seen") for one in told if one.get("task_id") == record.id]
            self._seen[record.id] = max((offset for offset in offsets if isinstance(offset, int)), default=0)
        return self._seen[record.id]

    def look(self, record: Process, origin: Origin) -> Piece:
        """What is new of its output, for the result of a call; an end that is in the record is told with that."""
        over = record.status != "running"
        piece = piece_of(record.log_path, self.seen(record), HEAD_BYTES, TAIL_BYTES, whole=over)
        self._seen[record.id] = piece.after
        if over and any(one.id == record.id for one in self._pending(record.thread_id)):
            self._tell(record)
            told = e.NewEvent(
                timestamp=self._ports.clock.now(),
                thread_id=record.thread_id,
                turn_id=origin.turn_id,
                item_id=origin.item_id,
                payload=e.ProcessTold(process_id=record.id),
            )
            self._ports.store.append([told])
        return piece

    def announce(self, record: Process) -> None:
        """Tell the turn under way, or see whether the end begins one."""
        if record.id not in self._untold:
            return
        active = self._threads.resident(record.thread_id).active
        if active is None:
            self.consider(record.thread_id)
        elif active.steerable and not active.steers.closed and active.reason is None:
            self._notice(active, record)

    def turn_begun(self, thread_id: str, active: ActiveTurn) -> None:
        """Tell the turn, before its first step, of the ends that its thread does not know of."""
        if thread_id in self._woken:
            self._woken.discard(thread_id)
        else:
            self._wakes.pop(thread_id, None)
        for record in self._pending(thread_id):
            self._notice(active, record)

    def consider(self, thread_id: str) -> None:
        """Begin a turn if there is an end that is worth one."""
        if not self.waking or self._wakes.get(thread_id, 0) >= MOST_WAKES:
            return
        if any(worth_a_turn(record) for record in self._pending(thread_id)):
            self._group.create_task(self._wake(thread_id))

    async def _wake(self, thread_id: str) -> None:
        try:
            await self._ports.store.append([])  # what has happened so far is to be read below
            worth = [record for record in self._pending(thread_id) if worth_a_turn(record)]
            if not worth or not self._may_wake(thread_id):
                return
            self._woken.add(thread_id)
            self._wakes[thread_id] = self._wakes.get(thread_id, 0) + 1
            await self._threads.wake(thread_id, summary(worth[0]))
        except CodewhaleError:  # another turn was faster, or the log has failed: the next turn tells
            self._woken.discard(thread_id)

    def _may_wake(self, thread_id: str) -> bool:
        """A task is over with its turn, and whoever stopped a turn wants quiet."""
        resident = self._threads.resident(thread_id)
        thread = resident.thread
        if not self.waking or resident.active is not None or thread.archived or thread.task_id is not None:
            return False
        last = self._ports.store.turn(thread.latest_turn_id) if thread.latest_turn_id is not None else None
        return last is not None and last.status == "completed"

    def _pending(self, thread_id: str) -> list[Process]:
        found = {record.id: record for record in self._ports.store.processes.untold(thread_id)}
        found.update({key: one for key, one in self._untold.items() if one.thread_id == thread_id})
        return [record for key, record in found.items() if key not in self._told]

    def _notice(self, active: ActiveTurn, record: Process) -> None:
        piece = piece_of(record.log_path, self.seen(record), 0, NOTICE_BYTES, whole=True)
        self._tell(record)
        told = e.ProcessTold(process_id=record.id)
        with suppress(StoreError):  # the turn meets the same failure; the end stays untold in the log
            active.steers.items.append(active.recorder.told(notice(record, piece.shown), SOURCE, told))

    def _tell(self, record: Process) -> None:
        self._told.add(record.id)
        self._untold.pop(record.id, None)
