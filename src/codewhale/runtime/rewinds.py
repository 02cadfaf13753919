"""Undo and retry: a new thread without the last turns; the old one stays as it is. Implements `client_sessions.RewindClient`.

Everything that can be refused is refused before anything is recorded, so that a refusal leaves nothing behind.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

from codewhale.domain import events as e
from codewhale.domain.commands import StartedTurn, TurnInput
from codewhale.domain.errors import Conflict, InvalidInput, NotAvailable, NotFound
from codewhale.domain.ports import is_id
from codewhale.domain.records import Thread
from codewhale.domain.views import ThreadSnapshot
from codewhale.engine.ports import Ports
from codewhale.runtime.client_sessions import Undone
from codewhale.runtime.copies import Rewind, rewind, rewound
from codewhale.runtime.residents import Residents

NO_SNAPSHOTS = "Snapshots of the workspace are not available: this codewhale keeps none yet"

StartTurn = Callable[[str, TurnInput], Awaitable[StartedTurn]]


class Rewinds:
    """Ways back over the threads of a runtime. `ready` is awaited before each command."""

    def __init__(
        self, ports: Ports, residents: Residents, ready: Callable[[], Awaitable[None]], start_turn: StartTurn
    ) -> None:
        self._ports = ports
        self._residents = residents
        self._ready = ready
        self._start_turn = start_turn

    async def undo(self, thread_id: str, depth: int) -> Undone:
        source, cut = await self._cut(thread_id, depth)
        return Undone(thread=await self._fork(source, cut, depth), original_user_text=cut.text)

    async def retry(self, thread_id: str, depth: int, prompt: str | None) -> StartedTurn:
        source, cut = await self._cut(thread_id, depth)
        text = (prompt or "").strip() or (cut.text or "").strip()
        if not text:
            raise InvalidInput("prompt is required: the turn to retry has no text")
        thread = await self._fork(source, cut, depth)
        return await self._start_turn(thread.id, TurnInput(prompt=text))

    async def patch_undo(self, thread_id: str, depth: int) -> NoReturn:
        await self._cut(thread_id, depth)
        raise NotAvailable(NO_SNAPSHOTS)

    async def _cut(self, thread_id: str, depth: int) -> tuple[ThreadSnapshot, Rewind]:
        if not is_id(thread_id):
            raise NotFound(f"Thread not found: {thread_id[:80]}")
        await self._ready()
        resident = self._residents.get(thread_id)
        if resident.active is not None:
            raise Conflict("Thread already has an active turn")
        if resident.settled is not None:
            await resident.settled
        source = await asyncio.to_thread(self._ports.store.snapshot, thread_id)
        if source is None:
            raise NotFound(f"Thread not found: {thread_id}")
        return source, rewind(source, depth)

    async def _fork(self, source: ThreadSnapshot, cut: Rewind, depth: int) -> Thread:
        copy = rewound(source, self._ports.ids, now=self._ports.clock.now(), before=cut.turn_id)
        forked = e.ThreadForked(
            thread=copy.thread,
            source_thread_id=source.thread.id,
            turns=copy.turns,
            items=copy.items,
            backtrack_depth_from_tail=depth,
            dropped_turn_id=cut.turn_id,
        )
        now = copy.thread.created_at
        await self._ports.store.append([e.NewEvent(timestamp=now, thread_id=copy.thread.id, payload=forked)])
        return copy.thread
