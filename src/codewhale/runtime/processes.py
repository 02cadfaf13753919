"""Background processes in the owning runtime: started, watched, ended, and taken over after a crash.

Each record gets exactly one end. What happens comes from callbacks of the links: nothing polls. Without `keep` a process ends
with this runtime, however that ends; how the model learns of an end is in `process_telling.py`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import StoreError, ToolError
from codewhale.domain.processes import Process, ProcessEnd, status_of
from codewhale.runtime.process_life import Live, named, planned
from codewhale.runtime.process_notices import ending
from codewhale.runtime.process_telling import Telling, Threads
from codewhale.tools.process_wishes import Look
from codewhale.workspace.background.adopt import adopted
from codewhale.workspace.background.launch import Order, launch
from codewhale.workspace.background.shelf import prune, put

if TYPE_CHECKING:
    from codewhale.domain.wishes import Origin
    from codewhale.engine.ports import Ports
    from codewhale.runtime.residents import ActiveTurn, Resident
    from codewhale.tools.process_wishes import StartProcess, WatchProcess
    from codewhale.workspace.background.launch import Launch

MOST = 32
"""Processes that may run at once."""
STOP_GRACE = 0.5
STOP_BOUND = 4.0


class RuntimeProcesses:
    """Those of one data directory; `telling` is how models learn of ends. `folder` None: none can be started here."""

    def __init__(self, ports: Ports, threads: Threads, group: asyncio.TaskGroup, folder: str | None) -> None:
        self._ports = ports
        self._group = group
        self._folder = folder
        self.telling = Telling(ports, threads, group)
        self._lives: dict[str, Live] = {}
        self._stopping = False
        self._changed = asyncio.Event()

    async def start(self, wish: StartProcess, origin: Origin) -> Process:
        """Start it; its record is durable before the program begins. `ToolError` when it cannot be started."""
        program = wish.program
        try:
            live = Live(planned(wish, origin, self._ports.ids.new("proc"), self._open()), program.finished)
            order = Order(
                program=program,
                name=live.record.id,
                keep=wish.keep,
                tty=wish.tty,
                stdin=wish.stdin,
                timeout=wish.timeout,
            )
            launched = await launch(order, live.record.log_path, lambda: self._news(live))
        except BaseException:
            program.started()
            program.finished()
            raise
        program.started()
        await self._begin(live, launched, origin)
        return live.record

    async def _begin(self, live: Live, launched: Launch, origin: Origin) -> None:
        """Make its record durable, then let it begin."""
        live.link = launched.link
        record = live.record = named(live.record, launched.report, self._ports.clock.now())
        self._lives[record.id] = live
        started = e.NewEvent(
            timestamp=record.started_at,
            thread_id=record.thread_id,
            turn_id=origin.turn_id,
            item_id=origin.item_id,
            payload=e.ProcessStarted(process=record),
        )
        try:
            await self._ports.store.append([started])
            put(record)
        except (StoreError, OSError):
            launched.forget()
            del self._lives[record.id]
            live.ended()
            raise
        except asyncio.CancelledError:
            launched.forget()
            live.end = ProcessEnd(cause="not_started", error="the call was stopped before it began")
            self._over(live)
            raise
        live.lifeline = launched.go()

    async def run(self, wish: StartProcess, origin: Origin) -> Look:
        """Start it and wait for its end; when the waiting is cancelled it is killed."""
        record = await self.start(wish, origin)
        live = self._lives[record.id]
        try:
            await self._wait(live, None, None)
        except asyncio.CancelledError:
            if live.link is not None:
                live.link.stop(0)
            raise
        return self._look(record.id, origin)

    async def watch(self, wish: WatchProcess, origin: Origin) -> Look:
        """Do what the wish says. The new output is then seen; an end that is in the result is told."""
        record = self.find(wish.name, origin.thread_id)
        live = self._lives.get(record.id)
        if live is not None and live.link is not None:
            live.link.say(wish.text.encode("utf-8", "replace"))
            if wish.close:
                live.link.close_input()
            if wish.seconds > 0:
                await self._wait(live, wish.seconds, wish.settle)
        elif wish.text:
            raise ToolError(f"{record.id} has ended ({ending(record)}), so nothing can be typed into it.")
        return self._look(record.id, origin)

    async def stop_some(self, name: str | None, origin: Origin) -> list[Look]:
        """End one, or all of the thread that run, and wait until they have, within a bound."""
        records = self.running(origin.thread_id) if name is None else [self.find(name, origin.thread_id)]
        lives = [self._lives[record.id] for record in records if record.id in self._lives]
        teller = asyncio.Event()
        for live in lives:
            live.waiting.add(teller)
            if live.link is not None:
                live.link.stop()
        try:
            for live in lives:
                await self._wait(live, STOP_BOUND, None)
            return [self._look(record.id, origin) for record in records]
        finally:
            for live in lives:
                live.waiting.discard(teller)
                self._unattended(live)

    def find(self, name: str, thread_id: str) -> Process:
        """The thread's process of this id, or of an id that begins so; `ToolError` otherwise."""
        known = {record.id: record for record in self._ports.store.processes.of_thread(thread_id)}
        known.update({record.id: record for record in self.running(thread_id)})
        if name in known:
            return known[name]
        found = [record for key, record in known.items() if name and key.startswith(name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(key for key, record in known.items() if record.status == "running") or "none"
        raise ToolError(f"There is no background process {name[:80]!r} in this thread. Running: {names}.")

    def running(self, thread_id: str) -> list[Process]:
        """Those of a thread that run, oldest first."""
        return [live.record for live in self._lives.values() if live.record.thread_id == thread_id and not live.end]

    def recover(self) -> None:
        """Take up what the log has as running: those that live are taken over (and ended unless they were to be kept), the
        others get their end."""
        for record in self._ports.store.processes.open():
            live = self._lives.get(record.id)
            if live is None:
                self._adopt(record)
            elif live.end is not None:
                self._over(live)

    def stop(self) -> None:
        """End all but those to be kept, and start no more; the group ends when they have."""
        self._stopping = True
        self.telling.waking = False
        for live in self._lives.values():
            if live.record.keep:
                live.close()
            elif live.link is not None:
                live.link.stop(STOP_GRACE)
        if self._ending():
            closing = self._gone()
            try:
                self._group.create_task(closing)
            except RuntimeError:  # the group is failing and takes no more: letting go ends them as well
                closing.close()
                self._let_go()

    def turn_begun(self, resident: Resident, active: ActiveTurn) -> None:
        """A turn is about to make its first model call."""
        self.telling.turn_begun(resident.thread.id, active)

    def turn_ended(self, resident: Resident) -> None:
        """A task is over with its turn, and so are its processes; elsewhere an end that came too late for the turn gets one."""
        thread = resident.thread
        if thread.task_id is None:
            self.telling.consider(thread.id)
            return
        for live in self._lives.values():
            if live.record.thread_id == thread.id and not live.record.keep and live.link is not None:
                live.link.stop()

    def _open(self) -> str:
        """The folder, when one more may run."""
        if self._folder is None:
            raise ToolError("Background processes are not available here.", category="not_available")
        if self._stopping:
            raise ToolError("The runtime is shutting down; nothing is started any more.", category="not_available")
        if len(self._lives) >= MOST:
            raise ToolError(f"{MOST} background processes are running; end some with exec_shell_cancel first.")
        if not self._lives:
            prune(self._folder, {record.id for record in self._ports.store.processes.open()})
        return self._folder

    async def _wait(self, live: Live, seconds: float | None, settle: float | None) -> None:
        try:
            await live.over(seconds, settle, self.telling.seen(live.record))
        finally:
            self._unattended(live)

    def _unattended(self, live: Live) -> None:
        """What has ended while somebody waited is announced, unless the result of the call tells of it in this moment."""
        if live.end is not None and not live.waiting:
            asyncio.get_running_loop().call_soon(self._announce, live.record)

    def _look(self, process_id: str, origin: Origin) -> Look:
        live = self._lives.get(process_id)
        record = self.telling.ended(process_id) or (live.record if live is not None else None)
        if record is None:
            record = self.find(process_id, origin.thread_id)
        piece = self.telling.look(record, origin)
        unread = live is not None and live.link is not None and live.link.unsent > 0
        return Look(process=record, new=piece.shown, seen=piece.after, unread=unread)

    def _news(self, live: Live) -> None:
        if live.link is not None and live.link.over and live.end is None:
            self._over(live)
        live.wake()

    def _over(self, live: Live) -> None:
        """Record its end and see that the model learns of it."""
        end = live.ended()
        live.close()
        now = self._ports.clock.now()
        record = replace(live.record, status=status_of(end), ended_at=now, end=end)
        ended = e.NewEvent(timestamp=now, thread_id=record.thread_id, payload=e.ProcessEnded(process=record))
        try:
            self._ports.store.append([ended])
        except StoreError:
            return  # the log has failed; `recover` ends it when it is mended
        live.record = record
        self._lives.pop(record.id, None)
        self._changed.set()
        self.telling.heard(record)
        if not live.waiting:
            self._announce(record)

    def _announce(self, record: Process) -> None:
        if not self._stopping:
            self.telling.announce(record)

    def _adopt(self, record: Process) -> None:
        live = Live(record, lambda: None)
        link = adopted(record, lambda: self._news(live))
        if link is None:
            self._over(live)
            return
        live.link = link
        self._lives[record.id] = live
        if not record.keep:
            link.stop(0)

    def _ending(self) -> bool:
        return any(not live.record.keep for live in self._lives.values())

    async def _gone(self) -> None:
        """Wait until those that are to end have, within a bound."""
        try:
            async with asyncio.timeout(STOP_BOUND):
                while self._ending():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return  # letting go of them ends them too; the next start records it
        finally:
            self._let_go()

    def _let_go(self) -> None:
        for live in self._lives.values():
            live.close()
