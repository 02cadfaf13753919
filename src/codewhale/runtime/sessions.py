"""Sessions: the threads of the log, seen and changed through `/v1/sessions`. Implements `client_sessions.SessionsClient`.

There is no second store and no cap: deleting marks the thread, and everything said in it stays in the log.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import UNSET
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.commands import NewThread
from codewhale.domain.errors import Conflict, InvalidInput, NotFound
from codewhale.domain.ports import is_id
from codewhale.domain.records import Thread
from codewhale.domain.session_messages import session_messages
from codewhale.domain.sessions import (
    PatchedSession,
    ResumedSession,
    ResumeSession,
    SavedSession,
    SaveSession,
    SessionDetail,
    SessionMetadata,
    SessionPatch,
    SessionPeek,
    SessionSummary,
    metadata,
    summary,
)
from codewhale.domain.text import whole_fields
from codewhale.domain.views import SessionFilter, SessionRow, ThreadSnapshot
from codewhale.engine.ports import Ports
from codewhale.runtime.copies import resumed
from codewhale.runtime.peek import peeked
from codewhale.runtime.residents import Resident, Residents
from codewhale.runtime.threads import Defaults, new_thread

SHOWN = 80


class Sessions:
    """The sessions of a runtime. `ready` is awaited before each command: it brings a log that failed back into use."""

    def __init__(
        self, ports: Ports, defaults: Defaults, residents: Residents, ready: Callable[[], Awaitable[None]]
    ) -> None:
        self._ports = ports
        self._defaults = defaults
        self._residents = residents
        self._ready = ready

    async def page(self, filter: SessionFilter) -> list[SessionMetadata]:
        return [metadata(row) for row in await self._rows(filter)]

    async def summaries(self, filter: SessionFilter) -> list[SessionSummary]:
        return [summary(row) for row in await self._rows(filter)]

    async def detail(self, session_id: str) -> SessionDetail:
        row, snapshot = await self._whole(session_id)
        origin = row.thread.origin
        return SessionDetail(
            metadata=metadata(row),
            messages=tuple(session_messages(snapshot.items)),
            system_prompt=row.thread.system_prompt or (origin.system_prompt if origin is not None else None),
        )

    async def peek(self, session_id: str, entries: int) -> SessionPeek:
        row, snapshot = await self._whole(session_id)
        return peeked(row, snapshot.items, entries)

    async def resume(self, session_id: str, given: ResumeSession) -> ResumedSession:
        await self._ready()
        row, snapshot = await self._whole(session_id, settled=True)
        given = whole_fields(given)
        thread = new_thread(
            _settings(row.thread, given), self._defaults, thread_id=self._ports.ids.new("thr"), now=self._now()
        )
        empty = replace(thread, session_id=session_id, auto_approve=False)
        copy = resumed(snapshot, empty, self._ports.ids)
        await self._record(
            thread.id,
            e.ThreadStarted(thread=empty),
            e.ThreadUpdated(thread=copy.thread, reason="session_resume", turns=copy.turns, items=copy.items),
        )
        count = copy.thread.origin.message_count or 0 if copy.thread.origin is not None else 0
        return ResumedSession(
            thread_id=thread.id,
            session_id=session_id,
            message_count=count,
            summary=f"Resumed session '{row.title}' ({count} messages) into thread {thread.id}",
        )

    async def save(self, given: SaveSession) -> SavedSession:
        await self._ready()
        given = whole_fields(given)
        if not is_id(given.thread_id):
            raise NotFound(f"Thread not found: {given.thread_id[:SHOWN]}")
        resident = _quiet(self._residents.get(given.thread_id))
        changes: dict[str, object] = {}
        if (given.title or "").strip():
            changes["title"] = (given.title or "").strip()
        if resident.thread.deleted_at is not None:
            changes |= {"deleted_at": None, "archived": False}
        await self._change(resident, changes, "session_saved")
        row = await self._row(given.thread_id)
        return SavedSession(
            session_id=row.thread.id, thread_id=row.thread.id, message_count=row.message_count, title=row.title
        )

    async def patch(self, session_id: str, patch: SessionPatch) -> PatchedSession:
        given = {
            name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) not in (None, UNSET)
        }
        if not given:
            raise InvalidInput("At least one session field is required")
        await self._ready()
        await self._row(session_id)
        patch = whole_fields(patch)
        resident = _quiet(self._residents.get(session_id))
        if isinstance(patch.title, str):
            given["title"] = patch.title.strip() or None
        changes = await self._change(resident, given, None)
        return PatchedSession(session=metadata(await self._row(session_id)), changes=changes)

    async def delete(self, session_id: str) -> None:
        await self._ready()
        await self._row(session_id)
        resident = _quiet(self._residents.get(session_id))
        await self._change(resident, {"deleted_at": self._now(), "archived": True}, "session_deleted")

    async def _change(self, resident: Resident, given: dict[str, object], reason: str | None) -> dict[str, object]:
        """Record what really changes."""
        changes = {name: value for name, value in given.items() if getattr(resident.thread, name) != value}
        if changes:
            resident.thread = replace(resident.thread, updated_at=self._now(), **changes)
            updated = e.ThreadUpdated(thread=resident.thread, changes=changes, reason=reason)
            await self._record(resident.thread.id, updated)
        return changes

    async def _rows(self, filter: SessionFilter) -> list[SessionRow]:
        return await asyncio.to_thread(self._ports.store.sessions.list, whole_fields(filter))

    async def _row(self, session_id: str) -> SessionRow:
        if not is_id(session_id):
            raise InvalidInput(f"Invalid session id '{session_id[:SHOWN]}'")
        row = await asyncio.to_thread(self._ports.store.sessions.get, session_id)
        if row is None:
            raise NotFound(f"Session '{session_id}' not found")
        return row

    async def _whole(self, session_id: str, *, settled: bool = False) -> tuple[SessionRow, ThreadSnapshot]:
        row = await self._row(session_id)
        if settled:
            resident = self._residents.get(session_id)
            if resident.active is None and resident.settled is not None:
                await resident.settled
        snapshot = await asyncio.to_thread(self._ports.store.snapshot, session_id)
        if snapshot is None:
            raise NotFound(f"Session '{session_id}' not found")
        return row, snapshot

    async def _record(self, thread_id: str, *payloads: e.Payload) -> None:
        now = self._now()
        await self._ports.store.append(
            [e.NewEvent(timestamp=now, thread_id=thread_id, payload=payload) for payload in payloads]
        )

    def _now(self) -> str:
        return self._ports.clock.now()


def _settings(thread: Thread, given: ResumeSession) -> NewThread:
    """What the new thread takes over: where it works, who serves it and how; nothing that was allowed."""
    return NewThread(
        model=(given.model or "").strip() or thread.model,
        mode=(given.mode or "").strip() or thread.mode,
        workspace=thread.workspace,
        model_provider=thread.model_provider,
        system_prompt=thread.system_prompt,
        title=thread.title,
    )


def _quiet(resident: Resident) -> Resident:
    if resident.active is not None:
        raise Conflict("Thread already has an active turn")
    return resident
