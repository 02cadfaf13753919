"""Sessions: threads as `/v1/sessions` shows them (runtime-contract §2.9). A session has no store of its own and its id is
the thread's. Shapes and pure functions; the messages are in `session_messages.py`.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from codewhale.domain.records import OPEN_STATUSES, SessionCost, Thread
from codewhale.domain.session_messages import SessionMessage
from codewhale.domain.views import SessionRow

PEEK_TEXT_LIMIT = 400
PEEK_ENTRIES = 12
PeekKind = Literal["user", "assistant", "reasoning", "tool"]


class SessionMetadata(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A session in a list. `total_tokens` counts all turns it shows, copied ones included."""

    id: str
    title: str
    created_at: str
    updated_at: str
    message_count: int
    total_tokens: int
    model: str
    workspace: str
    mode: str | None
    cost: SessionCost
    archived: bool
    parent_session_id: str | None = None
    forked_from_message_count: int | None = None


class SessionDetail(Struct, frozen=True, kw_only=True):
    """A session with everything that was said and done in it, oldest first."""

    metadata: SessionMetadata
    messages: tuple[SessionMessage, ...]
    system_prompt: str | None


class SessionSummary(Struct, frozen=True, kw_only=True):
    """One row of the summary. `is_current`: a turn is under way on it now."""

    id: str
    title: str
    preview: str
    model: str
    mode: str
    workspace: str
    archived: bool
    message_count: int
    total_tokens: int
    updated_at: str
    created_at: str
    parent_session_id: str | None
    is_current: bool


class PeekEntry(Struct, frozen=True, kw_only=True):
    """One thing said or done, cut to 400 characters; `redacted` when a secret was taken out."""

    kind: PeekKind
    text: str
    truncated: bool
    redacted: bool


class SessionPeek(Struct, frozen=True, kw_only=True):
    """The end of a session, bounded: the last entries, oldest first, and how many are before them."""

    session_id: str
    title: str
    workspace: str
    model: str
    mode: str
    archived: bool
    message_count: int
    updated_at: str
    entries: tuple[PeekEntry, ...]
    omitted_before: int
    live: bool = False


class ResumeSession(Struct, frozen=True, kw_only=True):
    """Settings of the thread that a session is resumed into; what is None or blank is the session's own."""

    model: str | None = None
    mode: str | None = None


class ResumedSession(Struct, frozen=True, kw_only=True):
    """The new thread, and in words what it holds."""

    thread_id: str
    session_id: str
    message_count: int
    summary: str


class SessionPatch(Struct, frozen=True, kw_only=True):
    """A change of a session. null and absent are the same; a blank title clears it."""

    title: str | None | UnsetType = UNSET
    archived: bool | None | UnsetType = UNSET


class PatchedSession(Struct, frozen=True, kw_only=True):
    """The session after the change, and what really changed (null: cleared)."""

    session: SessionMetadata
    changes: dict[str, object]


class SaveSession(Struct, frozen=True, kw_only=True):
    """Keep a thread as a session. Every thread is one already: this names it, and brings back one that was deleted."""

    thread_id: str
    title: str | None = None


class StoreSession(Struct, frozen=True, kw_only=True):
    """Which thread to keep, by either of its two names."""

    thread_id: str | None = None
    session_id: str | None = None


class SavedSession(Struct, frozen=True, kw_only=True):
    """The session that a thread is."""

    session_id: str
    thread_id: str
    message_count: int
    title: str


class StoredSession(Struct, frozen=True, kw_only=True):
    """The session that a thread is, with its metadata."""

    session_id: str
    session: SessionMetadata


def metadata(row: SessionRow) -> SessionMetadata:
    """The row as the contract's metadata. Tokens that another system had counted are shown where ours know of none."""
    thread = row.thread
    origin = thread.origin
    tokens = row.total_tokens or (origin.total_tokens if origin is not None else None) or 0
    return SessionMetadata(
        id=thread.id,
        title=row.title,
        created_at=thread.created_at,
        updated_at=thread.updated_at,
        message_count=row.message_count,
        total_tokens=tokens,
        model=thread.model,
        workspace=thread.workspace,
        mode=thread.mode,
        cost=(origin.cost if origin is not None else None) or SessionCost(),
        archived=thread.archived,
        parent_session_id=parent_of(thread),
        forked_from_message_count=origin.message_count if origin is not None else None,
    )


def summary(row: SessionRow) -> SessionSummary:
    """The row as the contract's summary."""
    known = metadata(row)
    return SessionSummary(
        id=known.id,
        title=known.title,
        preview=row.preview or known.title,
        model=known.model,
        mode=row.thread.mode,
        workspace=known.workspace,
        archived=known.archived,
        message_count=known.message_count,
        total_tokens=known.total_tokens,
        updated_at=known.updated_at,
        created_at=known.created_at,
        parent_session_id=known.parent_session_id,
        is_current=row.latest_turn_status in OPEN_STATUSES,
    )


def parent_of(thread: Thread) -> str | None:
    """The session that this one was copied from."""
    return (thread.origin.session_id if thread.origin is not None else None) or thread.session_id
