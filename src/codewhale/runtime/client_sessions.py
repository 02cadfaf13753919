"""The sessions and rewinds of `runtime.client.Client`, apart so that each family stays small. Errors as there."""

from typing import Protocol

from msgspec import Struct

from codewhale.domain.commands import StartedTurn
from codewhale.domain.records import Thread
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
from codewhale.domain.snapshots import PatchResult, PatchUndone, SnapshotRow
from codewhale.domain.views import SessionFilter


class Undone(Struct, frozen=True, kw_only=True):
    """The thread as it was before, as a new one, and what the person had said first in what is gone."""

    thread: Thread
    original_user_text: str | None


class SessionsClient(Protocol):
    """Threads seen as sessions. An id that no session has is `NotFound`, one that cannot be an id `InvalidInput`."""

    async def page(self, filter: SessionFilter) -> list[SessionMetadata]: ...

    async def summaries(self, filter: SessionFilter) -> list[SessionSummary]: ...

    async def detail(self, session_id: str) -> SessionDetail: ...

    async def peek(self, session_id: str, entries: int) -> SessionPeek:
        """The last `entries` (1–12) things said or done."""
        ...

    async def resume(self, session_id: str, given: ResumeSession) -> ResumedSession:
        """A new thread with the whole history of the session."""
        ...

    async def save(self, given: SaveSession) -> SavedSession:
        """Name a thread's session, and bring it back if it was deleted. `Conflict` while a turn is under way."""
        ...

    async def patch(self, session_id: str, patch: SessionPatch) -> PatchedSession:
        """Change title or archived; no real change records nothing. `Conflict` while a turn is under way."""
        ...

    async def delete(self, session_id: str) -> None:
        """Hide the session: its thread is marked and archived, nothing of it is removed. `Conflict` while a turn is under way."""
        ...


class RewindClient(Protocol):
    """Going back, by making a new thread without the last turns. `depth` 0 leaves out the newest turn with something said by a
    person, 1 the newest two. All is checked before anything is done; `Conflict` while a turn is under way."""

    async def undo(self, thread_id: str, depth: int) -> Undone: ...

    async def retry(self, thread_id: str, depth: int, prompt: str | None) -> StartedTurn:
        """Undo, then say the same again (or `prompt`) in the new thread."""
        ...

    async def patch_undo(self, thread_id: str, depth: int, *, force: bool = False) -> PatchUndone:
        """Undo with the files too. `NotAvailable` when the workspace has no snapshots; `Conflict` when files changed since in
        another way, unless `force`."""
        ...

    async def revert(self, thread_id: str, turns: int, *, force: bool = False) -> PatchResult:
        """Take back what the last `turns` (1-50) turns that changed files did to them; the conversation stays. Errors as
        above."""
        ...

    async def snapshots(self, limit: int = 20, workspace: str | None = None) -> list[SnapshotRow]:
        """The newest snapshots of a workspace (the runtime's own if none is named), newest first."""
        ...

    async def restore(self, snapshot_id: str, *, workspace: str | None = None, force: bool = False) -> PatchResult:
        """Make the files of the workspace what the snapshot has. Errors as `patch_undo`, and `NotFound`."""
        ...
