"""Sessions and rewinds of the runtime of another process, over its HTTP API: `client_sessions` as `remote.RemoteClient`
has it."""

from collections.abc import Mapping
from typing import Protocol, TypeVar
from urllib.parse import urlencode

from msgspec import UNSET, Raw, Struct

from codewhale.domain.commands import StartedTurn
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.ports import is_id
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
)
from codewhale.domain.snapshots import PatchResult, PatchUndone, Restored, SnapshotRow
from codewhale.domain.text import whole_fields
from codewhale.domain.views import SessionFilter
from codewhale.runtime.client_sessions import Undone

T = TypeVar("T")


class Ask(Protocol):
    """One request: method, target, the type of the answer, the JSON body."""

    async def __call__(self, method: str, target: str, answer: type[T], body: object = None) -> T: ...


class _List(Struct, frozen=True):
    sessions: list[SessionMetadata]


class RemoteSessions:
    """`SessionsClient` over HTTP."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def page(self, filter: SessionFilter) -> list[SessionMetadata]:
        given = {"limit": filter.limit, "search": filter.search}
        return (await self._ask("GET", "/v1/sessions" + _query(given), _List)).sessions

    async def summaries(self, filter: SessionFilter) -> list[SessionSummary]:
        given = {name: getattr(filter, name) for name in filter.__struct_fields__ if name != "search_preview"}
        return await self._ask("GET", "/v1/sessions/summary" + _query(given), list[SessionSummary])

    async def detail(self, session_id: str) -> SessionDetail:
        return await self._ask("GET", _session(session_id), SessionDetail)

    async def peek(self, session_id: str, entries: int) -> SessionPeek:
        return await self._ask("GET", _session(session_id) + _query({"peek": True, "entries": entries}), SessionPeek)

    async def resume(self, session_id: str, given: ResumeSession) -> ResumedSession:
        return await self._ask("POST", _session(session_id, "/resume-thread"), ResumedSession, _given(given))

    async def save(self, given: SaveSession) -> SavedSession:
        return await self._ask("POST", "/v1/sessions", SavedSession, _given(given))

    async def patch(self, session_id: str, patch: SessionPatch) -> PatchedSession:
        return await self._ask("PATCH", _session(session_id), PatchedSession, _given(patch))

    async def delete(self, session_id: str) -> None:
        await self._ask("DELETE", _session(session_id), Raw)


class RemoteRewinds:
    """`RewindClient` over HTTP."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def undo(self, thread_id: str, depth: int) -> Undone:
        return await self._ask("POST", _thread(thread_id, "undo"), Undone, {"depth": depth})

    async def retry(self, thread_id: str, depth: int, prompt: str | None) -> StartedTurn:
        return await self._ask("POST", _thread(thread_id, "retry"), StartedTurn, {"depth": depth, "prompt": prompt})

    async def patch_undo(self, thread_id: str, depth: int, *, force: bool = False) -> PatchUndone:
        body = {"depth": depth, "force": force}
        return await self._ask("POST", _thread(thread_id, "patch-undo"), PatchUndone, body)

    async def revert(self, thread_id: str, turns: int, *, force: bool = False) -> PatchResult:
        return await self._ask("POST", _thread(thread_id, "revert"), PatchResult, {"turns": turns, "force": force})

    async def snapshots(self, limit: int = 20, workspace: str | None = None) -> list[SnapshotRow]:
        query = _query({"limit": limit, "workspace": workspace})
        return await self._ask("GET", "/v1/snapshots" + query, list[SnapshotRow])

    async def restore(self, snapshot_id: str, *, workspace: str | None = None, force: bool = False) -> PatchResult:
        if not snapshot_id.isalnum():
            raise NotFound(f"Snapshot not found: {snapshot_id[:80]}")
        query = _query({"workspace": workspace, "force": force})
        restored = await self._ask("POST", f"/v1/snapshots/{snapshot_id}/restore{query}", Restored)
        return restored.result


def _session(session_id: str, rest: str = "") -> str:
    if not is_id(session_id):
        raise InvalidInput(f"Invalid session id '{session_id[:80]}'")
    return f"/v1/sessions/{session_id}{rest}"


def _thread(thread_id: str, act: str) -> str:
    if not is_id(thread_id):
        raise NotFound(f"Thread not found: {thread_id[:80]}")
    return f"/v1/threads/{thread_id}/{act}"


def _given(command: Struct) -> dict[str, object]:
    command = whole_fields(command)
    pairs = ((name, getattr(command, name)) for name in command.__struct_fields__)
    return {name: value for name, value in pairs if value is not None and value is not UNSET}


def _query(given: Mapping[str, object]) -> str:
    shown = {
        name: "true" if value is True else str(value) for name, value in given.items() if value not in (None, False)
    }
    return "?" + urlencode(shown) if shown else ""
