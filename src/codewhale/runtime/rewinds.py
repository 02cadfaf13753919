"""Undo and retry: a new thread without the last turns; the old one stays as it is. Implements `client_sessions.RewindClient`.

Everything that can be refused is refused before anything is recorded, so that a refusal leaves nothing behind.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from codewhale.domain import events as e
from codewhale.domain.commands import StartedTurn, TurnInput
from codewhale.domain.errors import Conflict, InvalidInput, NotAvailable, NotFound
from codewhale.domain.ports import is_id
from codewhale.domain.records import Thread, Turn
from codewhale.domain.snapshots import PatchResult, PatchUndone, SnapshotRow
from codewhale.domain.views import ThreadSnapshot
from codewhale.engine.endings import EFFECTFUL
from codewhale.engine.ports import Ports
from codewhale.runtime.client_sessions import Undone
from codewhale.runtime.copies import Rewind, rewind, rewound
from codewhale.runtime.residents import Residents
from codewhale.runtime.undo.back import Back, Wanted
from codewhale.runtime.undo.lineage import turn_ids

if TYPE_CHECKING:
    from codewhale.runtime.undo.wiring import Undo

NO_SNAPSHOTS = "Snapshots of the workspace are not available: this runtime keeps none"

MAX_TURNS = 50
MAX_SNAPSHOTS = 100

StartTurn = Callable[[str, TurnInput], Awaitable[StartedTurn]]


class Rewinds:
    """Ways back over the threads of a runtime. `ready` is awaited before each command; `workspace` is the one whose snapshots
    are meant where none is named."""

    def __init__(
        self,
        ports: Ports,
        residents: Residents,
        ready: Callable[[], Awaitable[None]],
        start_turn: StartTurn,
        undo: "Undo | None",
        workspace: str,
    ) -> None:
        self._ports = ports
        self._residents = residents
        self._ready = ready
        self._start_turn = start_turn
        self._undo = undo
        self._workspace = workspace

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

    async def patch_undo(self, thread_id: str, depth: int, *, force: bool = False) -> PatchUndone:
        source, cut = await self._cut(thread_id, depth)
        back = self._back()
        dropped = source.turns[[turn.id for turn in source.turns].index(cut.turn_id) :]
        ids = await asyncio.to_thread(turn_ids, source, self._ports.store.snapshot, dropped)
        wanted = self._wanted(thread_id, force=force)
        done = await back.turns(source.thread.workspace, wanted, ids, needed=_writing(source, dropped))
        thread = await self._fork(source, cut, depth)
        return PatchUndone(patch_result=done, thread=thread, original_user_text=cut.text)

    async def revert(self, thread_id: str, turns: int, *, force: bool = False, turn_id: str = "") -> PatchResult:
        if not 1 <= turns <= MAX_TURNS:
            raise InvalidInput(f"turns must be between 1 and {MAX_TURNS}")
        source = await self._source(thread_id, idle=not turn_id)
        back = self._back()
        ids = await asyncio.to_thread(turn_ids, source, self._ports.store.snapshot)
        return await back.last(source.thread.workspace, self._wanted(thread_id, turn_id, force=force), ids, turns)

    async def snapshots(self, limit: int = 20, workspace: str | None = None) -> list[SnapshotRow]:
        if not 1 <= limit <= MAX_SNAPSHOTS:
            raise InvalidInput(f"limit must be between 1 and {MAX_SNAPSHOTS}")
        return await self._back().rows(workspace or self._workspace, limit)

    async def restore(self, snapshot_id: str, *, workspace: str | None = None, force: bool = False) -> PatchResult:
        await self._ready()
        return await self._back().snapshot(workspace or self._workspace, self._wanted("", force=force), snapshot_id)

    def _back(self) -> "Back":
        if self._undo is None:
            raise NotAvailable(NO_SNAPSHOTS)
        return Back(self._undo.keeper)

    def _wanted(self, thread_id: str, turn_id: str = "", *, force: bool) -> Wanted:
        return Wanted(thread_id=thread_id, turn_id=turn_id, force=force, seq=self._ports.store.latest_seq)

    async def _cut(self, thread_id: str, depth: int) -> tuple[ThreadSnapshot, Rewind]:
        source = await self._source(thread_id)
        return source, rewind(source, depth)

    async def _source(self, thread_id: str, *, idle: bool = True) -> ThreadSnapshot:
        if not is_id(thread_id):
            raise NotFound(f"Thread not found: {thread_id[:80]}")
        await self._ready()
        resident = self._residents.get(thread_id)
        if idle and resident.active is not None:
            raise Conflict("Thread already has an active turn")
        if resident.settled is not None:
            await resident.settled
        source = await asyncio.to_thread(self._ports.store.snapshot, thread_id)
        if source is None:
            raise NotFound(f"Thread not found: {thread_id}")
        return source

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


def _writing(source: ThreadSnapshot, turns: Sequence[Turn]) -> frozenset[str]:
    """Those of the turns that ran something which may have changed files."""
    ids = {turn.id for turn in turns}
    return frozenset(
        item.turn_id
        for item in source.items
        if item.turn_id in ids
        and item.kind in EFFECTFUL
        and (item.metadata or {}).get("error") not in ("permission_denied", "invalid_input")
    )
