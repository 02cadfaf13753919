"""The runtime: the one owner of a data directory's log. It implements `runtime.client.Client` in this process.

Commands append and wait until what they promise is durable; queries read committed state. All turns are tasks of the task
group that the runtime was given. A log that failed (a full disk) is opened again by the next command, without a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.commands import NewThread, StartedTurn, ThreadPatch, TurnInput
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.events import Event
from codewhale.domain.fold import fold
from codewhale.domain.ports import is_id
from codewhale.domain.records import Thread, Turn
from codewhale.domain.requests import Answer, ApprovalDecision, ClientToolResult
from codewhale.domain.text import whole, whole_fields
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.engine.ports import Ports
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.recover import closing_events
from codewhale.runtime.copies import forked
from codewhale.runtime.idempotency import Idempotency
from codewhale.runtime.outside import Outside
from codewhale.runtime.process_door import ProcessDoor
from codewhale.runtime.residents import Resident, Residents
from codewhale.runtime.threads import Defaults, cleaned, new_thread, patched, wanted
from codewhale.runtime.turns import Around, Turns
from codewhale.runtime.wishes import Wishes
from codewhale.store.port import Store, Ticket

if TYPE_CHECKING:
    from codewhale.runtime.automations import RuntimeAutomations
    from codewhale.runtime.client_introspection import IntrospectionClient
    from codewhale.runtime.client_policy import PolicyClient
    from codewhale.runtime.client_sessions import SessionsClient
    from codewhale.runtime.processes import RuntimeProcesses
    from codewhale.runtime.rewinds import Rewinds
    from codewhale.runtime.tasks import RuntimeTasks

READ_BATCH = 256


class Runtime:
    """Commands and queries over the threads of one data directory."""

    def __init__(self, ports: Ports, defaults: Defaults, outside: Outside, group: asyncio.TaskGroup) -> None:
        self._ports = ports
        self._defaults = defaults
        self._residents = Residents(ports.store)
        door = self._door = ProcessDoor(ports, self, group, outside.processes_dir)
        around = Around(group=group, grant=Wishes(self), begun=door.turn_begun, ended=door.turn_ended)
        self._turns = Turns(ports, defaults, outside, self._residents, around)
        self._outside = outside
        self._group = group
        self._tasks: RuntimeTasks | None = None
        self._automations: RuntimeAutomations | None = None
        self._healing = asyncio.Lock()
        self._broken = False
        self.idempotency = Idempotency(ports.store.receipts, ports.clock, self._heal)

    @property
    def sessions(self) -> SessionsClient:
        """The threads seen as sessions."""
        from codewhale.runtime.sessions import Sessions  # noqa: PLC0415 - start-up: a command line asks for none

        return Sessions(self._ports, self._defaults, self._residents, self._heal)

    @property
    def rewinds(self) -> Rewinds:
        """Ways back."""
        from codewhale.runtime.rewinds import Rewinds  # noqa: PLC0415 - start-up: a command line asks for none

        return Rewinds(
            self._ports, self._residents, self._heal, self.start_turn, self._outside.undo, self._defaults.workspace
        )

    @property
    def introspection(self) -> IntrospectionClient:
        """What surrounds the threads."""
        from codewhale.runtime.introspection import Introspection  # noqa: PLC0415 - start-up: few command lines ask

        return Introspection(self._ports.store, self._defaults, self._outside, self._choose)

    @property
    def policy(self) -> PolicyClient:
        """The gate's past, and the rules."""
        from codewhale.runtime.policing import Policing  # noqa: PLC0415 - start-up: a command line seldom asks

        return Policing(self._ports.store, self._outside.standing.book)

    @property
    def tasks(self) -> RuntimeTasks:
        """Background tasks; they run once told to `start`."""
        if self._tasks is None:
            from codewhale.runtime.tasks import open_tasks  # noqa: PLC0415 - start-up: most command lines have none

            self._tasks = open_tasks(self, self._ports, self._outside.waiter, self._group, self._heal)
        return self._tasks

    @property
    def automations(self) -> RuntimeAutomations:
        """Schedules that queue tasks; they are followed once told to `start`."""
        if self._automations is None:
            from codewhale.runtime.automations import open_automations  # noqa: PLC0415 - start-up: calendars cost time

            ledger = self.tasks.ledger
            self._automations = open_automations(self._ports, ledger, self._outside.waiter, self._group, self._heal)
        return self._automations

    @property
    def processes(self) -> RuntimeProcesses:
        """Background processes; their ends begin turns once told to."""
        return self._door.open()

    @property
    def defaults(self) -> Defaults:
        """What new threads get."""
        return self._defaults

    @property
    def outside(self) -> Outside:
        """What is reached beyond the log, for those who grant wishes."""
        return self._outside

    def recorder(self, thread_id: str) -> TurnRecorder | None:
        """The record of the thread's turn under way."""
        active = self.resident(thread_id).active
        return None if active is None else active.recorder

    @property
    def store(self) -> Store:
        """The log, for the maintenance commands of the owner."""
        return self._ports.store

    async def create_thread(self, new: NewThread) -> Thread:
        """A new thread, durable."""
        await self._heal()
        now = self._ports.clock.now()
        thread = new_thread(
            cleaned(new, self._ports.redactor), self._defaults, thread_id=self._ports.ids.new("thr"), now=now
        )
        await self._record(thread, e.ThreadStarted(thread=thread))
        self._residents.add(thread)
        return thread

    async def update_thread(self, thread_id: str, patch: ThreadPatch) -> Thread:
        """Change settings; they hold from the next turn on. No real change records nothing."""
        if not wanted(patch):
            raise InvalidInput("At least one thread field is required")
        await self._heal()
        resident = self.resident(thread_id)
        thread, changes = patched(resident.thread, cleaned(whole_fields(patch), self._ports.redactor))
        if changes:
            resident.thread = replace(thread, updated_at=self._ports.clock.now())
            await self._record(resident.thread, e.ThreadUpdated(thread=resident.thread, changes=changes))
        return resident.thread

    async def resume_thread(self, thread_id: str) -> Thread:
        """Bring the thread into memory."""
        await self._heal()
        return self.resident(thread_id).thread

    async def fork_thread(self, thread_id: str) -> Thread:
        """A new thread with the finished turns of this one."""
        await self._heal()
        resident = self.resident(thread_id)
        if resident.active is None and resident.settled is not None:
            await resident.settled
        snapshot = await self.snapshot(thread_id)
        copy = forked(snapshot, self._ports.ids, now=self._ports.clock.now())
        await self._record(
            copy.thread,
            e.ThreadForked(thread=copy.thread, source_thread_id=thread_id, turns=copy.turns, items=copy.items),
        )
        return copy.thread

    async def start_turn(self, thread_id: str, given: TurnInput) -> StartedTurn:
        await self._heal()
        return await self._turns.start(self.resident(thread_id), whole_fields(given))

    async def wake(self, thread_id: str, summary: str) -> None:
        """Begin a turn that nobody asked for in words."""
        await self._heal()
        await self._turns.wake(self.resident(thread_id), summary)

    async def compact(self, thread_id: str, reason: str | None = None) -> StartedTurn:
        await self._heal()
        return await self._turns.compact(self.resident(thread_id), None if reason is None else whole(reason))

    async def uncompact(self, thread_id: str) -> StartedTurn:
        await self._heal()
        return await self._turns.uncompact(self.resident(thread_id))

    async def steer(self, thread_id: str, turn_id: str, prompt: str) -> Turn:
        await self._heal()
        return await self._turns.steer(self.resident(thread_id), turn_id, whole(prompt))

    async def interrupt(self, thread_id: str, turn_id: str) -> Turn:
        await self._heal()
        return await self._turns.interrupt(self.resident(thread_id), turn_id)

    async def decide(
        self, approval_id: str, decision: ApprovalDecision, *, remember: bool = False, reason: str | None = None
    ) -> None:
        await self._heal()
        await self._turns.answers.decide(approval_id, decision, remember=remember, reason=reason)

    async def answer(self, thread_id: str, input_id: str, answers: Sequence[Answer]) -> None:
        await self._heal()
        await self._turns.answers.answer(self.resident(thread_id), input_id, [whole_fields(one) for one in answers])

    async def resolve_call(self, thread_id: str, turn_id: str, call_id: str, result: ClientToolResult) -> None:
        await self._heal()
        await self._turns.answers.resolve_call(self.resident(thread_id), turn_id, call_id, result)

    async def thread(self, thread_id: str) -> Thread:
        return self.resident(thread_id).thread

    async def threads(self, filter: ThreadFilter) -> list[Thread]:
        return await asyncio.to_thread(self._ports.store.threads, whole_fields(filter))

    async def summaries(self, filter: ThreadFilter) -> list[ThreadSummary]:
        return await asyncio.to_thread(self._ports.store.summaries, whole_fields(filter))

    async def snapshot(self, thread_id: str) -> ThreadSnapshot:
        found = await asyncio.to_thread(self._ports.store.snapshot, _checked(thread_id))
        if found is None:
            raise NotFound(f"Thread not found: {thread_id}")
        return found

    async def events(self, thread_id: str, *, after: int = 0) -> AsyncGenerator[list[Event], None]:
        await self._heal()
        self.resident(thread_id)
        async for batch in self._ports.store.subscribe(thread_id, after=after):
            yield batch

    async def recover(self) -> list[str]:
        """Close what a crash left open, by events that followers see. Ids of the threads that needed it."""
        threads = self._ports.store.threads_with_open_turns()
        last: Ticket | None = None
        for thread_id in threads:
            closing = closing_events(fold(_all_events(self._ports.store, thread_id)), self._ports.clock)
            if closing:
                last = self._ports.store.append(closing)
        if self._ports.store.tasks.open():
            last = self.tasks.recover() or last
        self._door.recover()
        if last is not None:
            await last
        return threads

    def stop(self, reason: str = "The runtime is shutting down.") -> None:
        """Interrupt all turns and start no more, tasks neither. The task group ends when they have."""
        if self._automations is not None:
            self._automations.stop()
        if self._tasks is not None:
            self._tasks.stop()
        self._turns.stop_all(reason)
        self._door.stop()

    async def _heal(self) -> None:
        """Bring a log that has failed back into use: stop what ran on it, forget what memory says beyond the disk, close
        what is open. Every command does this first; raises the `StoreError` that still stands in the way."""
        if not self._broken and self._ports.store.failure is None:
            return
        async with self._healing:
            if not self._broken and self._ports.store.failure is None:
                return  # another command has done it meanwhile
            self._broken = True
            await self._turns.abandon("The log could not be written.")
            if self._ports.store.failure is not None:
                await asyncio.to_thread(self._ports.store.reopen)
            self._residents.clear()
            if self._tasks is not None:
                self._tasks.ledger.forget()
            await self.recover()
            self._broken = False

    def _choose(self, provider: str, model: str) -> None:
        self._defaults = replace(self._defaults, provider=provider, model=model)

    def resident(self, thread_id: str) -> Resident:
        """The thread in memory."""
        return self._residents.get(_checked(thread_id))

    async def _record(self, thread: Thread, payload: e.Payload) -> None:
        await self._ports.store.append([e.NewEvent(timestamp=thread.updated_at, thread_id=thread.id, payload=payload)])


def _checked(thread_id: str) -> str:
    if not is_id(thread_id):
        raise NotFound(f"Thread not found: {thread_id[:80]!r}")
    return thread_id


def _all_events(store: Store, thread_id: str) -> list[Event]:
    events: list[Event] = []
    while batch := store.read(thread_id, after=events[-1].seq if events else 0, limit=READ_BATCH):
        events += batch
    return events
