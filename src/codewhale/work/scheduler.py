"""The clock of automations: fires what is due and sleeps exactly until the next due time.

Woken by every change of a schedule. It also looks at the wall clock once a minute of its own time, because nothing wakes a
sleeper when the machine was suspended or somebody set the clock: that look compares two numbers in memory and touches
nothing else, so it is no polling. A rule that cannot be followed, or a record that is broken, stops its own automation only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing, suppress

from codewhale.domain import events as e
from codewhale.domain.automations import Occurrence
from codewhale.domain.errors import StoreError
from codewhale.engine.ports import Ports
from codewhale.work.automations_book import AutomationBook
from codewhale.work.ledger import Ledger
from codewhale.work.port import Waiter
from codewhale.work.schedule import instant

RECHECK = 60.0
"""Seconds of monotonic time after which the wall clock is looked at, come what may."""

_ASKING = frozenset(
    {
        e.ApprovalRequired.WIRE,
        e.ApprovalDecided.WIRE,
        e.ApprovalTimeout.WIRE,
        e.UserInputRequired.WIRE,
        e.UserInputAnswered.WIRE,
        e.UserInputCanceled.WIRE,
    }
)


class Scheduler:
    """Runs until cancelled. `heal` brings a log that has failed back into use, or raises the `StoreError`."""

    def __init__(
        self, ports: Ports, ledger: Ledger, book: AutomationBook, waiter: Waiter, heal: Callable[[], Awaitable[None]]
    ) -> None:
        self._ports = ports
        self._ledger = ledger
        self._book = book
        self._waiter = waiter
        self._heal = heal
        self._seen = ""
        self._followers: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Fire what is due, as it becomes due, and note which runs wait for a person."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_runs(group))
            while True:
                self._ledger.changed.clear()
                try:
                    seconds = await self._fire()
                except StoreError:
                    seconds = RECHECK  # nothing was claimed that is not on record; the next look tries again
                await self._waiter.until(self._ledger.changed, seconds)

    async def _fire(self) -> float:
        """Fire all that is due; the seconds until there may be more."""
        await self._heal()
        now = self._ports.clock.now()
        if now < self._seen or not self._seen:
            await self._book.realign()
        while (due := self._book.due()) is not None:
            await self._book.fire(due)
        self._seen = self._ports.clock.now()
        following = self._book.next_due()
        if following is None:
            return RECHECK
        return max(0.0, min(RECHECK, (instant(following) - instant(self._seen)).total_seconds()))

    async def _follow_runs(self, group: asyncio.TaskGroup) -> None:
        """One follower for each run that is under way; a task group of workers bounds how many there are."""
        while True:
            self._ledger.moved.clear()
            with suppress(StoreError):  # the ledger cannot be read: the next change of it tries again
                self._follow_open(group, self._ledger.open)
            await self._ledger.moved.wait()

    def _follow_open(self, group: asyncio.TaskGroup, rows: Mapping[str, Occurrence]) -> None:
        for row_id in [known for known in self._followers if known not in rows]:
            self._followers.pop(row_id).cancel()
        for row in rows.values():
            if row.thread_id is not None and row.id not in self._followers:
                self._followers[row.id] = group.create_task(self._follow(row, row.thread_id))

    async def _follow(self, row: Occurrence, thread_id: str) -> None:
        store = self._ports.store
        try:
            after = store.latest_seq
            self._ledger.waiting(row.id, waits=self._asked(thread_id))
            async with aclosing(store.subscribe(thread_id, after=after)) as batches:
                async for batch in batches:
                    if any(event.event in _ASKING for event in batch):
                        self._ledger.waiting(row.id, waits=self._asked(thread_id))
        except StoreError:
            self._followers.pop(row.id, None)  # a run whose log has failed is over; what comes after has a new follower

    def _asked(self, thread_id: str) -> bool:
        return any(request.kind in ("approval", "question") for request in self._ports.store.open_requests(thread_id))
