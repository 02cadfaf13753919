"""Turns: claim the thread, run the turn as a task of the runtime, steer, interrupt.

A thread's slot is claimed and released without an await, so two callers can never both start a turn, and a client that
reacts to `turn.completed` always finds the thread free.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from codewhale.context.conversation import said
from codewhale.domain import events as e
from codewhale.domain.commands import StartedTurn, TurnInput
from codewhale.domain.errors import Conflict, InvalidInput, StoreError
from codewhale.domain.messages import UserMessage
from codewhale.domain.records import SCHEMA_VERSION, Turn, summarize
from codewhale.engine.client_tools import named
from codewhale.engine.ports import Ports
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.requests import RequestDesk
from codewhale.engine.room import Grant
from codewhale.engine.turn import Conversation, TurnSetup, conclude, run_turn
from codewhale.policy.mode import parse_mode
from codewhale.runtime.compactions import Return, keeping_of, take_back, way_back
from codewhale.runtime.outside import Outside
from codewhale.runtime.residents import ActiveTurn, Resident, Residents, conversation_of
from codewhale.runtime.threads import Defaults
from codewhale.runtime.turn_setup import Prepared, Sitting, Stage, posture_of, settled, turn_setup
from codewhale.store.port import Ticket
from codewhale.tools.registry import ENTRIES

if TYPE_CHECKING:
    from codewhale.runtime.answers import Answers


class Around(Struct, frozen=True, kw_only=True):
    """What the owner of the turns gives them: a group for their tasks, who grants what tools wish for, and who is told that a
    turn is about to make its first model call, and that one has ended and its thread is free."""

    group: asyncio.TaskGroup
    grant: Grant
    begun: Callable[[Resident, ActiveTurn], None] = lambda _resident, _active: None
    ended: Callable[[Resident], None] = lambda _: None


class Turns:
    """The turns of a runtime."""

    def __init__(
        self, ports: Ports, defaults: Defaults, outside: Outside, residents: Residents, around: Around
    ) -> None:
        self._ports = ports
        self._defaults = defaults
        self._residents = residents
        self._group = around.group
        self._around = around
        self._desk = RequestDesk(ports.store.request_known)
        self._stage = Stage(defaults=defaults, outside=outside, desk=self._desk, grant=around.grant, group=around.group)
        self._stopping = False

    @cached_property
    def answers(self) -> "Answers":
        """Who takes the answers to what turns ask."""
        from codewhale.runtime.answers import Answers  # noqa: PLC0415 - start-up: many turns ask nothing

        return Answers(self._ports, self._desk, self._residents)

    async def start(self, resident: Resident, given: TurnInput) -> StartedTurn:
        """Begin a turn: durable when this returns, and already under way."""
        prompt = given.prompt.strip()
        if not prompt:
            raise InvalidInput("prompt is required")
        named(given.dynamic_tools or (), ENTRIES)
        self._check_free(resident)
        prompt = await self._heard(resident, given.mode, prompt)
        given = replace(given, prompt=prompt)
        active = self._claimed(resident, given, prompt)
        recorder = active.recorder
        return await self._launch(
            resident,
            active,
            lambda: recorder.begin(recorder.user_item(prompt, step=0)),
            lambda: self._work(resident, active, given),
        )

    async def wake(self, resident: Resident, summary: str) -> StartedTurn:
        """Begin a turn that nobody asked for in words; whoever wanted it tells it what it is about when it begins."""
        given = TurnInput(prompt="", input_summary=summarize(summary))
        active = self._claimed(resident, given, "")
        return await self._launch(
            resident, active, active.recorder.begin_unasked, lambda: self._work(resident, active, given)
        )

    async def compact(self, resident: Resident, reason: str | None) -> StartedTurn:
        """Begin a turn that replaces the model's conversation by a summary of it, as durable as `start`."""
        given = TurnInput(prompt="", input_summary=summarize((reason or "").strip()) or "Manual context compaction")
        active = self._claimed(resident, given, "")
        active.steerable = False
        return await self._launch(
            resident, active, active.recorder.begin_compaction, lambda: self._compact(resident, active, given, reason)
        )

    async def uncompact(self, resident: Resident) -> StartedTurn:
        """Begin a turn that takes back the last compaction. `Conflict` when there is none or its messages would not fit."""
        self._check_free(resident)
        conversation = await conversation_of(resident, self._ports.store, before="")
        back = way_back(resident, self._ports.store, self._stage.outside, conversation)
        active = self._claimed(resident, TurnInput(prompt="", input_summary="Undo of a context compaction"), "")
        active.steerable = False
        return await self._launch(
            resident, active, active.recorder.begin_compaction, lambda: self._take_back(resident, active, back)
        )

    def _claimed(self, resident: Resident, given: TurnInput, prompt: str) -> ActiveTurn:
        """Take the thread's slot."""
        self._check_free(resident)
        active = resident.active = ActiveTurn(
            recorder=TurnRecorder(self._ports, _new_turn(self._ports, resident, given, prompt)),
            posture=posture_of(resident.thread, given, never_ask=self._defaults.never_ask),
        )
        return active

    def _check_free(self, resident: Resident) -> None:
        if resident.active is not None:
            raise Conflict("Thread already has an active turn")
        if self._stopping:
            raise Conflict("The runtime is shutting down")

    async def _heard(self, resident: Resident, mode: str | None, text: str) -> str:
        """A message as the person's hooks let it through."""
        hooks = self._stage.outside.hooks
        if hooks is None:
            return text
        return await hooks.message(resident.thread, parse_mode(mode or resident.thread.mode), text)

    async def _launch(
        self,
        resident: Resident,
        active: ActiveTurn,
        begin: Callable[[], Ticket],
        work: Callable[[], Awaitable[Ticket]],
    ) -> StartedTurn:
        """Record the beginning and let the turn run as a task of the runtime."""
        try:
            ticket = begin()
        except StoreError:
            resident.active = None
            raise
        recorder = active.recorder
        turn = recorder.turn
        resident.thread = replace(resident.thread, latest_turn_id=turn.id, updated_at=turn.created_at)
        task = active.task = self._group.create_task(self._run(resident, active, work))
        task.add_done_callback(lambda _: self._settle(resident, active))
        started = StartedTurn(thread=resident.thread, turn=turn)
        try:
            await ticket
        except StoreError:
            task.cancel()
            raise
        return started

    async def steer(self, resident: Resident, turn_id: str, prompt: str) -> Turn:
        """More input for the turn under way; the model sees it before its next step."""
        text = prompt.strip()
        if not text:
            raise InvalidInput("prompt is required")
        active = _active(resident, turn_id)
        if active.reason is not None:
            raise Conflict(f"Turn {turn_id} is stopping")
        if not active.steerable:
            raise Conflict(f"Turn {turn_id} compacts the context and takes no input")
        text = await self._heard(resident, active.posture.mode, text)
        active = _active(resident, turn_id)
        item, ticket = active.recorder.steer(text)
        active.steers.items.append(item)
        turn = active.recorder.turn
        await ticket
        return turn

    async def interrupt(self, resident: Resident, turn_id: str) -> Turn:
        """Ask the turn to stop, at once, whatever it waits for. May be repeated while it stops."""
        active = _active(resident, turn_id)
        ticket = active.recorder.append(e.TurnInterruptRequested(thread_id=resident.thread.id, turn_id=turn_id))
        turn = active.recorder.turn
        _stop(active, "Interrupted on request.")
        await ticket
        return turn

    def stop_all(self, reason: str) -> None:
        """Interrupt every turn and start no more; the runtime's task group waits for their end."""
        self._stopping = True
        for active in self._residents.active():
            _stop(active, reason)

    async def abandon(self, reason: str) -> None:
        """Stop the turns under way and return when none is left; unlike after `stop_all`, others may follow."""
        active = self._residents.active()
        for one in active:
            _stop(one, reason)
        tasks = [one.task for one in active if one.task is not None]
        if tasks:
            await asyncio.wait(tasks)

    async def _run(self, resident: Resident, active: ActiveTurn, work: Callable[[], Awaitable[Ticket]]) -> None:
        ticket: Ticket | None = None
        try:
            ticket = await work()
        except StoreError:
            resident.conversation = None
        finally:
            self._release(resident, active, ticket)
        turn = active.recorder.turn
        if turn.status == "interrupted" and active.watches is not None and not self._stopping:
            resident.ending = self._group.create_task(active.watches.turn_ended(turn, "interrupted"))
        if ticket is not None:
            await _durable(resident, ticket)

    async def _work(self, resident: Resident, active: ActiveTurn, given: TurnInput) -> Ticket:
        async def prepare() -> tuple[TurnSetup, Conversation]:
            if resident.ending is not None:
                await asyncio.wait([resident.ending])
                resident.ending = None
            conversation = await conversation_of(resident, self._ports.store, before=active.recorder.turn.id)
            asked = await settled(self._stage, active.recorder, resident.thread, given, conversation.messages)
            prepared = self._setup(resident, active, asked, conversation)
            active.watches = prepared.setup.room.watches
            if given.prompt:
                conversation.messages.append(UserMessage(text=self._ports.redactor.text(given.prompt.strip())))
            changed = conversation.header.tell(active.recorder, prepared.wanted)
            if changed is not None:
                conversation.messages.append(said(changed))
            self._around.begun(resident, active)
            return prepared.setup, conversation

        return await run_turn(active.recorder, prepare, active.steers, lambda: active.reason)

    async def _compact(self, resident: Resident, active: ActiveTurn, given: TurnInput, reason: str | None) -> Ticket:
        from codewhale.engine.compact import compact  # noqa: PLC0415 - start-up: most turns are none

        async def work() -> None:
            conversation = await conversation_of(resident, self._ports.store, before=active.recorder.turn.id)
            resident.conversation = None
            prepared = self._setup(resident, active, given, conversation)
            await compact(active.recorder, prepared.setup, conversation, reason)
            conversation.header.compacted(active.recorder)

        return await conclude(active.recorder, work, active.steers, lambda: active.reason)

    async def _take_back(self, resident: Resident, active: ActiveTurn, back: Return) -> Ticket:
        async def work() -> None:
            resident.conversation = None
            take_back(active.recorder, back)

        return await conclude(active.recorder, work, active.steers, lambda: active.reason)

    def _setup(self, resident: Resident, active: ActiveTurn, given: TurnInput, conversation: Conversation) -> Prepared:
        workspace, standing = resident.thread.workspace, self._stage.outside.standing
        sitting = Sitting(
            recorder=active.recorder,
            thread=resident.thread,
            given=given,
            posture=lambda: standing.applied(active.posture, workspace),
            steers=active.steers,
            conversation=conversation,
        )
        prepared = turn_setup(self._stage, sitting)
        keeping = keeping_of(self._defaults, resident, active.recorder, prepared, conversation)
        return replace(prepared, setup=replace(prepared.setup, keeping=keeping))

    def _release(self, resident: Resident, active: ActiveTurn, ticket: Ticket | None) -> None:
        if active.ended:
            return
        active.ended = True
        self._desk.drop_turn(active.recorder)
        turn = active.recorder.turn
        if turn.status != "completed":
            resident.conversation = None
        resident.settled = ticket
        resident.thread = replace(resident.thread, updated_at=turn.ended_at or resident.thread.updated_at)
        resident.active = None
        self._around.ended(resident)

    def _settle(self, resident: Resident, active: ActiveTurn) -> None:
        """The task is over; a task cancelled before it ever ran has not ended its turn."""
        if active.ended:
            return
        ticket: Ticket | None = None
        try:
            ticket = active.recorder.finish("interrupted", error=active.reason, code="interrupted")
        except StoreError:
            resident.conversation = None
        self._release(resident, active, ticket)


async def _durable(resident: Resident, ticket: Ticket) -> None:
    """Wait for it. A failed log tells its followers itself; here only memory must not run ahead of it."""
    try:
        await ticket
    except StoreError:
        resident.conversation = None


def _new_turn(ports: Ports, resident: Resident, given: TurnInput, prompt: str) -> Turn:
    now = ports.clock.now()
    thread = resident.thread
    return Turn(
        schema_version=SCHEMA_VERSION,
        id=ports.ids.new("turn"),
        thread_id=thread.id,
        status="in_progress",
        input_summary=given.input_summary or summarize(prompt),
        created_at=now,
        item_ids=(),
        steer_count=0,
        started_at=now,
        effective_model=given.model or thread.model,
        effective_provider=thread.model_provider,
    )


def _stop(active: ActiveTurn, reason: str) -> None:
    if active.reason is None and active.task is not None:
        active.reason = reason
        active.task.cancel()


def _active(resident: Resident, turn_id: str) -> ActiveTurn:
    active = resident.active
    if active is None or active.steers.closed:
        raise Conflict(f"No active turn on thread {resident.thread.id}")
    if active.recorder.turn.id != turn_id:
        raise Conflict(f"Turn {turn_id} is not active on thread {resident.thread.id}")
    return active
