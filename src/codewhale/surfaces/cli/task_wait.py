"""Waits for a task at the terminal: shows its turn as it runs, asks what must be asked, cancels it when told to stop."""

import asyncio
from contextlib import aclosing

from msgspec import Struct

from codewhale.domain.task_record import TaskRecord
from codewhale.domain.tasks import OPEN_TASKS
from codewhale.runtime.client import Client
from codewhale.surfaces.cli import present
from codewhale.surfaces.cli.asking import Desk
from codewhale.surfaces.cli.present import Progress
from codewhale.surfaces.cli.signals import Stops
from codewhale.surfaces.cli.terminal import Piece, Terminal

EXIT_CODES = {"completed": 0, "canceled": present.INCOMPLETE}
FAILED = 1


class Wait(Struct, frozen=True, kw_only=True):
    """How to wait: `quiet` shows nothing of the turn. `asks` when somebody here answers what the turn asks: a person, or
    a denial for the reason `deny`."""

    quiet: bool
    asks: bool
    deny: str | None


async def wait_for(client: Client, task_id: str, wait: Wait, terminal: Terminal) -> tuple[TaskRecord, int]:
    """The record of the task once it has ended, and the exit code that says how."""
    with Stops() as stops:
        async with asyncio.TaskGroup() as group:
            helper = group.create_task(_cancel(client, task_id, stops, terminal))
            record = await _followed(client, task_id, wait, terminal)
            helper.cancel()
    code = EXIT_CODES.get(record.status, FAILED)
    return record, stops.code if stops.code and code == present.INCOMPLETE else code


async def _followed(client: Client, task_id: str, wait: Wait, terminal: Terminal) -> TaskRecord:
    record = await client.tasks.begun(task_id)
    if record.thread_id is None or record.turn_id is None or record.status not in OPEN_TASKS:
        return await client.tasks.ended(task_id)
    progress = Progress(thread_id=record.thread_id, turn_id=record.turn_id, model=record.model, mode="agent")
    desk = Desk(client, record.thread_id, terminal, deny=wait.deny)
    async with asyncio.TaskGroup() as group:
        answering = group.create_task(desk.run())
        async with aclosing(client.events(record.thread_id)) as batches:
            async for batch in batches:
                pieces = [piece for event in batch for piece in present.text(progress, event)]
                if not wait.quiet:
                    terminal.show(pieces)
                if progress.ended is not None:
                    break
                if wait.asks:
                    desk.update(progress.waiting)
        answering.cancel()
    return await client.tasks.ended(task_id)


async def _cancel(client: Client, task_id: str, stops: Stops, terminal: Terminal) -> None:
    await stops.asked.wait()
    terminal.end_answer()
    terminal.show([Piece("note", "canceling the task; once more leaves at once")])
    await client.tasks.cancel(task_id)
