"""What queries answer: read models of the log, in the shapes of runtime-contract §1.4."""

from msgspec import Struct

from codewhale.domain.records import Item, Status, Thread, Turn
from codewhale.domain.requests import Request

PREVIEW_LIMIT = 140
TITLE_LIMIT = 72


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
