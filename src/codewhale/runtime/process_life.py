"""One background process that runs, or whose end is not recorded yet: its record, the link to it, and who waits for it."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from msgspec.structs import replace

from codewhale.domain.processes import Process, ProcessEnd
from codewhale.workspace.background.journal import length_of
from codewhale.workspace.background.link import end_of, sweep
from codewhale.workspace.guard import MARK

if TYPE_CHECKING:
    from collections.abc import Callable

    from codewhale.domain.wishes import Origin
    from codewhale.tools.process_wishes import StartProcess
    from codewhale.workspace.background.launch import Report
    from codewhale.workspace.background.link import Link


class Live:
    """`end` is set once it is over; `waiting` are the events of those who wait for something to happen."""

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
        """Its end, found out once; what a killed supervisor left behind is killed."""
        if self.end is None:
            end = end_of(self.record.log_path)
            if end is None:
                sweep(f"{MARK}={self.record.mark}")
                end = ProcessEnd(cause="unknown", error="its supervisor was killed")
            problem = self._finished()
            told = problem is None or end.error is not None or end.cause != "exited" or end.signal is not None
            self.end = end if told else replace(end, error=problem)
        return self.end

    async def over(self, seconds: float | None, settle: float | None, seen: int) -> None:
        """Wait until it is over, or output beyond `seen` is followed by `settle` seconds of silence, or for so long."""
        event = asyncio.Event()
        self.waiting.add(event)
        try:
            async with asyncio.timeout(seconds):
                while self.end is None:
                    if settle is None or length_of(self.record.log_path) <= seen:
                        await event.wait()
                    elif not await _within(event, settle):
                        return
                    event.clear()
        except TimeoutError:
            return
        finally:
            self.waiting.discard(event)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True


def planned(wish: StartProcess, origin: Origin, process_id: str, folder: str) -> Process:
    """The record as far as it is known before the start."""
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


def named(record: Process, report: Report, now: str) -> Process:
    """The record once the processes are there."""
    return replace(
        record,
        started_at=now,
        pid=report.pid,
        began=report.began,
        supervisor_pid=report.supervisor_pid,
        supervisor_began=report.supervisor_began,
    )
