"""Automations in the owning process: `client_automations.AutomationClient`, and the scheduler once it is told to `start`.

Every command first mends a log that has failed.
"""

import asyncio
from collections.abc import Awaitable, Callable

from codewhale.config.environment import environment
from codewhale.domain.automations import (
    Automation,
    AutomationPatch,
    NewAutomation,
    Occurrence,
    Preview,
    RulePreview,
)
from codewhale.engine.ports import Ports
from codewhale.work.automations_book import AutomationBook
from codewhale.work.ledger import Ledger
from codewhale.work.port import Waiter
from codewhale.work.scheduler import Scheduler
from codewhale.work.zones import local_zone

Heal = Callable[[], Awaitable[None]]


def open_automations(
    ports: Ports, ledger: Ledger, waiter: Waiter, group: asyncio.TaskGroup, heal: Heal
) -> "RuntimeAutomations":
    """The automations of a runtime; their scheduler runs in `group`."""
    book = AutomationBook(ports, ledger, local_zone(environment().get("TZ")))
    return RuntimeAutomations(book, Scheduler(ports, ledger, book, waiter, heal), group, heal)


class RuntimeAutomations:
    """The automations of one data directory."""

    def __init__(self, book: AutomationBook, scheduler: Scheduler, group: asyncio.TaskGroup, heal: Heal) -> None:
        self._book = book
        self._scheduler = scheduler
        self._group = group
        self._heal = heal
        self._running: asyncio.Task[None] | None = None

    async def listed(self) -> list[Automation]:
        return self._book.listed()

    async def get(self, automation_id: str) -> Automation:
        return self._book.get(automation_id)

    async def create(self, new: NewAutomation) -> Automation:
        await self._heal()
        return await self._book.create(new)

    async def update(self, automation_id: str, patch: AutomationPatch) -> Automation:
        await self._heal()
        return await self._book.update(automation_id, patch)

    async def pause(self, automation_id: str) -> Automation:
        await self._heal()
        return await self._book.pause(automation_id)

    async def resume(self, automation_id: str) -> Automation:
        await self._heal()
        return await self._book.resume(automation_id)

    async def delete(self, automation_id: str) -> Automation:
        await self._heal()
        return await self._book.delete(automation_id)

    async def run_now(self, automation_id: str) -> Occurrence:
        await self._heal()
        return await self._book.run_now(automation_id)

    async def runs(self, automation_id: str, limit: int | None) -> list[Occurrence]:
        return await asyncio.to_thread(self._book.runs, automation_id, limit)

    async def preview(self, automation_id: str, count: int | None) -> Preview:
        return self._book.preview(automation_id, count)

    async def preview_rule(self, asked: RulePreview) -> Preview:
        return self._book.preview_rule(asked)

    def start(self) -> None:
        """Begin to fire what is due: this process stays."""
        if self._running is None:
            self._running = self._group.create_task(self._scheduler.run())

    def stop(self) -> None:
        """Fire nothing more; what is due from here on is due at the next start."""
        if self._running is not None:
            self._running.cancel()
