"""Drives one turn of a client: start it, follow its events, ask what must be asked, stop it when told to.

One batch of events is one write. Nothing here knows whether the runtime is in this process.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from codewhale.domain.commands import TurnInput
from codewhale.domain.errors import CodewhaleError, Conflict, NotFound
from codewhale.domain.events import Event
from codewhale.runtime.client import Client
from codewhale.surfaces.cli import present
from codewhale.surfaces.cli.present import Progress
from codewhale.surfaces.cli.signals import Stops
from codewhale.surfaces.cli.terminal import Piece, Terminal, write_lines
from codewhale.surfaces.cli.threads_of import Choice, chosen

if TYPE_CHECKING:
    from codewhale.surfaces.cli.asking import Desk

Format = Literal["text", "json", "stream-json"]
_encode = msgspec.json.encode


class Run(Struct, frozen=True, kw_only=True):
    """What to run: the thread, the turn, the word for `mode`, and why nobody is asked (None: somebody is): `deny` when
    everything is denied for that reason, `allow` when everything is allowed, `allow_bare` when that is for what would only be
    asked because no sandbox holds here. `alone`: the runtime ends with the turn."""

    choice: Choice
    turn: TurnInput
    mode: str
    deny: str | None
    allow: str | None = None
    allow_bare: str | None = None
    alone: bool = False


class Output:
    """One of the three ways to say what happens."""

    def __init__(self, format: Format, terminal: Terminal) -> None:
        self.format: Format = format
        self.terminal = terminal
        self.untrusted: tuple[str, ...] = ()

    def begin(self, progress: Progress) -> None:
        """The turn has started."""
        if self.format == "stream-json":
            opening = present.opening(progress)
            write_lines([_encode({**opening, "untrusted": self.untrusted} if self.untrusted else opening)])

    def take(self, progress: Progress, batch: Sequence[Event]) -> None:
        """Say what the batch means."""
        if self.format == "text":
            self.terminal.show([piece for event in batch for piece in present.text(progress, event)])
        elif self.format == "stream-json":
            write_lines([_encode(line) for event in batch for line in present.stream(progress, event)])
        else:
            for event in batch:
                present.take(progress, event)

    def end(self, progress: Progress) -> None:
        """The turn has ended."""
        if self.format == "json" and progress.ended is not None:
            summary = present.summary(progress, progress.ended)
            write_lines([_encode({**summary, "untrusted": self.untrusted} if self.untrusted else summary)])

    def failed(self, error: CodewhaleError) -> None:
        """There will be no turn, or no end of it."""
        if self.format == "stream-json":
            write_lines([_encode(line) for line in present.failure(error.message, error.code)])
        elif self.format == "json":
            write_lines([_encode(present.no_summary(error.message, error.code))])
        else:
            self.terminal.end_answer()


async def drive(client: Client, run: Run, out: Output) -> int:
    """Run the turn to its end; the exit code."""
    with Stops() as stops:
        thread, after = await chosen(client, run.choice)
        started = await client.start_turn(thread.id, run.turn)
        progress = Progress(
            thread_id=thread.id,
            turn_id=started.turn.id,
            model=started.turn.effective_model or run.turn.model or thread.model,
            prompt=run.turn.prompt,
            mode=run.mode,
            alone=run.alone,
        )
        out.begin(progress)
        async with asyncio.TaskGroup() as group:
            helpers = [group.create_task(_interrupt(client, progress, stops, out))]

            def answering() -> "Desk":
                from codewhale.surfaces.cli.asking import Desk  # noqa: PLC0415 - start-up: many turns ask nothing

                desk = Desk(client, thread.id, out.terminal, deny=run.deny, allow=run.allow, allow_bare=run.allow_bare)
                helpers.append(group.create_task(desk.run()))
                return desk

            await _follow(client, progress, after, out, answering)
            for helper in helpers:
                helper.cancel()
    out.end(progress)
    assert progress.ended is not None
    code = present.exit_code(progress.ended)
    return stops.code if stops.code and code == present.INCOMPLETE else code


async def _follow(client: Client, progress: Progress, after: int, out: Output, answering: "Callable[[], Desk]") -> None:
    desk: Desk | None = None
    async with aclosing(client.events(progress.thread_id, after=after)) as batches:
        async for batch in batches:
            out.take(progress, batch)
            if progress.ended is not None:
                return
            if desk is None and progress.waiting:
                desk = answering()
            if desk is not None:
                desk.update(progress.waiting)


async def _interrupt(client: Client, progress: Progress, stops: Stops, out: Output) -> None:
    await stops.asked.wait()
    out.terminal.end_answer()
    out.terminal.show([Piece("note", "interrupting the turn; once more leaves at once")])
    try:
        await client.interrupt(progress.thread_id, progress.turn_id)
    except (Conflict, NotFound):
        return  # it ended in the same moment
