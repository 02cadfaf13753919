"""The followed system's records as they are on disk, read leniently: unknown fields are ignored, missing ones have the
defaults of their time, and a right that was not written down is not given."""

from typing import get_args

from msgspec import Struct, convert
from msgspec.structs import replace

from codewhale.context.conversation import UNKNOWN_OUTCOME
from codewhale.domain.ports import is_id
from codewhale.domain.records import (
    OPEN_STATUSES,
    SCHEMA_VERSION,
    CoherenceState,
    Item,
    ItemKind,
    Origin,
    Status,
    Thread,
    ToolCall,
    Turn,
    Usage,
    summarize,
)
from codewhale.engine.recover import RESTARTED
from codewhale.runtime.importing.reading import Unreadable, maybe, moment

FIRST_SAFE_VERSION = 2
"""Before it, threads approved everything by default: their flag says nothing about what a person wanted."""

TOOL_KINDS: frozenset[ItemKind] = frozenset({"tool_call", "file_change", "command_execution"})
_COHERENCE: tuple[str, ...] = get_args(CoherenceState)


class OldThread(Struct, frozen=True, kw_only=True):
    """A thread's file. The last three fields are ours, from an export."""

    id: str
    created_at: str
    updated_at: str
    model: str
    workspace: str
    schema_version: int | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    archived: bool | None = None
    coherence_state: str | None = None
    latest_turn_id: str | None = None
    system_prompt: str | None = None
    task_id: str | None = None
    title: str | None = None
    model_provider: str | None = None
    session_id: str | None = None
    deleted_at: str | None = None
    origin: Origin | None = None


class OldTurn(Struct, frozen=True, kw_only=True):
    """A turn's file."""

    id: str
    thread_id: str
    status: Status
    created_at: str
    schema_version: int | None = None
    input_summary: str | None = None
    item_ids: tuple[str, ...] | None = None
    steer_count: int | None = None
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: int | None = None
    usage: Usage | None = None
    error: str | None = None
    error_code: str | None = None
    effective_model: str | None = None
    effective_provider: str | None = None


class OldItem(Struct, frozen=True, kw_only=True):
    """An item's file. `step` and `call` are ours, from an export."""

    id: str
    turn_id: str
    kind: ItemKind
    status: Status
    schema_version: int | None = None
    summary: str | None = None
    detail: str | None = None
    metadata: object = None
    artifact_refs: tuple[str, ...] | None = None
    started_at: str | None = None
    ended_at: str | None = None
    step: int | None = None
    call: ToolCall | None = None


class ItemOwner(Struct, frozen=True):
    """The one field of an item's file that says where it belongs."""

    turn_id: str


def checked(what: str) -> str:
    """An id, if it may be one."""
    if not is_id(what):
        raise Unreadable(f"has an id that cannot be one: {what[:80]!r}")
    return what


def thread_of(old: OldThread) -> tuple[Thread, str | None]:
    """The thread's record, and what was changed in it, in words."""
    changed = None
    approves = old.auto_approve is True
    if approves and (old.schema_version or SCHEMA_VERSION) < FIRST_SAFE_VERSION:
        approves, changed = False, "approved everything, as all threads of its version did by default; it asks now"
    coherence = old.coherence_state if old.coherence_state in _COHERENCE else "healthy"
    thread = Thread(
        schema_version=SCHEMA_VERSION,
        id=checked(old.id),
        created_at=moment(old.created_at),
        updated_at=moment(old.updated_at),
        model=old.model,
        workspace=old.workspace,
        mode=old.mode or "agent",
        allow_shell=old.allow_shell is True,
        trust_mode=old.trust_mode is True,
        auto_approve=approves,
        archived=old.archived is True,
        coherence_state=convert(coherence, CoherenceState),
        system_prompt=old.system_prompt,
        task_id=old.task_id,
        title=old.title,
        model_provider=old.model_provider,
        session_id=old.session_id,
        deleted_at=maybe(old.deleted_at),
        origin=old.origin,
    )
    return thread, changed


def turn_of(old: OldTurn, item_ids: tuple[str, ...], *, last_seen: str) -> Turn:
    """The turn's record with these items. One that never ended was interrupted, at `last_seen` at the latest."""
    turn = Turn(
        schema_version=SCHEMA_VERSION,
        id=checked(old.id),
        thread_id=old.thread_id,
        status=old.status,
        input_summary=old.input_summary or "",
        created_at=moment(old.created_at),
        item_ids=item_ids,
        steer_count=old.steer_count or 0,
        started_at=maybe(old.started_at),
        ended_at=maybe(old.ended_at),
        duration_ms=old.duration_ms,
        usage=old.usage,
        error=old.error,
        error_code=old.error_code,
        effective_model=old.effective_model,
        effective_provider=old.effective_provider,
    )
    if turn.status not in OPEN_STATUSES:
        return turn
    return replace(turn, status="interrupted", ended_at=turn.ended_at or last_seen, error=turn.error or RESTARTED)


def item_of(old: OldItem, *, last_seen: str) -> Item:
    """The item's record. One that never ended was interrupted."""
    metadata = old.metadata
    item = Item(
        schema_version=SCHEMA_VERSION,
        id=checked(old.id),
        turn_id=old.turn_id,
        kind=old.kind,
        status=old.status,
        summary=old.summary if old.summary is not None else summarize(old.detail or ""),
        artifact_refs=old.artifact_refs or (),
        detail=old.detail,
        metadata=convert(metadata, dict[str, object]) if isinstance(metadata, dict) else _wrapped(metadata),
        started_at=maybe(old.started_at),
        ended_at=maybe(old.ended_at),
        step=old.step,
        call=old.call,
    )
    if item.status not in OPEN_STATUSES:
        return item
    detail = UNKNOWN_OUTCOME if item.kind in TOOL_KINDS else item.detail
    return replace(item, status="interrupted", ended_at=item.ended_at or last_seen, detail=detail)


def _wrapped(metadata: object) -> dict[str, object] | None:
    return None if metadata is None else {"value": metadata}
