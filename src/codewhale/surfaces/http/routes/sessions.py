"""Sessions: threads under their other name (runtime-contract §1.4, 3-6, and §1.5). An id is checked for shape (400), then
looked up (404)."""

from codewhale.domain.errors import InvalidInput
from codewhale.domain.sessions import (
    PEEK_ENTRIES,
    PatchedSession,
    ResumedSession,
    ResumeSession,
    SavedSession,
    SaveSession,
    SessionDetail,
    SessionPatch,
    SessionPeek,
    SessionSummary,
    StoredSession,
    StoreSession,
)
from codewhale.domain.views import SESSION_SORTS, SessionFilter, SessionSort
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, delete, get, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply

LIMIT_DEFAULT = 50
LIMIT_MAX = 500
PEEK_DEFAULT = 6

_LIMIT = Param("limit", "uint", f"At most so many, 1 to {LIMIT_MAX}; {LIMIT_DEFAULT} when absent.")


async def list_sessions(call: Call) -> Reply:
    """Sessions that are not archived, newest change first."""
    wanted = SessionFilter(limit=_limit(call), search=call.text("search"))
    return json_reply(wire.SessionList(sessions=tuple(await call.client.sessions.page(wanted))))


async def list_session_summaries(call: Call) -> Reply:
    """Sessions as rows; filtered first, limited after."""
    given = call.text("sort") or "recent"
    sort: SessionSort | None = next((known for known in SESSION_SORTS if known == given), None)
    if sort is None:
        raise InvalidInput(f"invalid sort '{given[:80]}'; expected one of {', '.join(SESSION_SORTS)}")
    wanted = SessionFilter(
        limit=_limit(call),
        search=call.text("search"),
        search_preview=True,
        include_archived=call.flag("include_archived"),
        archived_only=call.flag("archived_only"),
        workspace=call.text("workspace"),
        sort=sort,
    )
    return json_reply(await call.client.sessions.summaries(wanted))


async def get_session(call: Call) -> Reply:
    """The session with all its messages, or with `peek=true` the end of it."""
    if not call.flag("peek"):
        return json_reply(await call.client.sessions.detail(call.path["id"]))
    entries = call.uint("entries")
    entries = PEEK_DEFAULT if entries is None else entries
    if not 1 <= entries <= PEEK_ENTRIES:
        raise InvalidInput(f"entries must be between 1 and {PEEK_ENTRIES}")
    return json_reply(await call.client.sessions.peek(call.path["id"], entries))


async def save_session(call: Call, given: SaveSession) -> Reply:
    """Keep a thread as a session: it is one already, so this names it and brings back one that was deleted."""
    return json_reply(await call.client.sessions.save(given), 201)


async def store_session(call: Call, given: StoreSession) -> Reply:
    """As `save_session`, by either name of the thread."""
    names = {name for name in (given.thread_id, given.session_id) if name}
    if len(names) != 1:
        raise InvalidInput("thread_id is required; session_id, if given too, must be the same id")
    saved = await call.client.sessions.save(SaveSession(thread_id=names.pop()))
    session = (await call.client.sessions.detail(saved.session_id)).metadata
    return json_reply(StoredSession(session_id=saved.session_id, session=session))


async def update_session(call: Call, patch: SessionPatch) -> Reply:
    """Change title or archived."""
    return json_reply(await call.client.sessions.patch(call.path["id"], patch))


async def delete_session(call: Call) -> Reply:
    """Hide the session. Its thread stays, archived; nothing of it is removed."""
    await call.client.sessions.delete(call.path["id"])
    return Reply(status=204)


async def resume_session(call: Call, given: ResumeSession) -> Reply:
    """A new thread with the whole history, tool calls included."""
    return json_reply(await call.client.sessions.resume(call.path["id"], given), 201)


def _limit(call: Call) -> int:
    limit = call.uint("limit")
    return LIMIT_DEFAULT if limit is None else min(max(limit, 1), LIMIT_MAX)


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/sessions",
        list_sessions,
        Spec(
            doc="List sessions, newest change first.",
            answer=wire.SessionList,
            params=(_LIMIT, Param("search", "text", "Only sessions that have this text in their title, in any case.")),
        ),
    ),
    with_body(
        "POST",
        "/v1/sessions",
        SaveSession,
        save_session,
        Spec(doc="Keep a thread as a session.", status=201, answer=SavedSession, errors=(404, 409)),
    ),
    with_body(
        "PUT",
        "/v1/sessions",
        StoreSession,
        store_session,
        Spec(doc="Keep a thread as a session; its metadata.", answer=StoredSession, errors=(400, 404, 409)),
    ),
    get(
        "/v1/sessions/summary",
        list_session_summaries,
        Spec(
            doc="List sessions as rows.",
            answer=list[SessionSummary],
            params=(
                _LIMIT,
                Param("search", "text", "Only sessions with this text in title, id, preview or model, in any case."),
                Param("include_archived", "flag", "Archived sessions too."),
                Param("archived_only", "flag", "Archived sessions only; stronger than include_archived."),
                Param("workspace", "text", "Only sessions of this workspace."),
                Param("sort", "text", "recent (default), name or size (number of messages)."),
            ),
            errors=(400,),
        ),
    ),
    get(
        "/v1/sessions/{id}",
        get_session,
        Spec(
            doc="A session with all its messages, or a bounded look at its end.",
            answer=(SessionDetail, SessionPeek),
            params=(
                Param("peek", "flag", "Only the end of it, short and without secrets: a SessionPeek."),
                Param(
                    "entries", "uint", f"For peek: how many entries, 1 to {PEEK_ENTRIES}; {PEEK_DEFAULT} when absent."
                ),
            ),
            errors=(400, 404),
        ),
    ),
    with_body(
        "PATCH",
        "/v1/sessions/{id}",
        SessionPatch,
        update_session,
        Spec(doc="Change a session's title, or archive it.", answer=PatchedSession, errors=(400, 404, 409)),
    ),
    delete(
        "/v1/sessions/{id}",
        delete_session,
        Spec(doc="Hide a session; its thread stays, archived.", status=204, errors=(400, 404, 409)),
    ),
    with_body(
        "POST",
        "/v1/sessions/{id}/resume-thread",
        ResumeSession,
        resume_session,
        Spec(doc="A new thread with the session's history.", status=201, answer=ResumedSession, errors=(400, 404)),
    ),
)
