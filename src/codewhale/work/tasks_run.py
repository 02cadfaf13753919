"""One task under way: its thread, its turn, and whoever must stop it in time.

A request to stop holds from the moment it is made: before the turn starts the turn never starts, after that it is
interrupted. Waiting is for the turn's events or for the next limit; nothing is polled.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.errors import Conflict, StoreError
from codewhale.domain.ports import Clock
from codewhale.domain.records import Turn
from codewhale.domain.tasks import Task, TaskChange, TaskLimits
from codewhale.work.port import TurnRunner, Waiter
from codewhale.work.tasks import Cause, Outcome, outcome_of, stopped

TEXT_KEPT = 2000
"""Characters of the answer that are kept for the summary; the whole is in the thread."""

_OPENING = {e.ApprovalRequired.WIRE, e.UserInputRequired.WIRE}
_ITEMS = {e.ItemStarted.WIRE, e.ItemCompleted.WIRE, e.ItemFailed.WIRE, e.ItemInterrupted.WIRE}
_CLOSING = {
    e.ApprovalDecided.WIRE,
    e.ApprovalTimeout.WIRE,
    e.UserInputAnswered.WIRE,
    e.UserInputCanceled.WIRE,
}


class Around(Struct, frozen=True, kw_only=True):
    """What a running task needs; `record` takes each change of it."""

    turns: TurnRunner
    clock: Clock
    waiter: Waiter
    limits: TaskLimits
    record: Callable[[Task, TaskChange], object]


class TaskRun:
    """A task from `running` to its outcome. `task` is its record as of now; `events` counts those of its thread."""

    def __init__(self, task: Task, around: Around) -> None:
        self.task = task
        self.events = 0
        self._around = around
        self._began = self._last = around.clock.monotonic()
        self._news = asyncio.Event()
        self._stop: Cause | None = None
        self._waiting = 0
        self._calls: set[str] = set()
        self._text: list[str] = []
        self._kept = 0
        self._turn: Turn | None = None
        self._failure: StoreError | None = None

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return self._around.clock.monotonic() - self._began

    @property
    def stopping(self) -> Cause | None:
        """Why it was asked to end, if it was."""
        return self._stop

    def stop(self, cause: Cause) -> None:
        """End it as soon as possible; the first cause counts."""
        if self._stop is None:
            self._stop = cause
        self._news.set()

    def update(self, task: Task, change: TaskChange) -> object:
        """Make `task` the record; what recording it gives back."""
        self.task = task
        return self._around.record(task, change)

    async def carry(self) -> Outcome:
        """Run it to its end. Raises what creating the thread or starting the turn raises."""
        turns, task = self._around.turns, self.task
        if self._stop is None:
            thread = await turns.create_thread(
                NewThread(
                    model=task.model,
                    workspace=task.workspace,
                    mode=task.mode,
                    allow_shell=task.allow_shell,
                    trust_mode=task.trust_mode,
                    auto_approve=task.auto_approve,
                    task_id=task.id,
                )
            )
            self.update(replace(self.task, thread_id=thread.id), "runtime_link")
            if self._stop is None:
                started = await turns.start_turn(thread.id, TurnInput(prompt=task.prompt))
                self.update(replace(self.task, turn_id=started.turn.id), "runtime_link")
                return await self._watched(thread.id, started.turn.id)
        return stopped(self._stop, self._around.limits)

    async def _watched(self, thread_id: str, turn_id: str) -> Outcome:
        async with asyncio.TaskGroup() as group:
            follower = group.create_task(self._follow(thread_id))
            cause, overdue = await self._until_over(thread_id, turn_id)
            follower.cancel()
        if overdue and cause is not None:
            return stopped(cause, self._around.limits, overdue=True)
        assert self._turn is not None
        return outcome_of(self._turn, "".join(self._text), cause, self._around.limits)

    async def _until_over(self, thread_id: str, turn_id: str) -> tuple[Cause | None, bool]:
        """Why the turn was asked to stop, if it was, and whether it had not stopped when its time was up."""
        cause: Cause | None = None
        deadline = 0.0
        clock = self._around.clock
        while True:
            self._news.clear()
            if self._turn is not None:
                return cause, False
            if self._failure is not None:
                raise self._failure
            now = clock.monotonic()
            if cause is None:
                cause, deadline = self._due(now)
                if cause is not None:
                    await self._interrupt(thread_id, turn_id)
                    deadline = clock.monotonic() + self._around.limits.grace
            elif now >= deadline:
                return cause, True
            await self._around.waiter.until(self._news, deadline - clock.monotonic())

    def _due(self, now: float) -> tuple[Cause | None, float]:
        """The reason to stop now, or when to look again."""
        limits = self._around.limits
        over = self._began + limits.wall
        idle = self._last + limits.idle
        if self._stop is not None:
            return self._stop, now
        if now >= over:
            return "wall_timeout", now
        if self._waiting > 0 or self._calls:
            return None, over  # a call has a limit of its own, and may be silent until then
        return ("idle_timeout", now) if now >= idle else (None, min(over, idle))

    async def _interrupt(self, thread_id: str, turn_id: str) -> None:
        try:
            await self._around.turns.interrupt(thread_id, turn_id)
        except Conflict:
            return  # it is over already, or ending: the events say how

    async def _follow(self, thread_id: str) -> None:
        try:
            async with aclosing(self._around.turns.events(thread_id)) as batches:
                async for batch in batches:
                    self._last = self._around.clock.monotonic()
                    for event in batch:
                        self._take(event)
                        if self._turn is not None:
                            return
                    self._news.set()
        except StoreError as error:
            self._failure = error
            self._news.set()

    def _take(self, event: e.Event) -> None:
        self.events += 1
        if event.event in _OPENING:
            self._waiting += 1
        elif event.event in _CLOSING:
            self._waiting -= 1
        elif event.event in _ITEMS:
            self._take_item(event)
        elif event.event == e.TurnCompleted.WIRE:
            payload = event.decode()
            if isinstance(payload, e.TurnCompleted) and payload.turn.id == self.task.turn_id:
                self._turn = payload.turn
                self._news.set()

    def _take_item(self, event: e.Event) -> None:
        """Which calls run, and the beginning of what is said."""
        if event.event != e.ItemStarted.WIRE and event.item_id is not None:
            self._calls.discard(event.item_id)
        payload = event.decode()
        if isinstance(payload, e.ItemStarted):
            if payload.item.call is not None:
                self._calls.add(payload.item.id)
        elif isinstance(payload, e.ItemCompleted) and payload.item.kind == "agent_message" and self._kept < TEXT_KEPT:
            said = (payload.item.detail or "")[: TEXT_KEPT - self._kept]
            self._text.append(said)
            self._kept += len(said)
