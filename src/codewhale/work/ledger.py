"""The automations and the open rows of their ledger, as the log will have them once all that was handed to it is written.

Every change is made here without an await and handed to the log in the same breath, so no two changes are ever made from the
same record. A claim is recorded together with its task, and a run changes together with its task, each in one transaction:
no crash can come between them. Imports nothing that costs start-up time: tasks are recovered by every process.
"""

from asyncio import Event
from collections.abc import Sequence
from contextlib import suppress

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.automations import (
    NOTHING_TO_REPORT,
    OPEN_OCCURRENCES,
    Automation,
    AutomationChange,
    Occurrence,
    OccurrenceStatus,
)
from codewhale.domain.errors import CodewhaleError, StoreError
from codewhale.domain.tasks import NewTask, Task, TaskOrigin
from codewhale.engine.ports import Ports
from codewhale.store.port import Ticket
from codewhale.work.port import TaskQueue


class Ledger:
    """What is on record of automations. `moved` is set when a row has changed, `changed` when a schedule may have."""

    def __init__(self, ports: Ports, queue: TaskQueue) -> None:
        self.moved = Event()
        self.changed = Event()
        self._ports = ports
        self._queue = queue
        self._automations: dict[str, Automation] | None = None
        self._open: dict[str, Occurrence] = {}
        queue.watch(self._task_changed)

    @property
    def automations(self) -> dict[str, Automation]:
        """By id, in no order."""
        return self._load()

    @property
    def open(self) -> dict[str, Occurrence]:
        """The rows whose task has not ended, by id."""
        self._load()
        return self._open

    def forget(self) -> None:
        """Read everything anew from the log when it is next needed: what was handed over did not get there. Wakes no
        scheduler: on a disk that stays full it would try again without end; it looks again within its minute."""
        self._automations = None
        self.moved.set()

    async def change(self, after: Automation, change: AutomationChange, rows: Sequence[Occurrence] = ()) -> Automation:
        """Put an automation on record, and rows with it; durable when this returns."""
        await self._settled(self._append(self._payloads(after, change, rows)))
        return after

    async def claim(self, after: Automation, row: Occurrence, passed: Sequence[Occurrence] | None = None) -> Occurrence:
        """Queue the task of a row, and put on record with it what it was claimed with: rows that came before it and the
        automation's next time (with `passed` None neither). What cannot be queued ends as failed."""
        before = () if passed is None else self._payloads(after, "scheduled", passed)

        def beside(task: Task) -> list[e.NewEvent]:
            nonlocal row
            row = self._open[row.id] = replace(row, task_id=task.id)
            return self._events([*before, e.OccurrenceUpdated(occurrence=row)])

        try:
            await self._queue.enqueue(
                _task(after), origin=TaskOrigin(automation_id=after.id, occurrence_id=row.id), beside=beside
            )
        except StoreError:
            await self._lost()
            raise
        except CodewhaleError as error:
            failed = f"Failed to enqueue task: {error.message}"
            row = replace(row, status="failed", ended_at=self._ports.clock.now(), error=failed)
            await self._settled(self._append([*before, e.OccurrenceUpdated(occurrence=row)]))
        self.moved.set()
        return row

    def waiting(self, row_id: str, *, waits: bool) -> None:
        """Note whether a run waits for a person."""
        row = self.open.get(row_id)
        if row is None or row.status == "queued":
            return
        status: OccurrenceStatus = "blocked_on_approval" if waits else "running"
        if row.status != status:
            row = self._open[row_id] = replace(row, status=status)
            self._append([e.OccurrenceUpdated(occurrence=row)])

    def _load(self) -> dict[str, Automation]:
        if self._automations is None:
            reads = self._ports.store.automations
            self._open = {row.id: row for row in reads.open_occurrences()}
            self._automations = {automation.id: automation for automation in reads.all()}
        return self._automations

    def _task_changed(self, task: Task) -> list[e.NewEvent]:
        """The run of a task goes where the task goes."""
        if task.occurrence_id is None:
            return []
        row = self.open.get(task.occurrence_id)
        if row is None:
            return []
        automation = self.automations.get(row.automation_id)
        after = followed(row, task, watches=automation is not None and automation.delivery_mode == "watcher")
        if after == row:
            return []
        payloads: list[e.Payload] = [e.OccurrenceUpdated(occurrence=after)]
        self._open[row.id] = after
        if after.status not in OPEN_OCCURRENCES:
            del self._open[row.id]
            if automation is not None:
                payloads += self._payloads(replace(automation, last_run_at=after.ended_at), "run_ended", ())
        self.moved.set()
        return self._events(payloads)

    def _payloads(self, after: Automation, change: AutomationChange, rows: Sequence[Occurrence]) -> list[e.Payload]:
        """The facts of a change, which memory has from here on."""
        if change == "deleted":
            self.automations.pop(after.id, None)
        else:
            self.automations[after.id] = after
        return [
            *(e.OccurrenceUpdated(occurrence=row) for row in rows),
            e.AutomationUpdated(automation=after, change=change),
        ]

    def _events(self, payloads: Sequence[e.Payload]) -> list[e.NewEvent]:
        now = self._ports.clock.now()
        return [e.NewEvent(timestamp=now, thread_id=_stream(payload), payload=payload) for payload in payloads]

    def _append(self, payloads: Sequence[e.Payload]) -> Ticket:
        try:
            return self._ports.store.append(self._events(payloads))
        except StoreError:
            self.forget()
            raise

    async def _settled(self, ticket: Ticket) -> None:
        try:
            await ticket
        except StoreError:
            await self._lost()
            raise

    async def _lost(self) -> None:
        with suppress(StoreError):
            await self._ports.store.append([])  # what else is on its way gets there, or fails, before memory is renewed
        self.forget()


def followed(row: Occurrence, task: Task, *, watches: bool) -> Occurrence:
    """The row of a run as its task has it. A run that waits for a person goes on waiting while the task runs."""
    silent = watches and task.status == "completed" and (task.result_summary or "").strip() == NOTHING_TO_REPORT
    status = row.status if task.status == "running" and row.status == "blocked_on_approval" else task.status
    return replace(
        row,
        status=status,
        started_at=task.started_at,
        ended_at=task.ended_at,
        thread_id=task.thread_id,
        turn_id=task.turn_id,
        error=task.error,
        suppressed=silent,
    )


def _task(automation: Automation) -> NewTask:
    return NewTask(
        prompt=automation.prompt,
        workspace=automation.cwds[0] if automation.cwds else None,
        mode=automation.mode,
        allow_shell=automation.allow_shell,
        trust_mode=automation.trust_mode,
        auto_approve=automation.auto_approve,
    )


def _stream(payload: e.Payload) -> str:
    match payload:
        case e.AutomationUpdated():
            return payload.automation.id
        case e.OccurrenceUpdated():
            return payload.occurrence.automation_id
        case _:
            raise TypeError(f"{payload.WIRE} is not of an automation")
