"""Background processes in the owning runtime: started, watched, told about, taken over after a crash.

Each record gets exactly one end, and the model is told of it once: by the result of a call that waits for it, else by a notice
in its thread's turn, else by a turn that the end begins. What happens comes from callbacks of the links: nothing polls.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import CodewhaleError, StoreError, ToolError
from codewhale.domain.processes import Process, ProcessEnd, status_of
from codewhale.runtime.process_notices import ending, notice, summary, worth_a_turn
from codewhale.tools.process_wishes import Look
from codewhale.workspace.background.adopt import adopted
from codewhale.workspace.background.journal import piece_of
from codewhale.workspace.background.launch import Order, launch
from codewhale.workspace.background.link import end_of, sweep
from codewhale.workspace.background.shelf import prune
from codewhale.workspace.guard import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from codewhale.domain.wishes import Origin
    from codewhale.engine.ports import Ports
    from codewhale.runtime.residents import ActiveTurn, Resident
    from codewhale.tools.process_wishes import StartProcess, WatchProcess
    from codewhale.workspace.background.link import Link

SOURCE = "background_process"
MOST = 32
"""Processes that may run at once."""
MOST_WAKES = 8
"""Turns in a row that ends of processes may begin in a thread; then they wait for a turn that somebody asks for."""
STOP_GRACE = 0.5
STOP_BOUND = 4.0
HEAD_BYTES, TAIL_BYTES = 22_000, 8_000
NOTICE_BYTES = 2_000


class Threads(Protocol):
    """The runtime, as far as its processes need it."""

    def resident(self, thread_id: str) -> Resident: ...

    async def wake(self, thread_id: str, summary: str) -> None:
        """Begin a turn without a word of a person."""
        ...


class Live:
    """One that runs, or whose end has not been recorded yet."""

    def __init__(self, record: Process, finished: Callable[[], str | None]) -> None:
        self.record = record
        self.link: Link | None = None
        self.lifeline: int | None = None
        self.waiting: set[asyncio.Event] = set()
        self.end: ProcessEnd | None = None
        self._finished = finished

    def wake(self) -> None:
        """Let those who wait look again."""
        for event in self.waiting:
            event.set()

    def close(self) -> None:
        """Let go of it: without `keep` that ends it."""
        if self.link is not None:
            self.link.close()
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None

    def ended(self) -> ProcessEnd:
        """Its end, found out once."""
        if self.end is None:
            end = end_of(self.record.log_path)
            if end is None:
                sweep(f"{MARK}={self.record.mark}")
                end = ProcessEnd(cause="unknown", error="its supervisor was killed")
            problem = self._finished()
            self.end = end if problem is None or end.error is not None else replace(end, error=problem)
        return self.end


class RuntimeProcesses:
    """The background processes of one data directory. `folder` None: none can be started here."""

    def __init__(self, ports: Ports, threads: Threads, group: asyncio.TaskGroup, folder: str | None) -> None:
        self._ports = ports
        self._threads = threads
        self._group = group
        self._folder = folder
        self._lives: dict[str, Live] = {}
        self._seen: dict[str, int] = {}
        self._untold: dict[str, Process] = {}
        self._told: set[str] = set()
        self._wakes: dict[str, int] = {}
        self._woken: set[str] = set()
        self._waking = False
        self._stopping = False
        self._changed = asyncio.Event()

    async def start(self, wish: StartProcess, origin: Origin) -> Process:
        """Start it; its record is durable before the program begins. `ToolError` when it cannot be started."""
        program = wish.program
        try:
            self._check()
            live = Live(_record(wish, origin, self._ports.ids.new("proc"), self._folder or ""), program.finished)
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
        live.link, report = launched.link, launched.report
        live.record = replace(
            live.record,
            started_at=self._ports.clock.now(),
            pid=report.pid,
            began=report.began,
            supervisor_pid=report.supervisor_pid,
            supervisor_began=report.supervisor_began,
        )
        self._lives[live.record.id] = live
        try:
            await self._append(live.record, e.ProcessStarted(process=live.record), origin)
        except BaseException as error:
            launched.forget()
            live.end = ProcessEnd(cause="not_started", error="the call was stopped before it began")
            if isinstance(error, StoreError):
                del self._lives[live.record.id]
            else:
                self._over(live)
            raise
        live.lifeline = launched.go()
        return live.record

    async def run(self, wish: StartProcess, origin: Origin) -> Look:
        """Start it and wait for its end; when the waiting is cancelled it is killed."""
        record = await self.start(wish, origin)
        live = self._lives[record.id]
        try:
            await self._wait(live, None, None)
            return self._look(record.id, origin)
        except asyncio.CancelledError:
            if live.link is not None:
                live.link.stop(0)
            raise

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
        if name is None:
            records = [live.record for live in self._lives.values() if live.record.thread_id == origin.thread_id]
        else:
            records = [self.find(name, origin.thread_id)]
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
                self._leave(live, teller)

    def find(self, name: str, thread_id: str) -> Process:
        """The thread's process of this id, or of an id that begins so; `ToolError` otherwise."""
        known = {record.id: record for record in self._ports.store.processes.of_thread(thread_id)}
        known.update({key: live.record for key, live in self._lives.items() if live.record.thread_id == thread_id})
        if name in known:
            return known[name]
        found = [record for key, record in known.items() if name and key.startswith(name)]
        if len(found) == 1:
            return found[0]
        names = ", ".join(key for key, record in known.items() if record.status == "running") or "none"
        raise ToolError(f"There is no background process {name[:80]!r} in this thread. Running: {names}.")

    def running(self, thread_id: str) -> list[Process]:
        """Those of a thread that run."""
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

    def begin_waking(self) -> None:
        """Let ends begin turns: this process stays for as long as they may take."""
        self._waking = True
        for thread_id in dict.fromkeys(record.thread_id for record in self._ports.store.processes.untold()):
            self._consider(thread_id)

    def stop(self) -> None:
        """End all but those to be kept, and start no more; the group ends when they have."""
        self._stopping = True
        ending = [live for live in self._lives.values() if not live.record.keep]
        for live in self._lives.values():
            if live.record.keep:
                live.close()
            elif live.link is not None:
                live.link.stop(STOP_GRACE)
        if ending:
            closing = self._gone()
            try:
                self._group.create_task(closing)
            except RuntimeError:  # the group is failing and takes no more: letting go ends them as well
                closing.close()
                self._let_go()

    def turn_begun(self, resident: Resident, active: ActiveTurn) -> None:
        """Tell the turn, before its first step, of the ends that its thread does not know of."""
        thread_id = resident.thread.id
        if thread_id in self._woken:
            self._woken.discard(thread_id)
        else:
            self._wakes.pop(thread_id, None)
        for record in self._pending(thread_id):
            self._notice(active, record)

    def turn_ended(self, resident: Resident) -> None:
        """A task is over with its turn, and so are its processes; elsewhere an end that came too late for the turn gets one."""
        thread = resident.thread
        if thread.task_id is None:
            self._consider(thread.id)
            return
        for live in self._lives.values():
            if live.record.thread_id == thread.id and not live.record.keep and live.link is not None:
                live.link.stop()

    def _check(self) -> None:
        if self._folder is None:
            raise ToolError("Background processes are not available here.", category="not_available")
        if self._stopping:
            raise ToolError("The runtime is shutting down; nothing is started any more.", category="not_available")
        if len(self._lives) >= MOST:
            raise ToolError(f"{MOST} background processes are running; end some with exec_shell_cancel first.")
        if not self._lives:
            prune(self._folder, {record.id for record in self._ports.store.processes.open()})

    async def _append(self, record: Process, payload: e.Payload, origin: Origin) -> None:
        await self._ports.store.append(
            [
                e.NewEvent(
                    timestamp=record.started_at,
                    thread_id=record.thread_id,
                    turn_id=origin.turn_id,
                    item_id=origin.item_id,
                    payload=payload,
                )
            ]
        )

    async def _wait(self, live: Live, seconds: float | None, settle: float | None) -> None:
        """Until it is over, or output is followed by silence, or for so long."""
        event = asyncio.Event()
        live.waiting.add(event)
        try:
            async with asyncio.timeout(seconds):
                while live.end is None:
                    if settle is None or not self._has_news(live.record):
                        await event.wait()
                    elif not await _within(event, settle):
                        return
                    event.clear()
        except TimeoutError:
            return
        finally:
            self._leave(live, event)

    def _leave(self, live: Live, event: asyncio.Event) -> None:
        """Wait no more. What has ended meanwhile is announced, unless the result of the call tells of it in this moment."""
        live.waiting.discard(event)
        if live.end is not None and not live.waiting:
            asyncio.get_running_loop().call_soon(self._announce, live.record)

    def _look(self, process_id: str, origin: Origin) -> Look:
        live = self._lives.get(process_id)
        record = self._untold.get(process_id) or (live.record if live is not None else None)
        if record is None:
            record = self.find(process_id, origin.thread_id)
        seen = self._seen_of(record)
        over = record.status != "running"
        piece = piece_of(record.log_path, seen, HEAD_BYTES, TAIL_BYTES, whole=over)
        self._seen[record.id] = piece.after
        if over and record.id not in self._told and self._is_untold(record):
            self._tell(record)
            told = e.ProcessTold(process_id=record.id)
            self._ports.store.append(
                [
                    e.NewEvent(
                        timestamp=self._ports.clock.now(),
                        thread_id=record.thread_id,
                        turn_id=origin.turn_id,
                        item_id=origin.item_id,
                        payload=told,
                    )
                ]
            )
        unread = live is not None and live.link is not None and live.link.unsent > 0
        return Look(process=record, new=piece.shown, seen=piece.after, unread=unread)

    def _is_untold(self, record: Process) -> bool:
        return record.id in self._untold or any(
            one.id == record.id for one in self._ports.store.processes.untold(record.thread_id)
        )

    def _tell(self, record: Process) -> None:
        self._told.add(record.id)
        self._untold.pop(record.id, None)

    def _has_news(self, record: Process) -> bool:
        return piece_of(record.log_path, self._seen_of(record), 1, 0, whole=True).shown.length > 0

    def _seen_of(self, record: Process) -> int:
        """How much of its output the model has seen: known here, or from the results of its thread."""
        if record.id not in self._seen:
            told = [item.metadata or {} for item in self._ports.store.items(record.thread_id) if item.call is not None]
            offsets = [one.get("output_seen") for one in told if one.get("task_id") == record.id]
            self._seen[record.id] = max((offset for offset in offsets if isinstance(offset, int)), default=0)
        return self._seen[record.id]

    def _news(self, live: Live) -> None:
        if live.link is not None and live.link.over and live.end is None:
            self._over(live)
        live.wake()

    def _over(self, live: Live) -> None:
        """Record its end and see that the model learns of it."""
        end = live.ended()
        live.close()
        record = replace(live.record, status=status_of(end), ended_at=self._ports.clock.now(), end=end)
        ended = e.NewEvent(
            timestamp=record.ended_at or "", thread_id=record.thread_id, payload=e.ProcessEnded(process=record)
        )
        try:
            self._ports.store.append([ended])
        except StoreError:
            return  # the log has failed; `recover` ends it when it is mended
        live.record = record
        self._lives.pop(record.id, None)
        self._untold[record.id] = record
        self._changed.set()
        if not live.waiting:
            self._announce(record)

    def _announce(self, record: Process) -> None:
        """Tell the turn under way, or see whether the end begins one."""
        if record.id not in self._untold or self._stopping:
            return
        active = self._threads.resident(record.thread_id).active
        if active is None:
            self._consider(record.thread_id)
        elif active.steerable and not active.steers.closed and active.reason is None:
            self._notice(active, record)

    def _pending(self, thread_id: str) -> list[Process]:
        found = {record.id: record for record in self._ports.store.processes.untold(thread_id)}
        found.update({key: one for key, one in self._untold.items() if one.thread_id == thread_id})
        return [record for key, record in found.items() if key not in self._told]

    def _notice(self, active: ActiveTurn, record: Process) -> None:
        piece = piece_of(record.log_path, self._seen_of(record), 0, NOTICE_BYTES, whole=True)
        self._tell(record)
        with suppress(StoreError):  # the turn meets the same failure; the end stays untold
            told = e.ProcessTold(process_id=record.id)
            active.steers.items.append(active.recorder.told(notice(record, piece.shown), SOURCE, told))

    def _consider(self, thread_id: str) -> None:
        if not self._waking or self._stopping or self._wakes.get(thread_id, 0) >= MOST_WAKES:
            return
        if any(worth_a_turn(record) for record in self._pending(thread_id)):
            self._group.create_task(self._wake(thread_id))

    async def _wake(self, thread_id: str) -> None:
        try:
            await self._ports.store.append([])  # what has happened so far is to be read below
            thread = self._threads.resident(thread_id).thread
            last = self._ports.store.turn(thread.latest_turn_id) if thread.latest_turn_id is not None else None
            worth = [record for record in self._pending(thread_id) if worth_a_turn(record)]
            if not worth or thread.archived or thread.task_id is not None or last is None or last.status != "completed":
                return
            self._woken.add(thread_id)
            self._wakes[thread_id] = self._wakes.get(thread_id, 0) + 1
            await self._threads.wake(thread_id, summary(worth[0]))
        except CodewhaleError:  # another turn was faster, or the log has failed: the next turn tells
            self._woken.discard(thread_id)

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

    async def _gone(self) -> None:
        """Wait until those that are to end have, within a bound."""
        try:
            async with asyncio.timeout(STOP_BOUND):
                while any(not live.record.keep for live in self._lives.values()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return  # letting go of them ends them too; the next start records it
        finally:
            self._let_go()

    def _let_go(self) -> None:
        for live in self._lives.values():
            live.close()


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _record(wish: StartProcess, origin: Origin, process_id: str, folder: str) -> Process:
    return Process(
        id=process_id,
        thread_id=origin.thread_id,
        turn_id=origin.turn_id,
        item_id=origin.item_id,
        command=wish.command,
        cwd=wish.program.cwd,
        confined_by=wish.program.confined_by,
        status="running",
        started_at="",
        log_path=os.path.join(folder, process_id),
        pid=0,
        supervisor_pid=0,
        mark=wish.program.mark,
        keep=wish.keep,
        tty=wish.tty,
        wakes=wish.wakes,
    )
