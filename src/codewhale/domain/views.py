"""What queries answer: read models of the log, in the shapes of runtime-contract §1.4."""

from typing import Literal

from msgspec import Struct

from codewhale.domain.records import Item, Status, Thread, Turn
from codewhale.domain.requests import Request

PREVIEW_LIMIT = 140
TITLE_LIMIT = 72
SESSION_TITLE_LIMIT = 50

SessionSort = Literal["recent", "name", "size"]
SESSION_SORTS: tuple[SessionSort, ...] = ("recent", "name", "size")


class ThreadFilter(Struct, frozen=True, kw_only=True):
    """Which threads to list, newest `updated_at` first. `limit` counts after filtering; None is no limit."""

    limit: int | None = None
    include_archived: bool = False
    archived_only: bool = False
    search: str | None = None
    workspace: str | None = None


class ThreadSnapshot(Struct, frozen=True, kw_only=True):
    """A thread at one point of the log: all of it reflects exactly the events up to `latest_seq` (the global cursor)."""

    thread: Thread
    turns: tuple[Turn, ...]
    items: tuple[Item, ...]
    requests: tuple[Request, ...]
    latest_seq: int


class ThreadSummary(Struct, frozen=True, kw_only=True):
    """One row of the thread list."""

    id: str
    title: str
    preview: str
    model: str
    mode: str
    archived: bool
    updated_at: str
    latest_turn_id: str | None
    latest_turn_status: Status | None
    workspace: str


class SessionFilter(Struct, frozen=True, kw_only=True):
    """Which sessions to list. `search` is looked for in the title, in any case; with `search_preview` in the thread's id,
    preview and model too. Deleted ones are never listed."""

    limit: int | None = None
    search: str | None = None
    search_preview: bool = False
    include_archived: bool = False
    archived_only: bool = False
    workspace: str | None = None
    sort: SessionSort = "recent"


class SessionRow(Struct, frozen=True, kw_only=True):
    """What the read models know of a session."""

    thread: Thread
    title: str
    preview: str
    message_count: int
    total_tokens: int
    latest_turn_status: Status | None
