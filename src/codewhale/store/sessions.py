"""The read model of sessions: its projector, which runs inside the transaction that records the change, and its queries.

It counts messages as `domain/session_messages.py` makes them, without making them: an item adds to the message of its step
once. `fill` makes it for a log that was written before there was one.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import cast

import msgspec
from msgspec.structs import replace

from codewhale.domain.records import OPEN_STATUSES, Item, Status, Thread, Turn, summarize
from codewhale.domain.session_places import places
from codewhale.domain.views import SESSION_TITLE_LIMIT, TITLE_LIMIT, SessionFilter, SessionRow, SessionSort
from codewhale.store.sql import Sql, Value

UNTITLED_SESSION = "New Thread"

_thread_of = msgspec.json.Decoder(Thread).decode
_turn_of = msgspec.json.Decoder(Turn).decode
_item_of = msgspec.json.Decoder(Item).decode

_ORDER: dict[SessionSort, str] = {
    "recent": "t.updated_at DESC, t.position DESC",
    "name": "s.search, t.position DESC",
    "size": "s.messages DESC, t.updated_at DESC, t.position DESC",
}
_ROW = (
    "SELECT t.record, t.latest_turn_id, t.updated_at, s.own_title, s.first_text, t.preview, s.messages, s.tokens,"
    " turns.status FROM sessions AS s JOIN threads AS t ON t.id = s.thread_id"
    " LEFT JOIN turns ON turns.id = t.latest_turn_id"
)
_Row = tuple[bytes, str | None, str, str, str, str, int, int, Status | None]


def session_begun(db: Sql, thread: Thread) -> None:
    """A thread began: so did its session."""
    db.execute(
        "INSERT INTO sessions (thread_id, own_title, first_text, search, messages, tokens, assistant, results, deleted)"
        " VALUES (?, ?, '', ?, 0, 0, '', '', ?)",
        (thread.id, own := _own_title(thread), _title(own, "").casefold(), thread.deleted_at is not None),
    )


def session_changed(db: Sql, thread: Thread) -> None:
    """A thread's record changed: its title, or whether it is deleted."""
    own = _own_title(thread)
    (first,) = db.execute("SELECT first_text FROM sessions WHERE thread_id = ?", (thread.id,)).fetchall()[0]
    db.execute(
        "UPDATE sessions SET own_title = ?, search = ?, deleted = ? WHERE thread_id = ?",
        (own, _title(own, str(first)).casefold(), thread.deleted_at is not None, thread.id),
    )


def session_item_ended(db: Sql, thread_id: str, item: Item) -> None:
    """An item ended: it stands in messages that may be counted already."""
    where = places(item)
    if where.own:
        db.execute("UPDATE sessions SET messages = messages + 1 WHERE thread_id = ?", (thread_id,))
        _first_text(db, thread_id, item)
    elif where.results:
        db.execute(
            "UPDATE sessions SET messages = messages + (assistant <> ?1) + (results <> ?1), assistant = ?1, results = ?1"
            " WHERE thread_id = ?2",
            (where.step, thread_id),
        )
    elif where.step is not None:
        db.execute(
            "UPDATE sessions SET messages = messages + (assistant <> ?1), assistant = ?1 WHERE thread_id = ?2",
            (where.step, thread_id),
        )


def session_turn_ended(db: Sql, turn: Turn) -> None:
    """A turn ended: its tokens count."""
    if turn.usage is not None:
        tokens = turn.usage.input_tokens + turn.usage.output_tokens
        db.execute("UPDATE sessions SET tokens = tokens + ? WHERE thread_id = ?", (tokens, turn.thread_id))


def session_copied(db: Sql, thread_id: str, turns: Iterable[Turn], items: Iterable[Item]) -> None:
    """A thread got a history by copy."""
    for turn in turns:
        session_turn_ended(db, turn)
    for item in items:
        if item.status not in OPEN_STATUSES:
            session_item_ended(db, thread_id, item)


def fill(db: Sql) -> None:
    """Make the sessions of all threads that there are."""
    for (record,) in db.execute("SELECT record FROM threads ORDER BY position").fetchall():
        session_begun(db, _thread_of(cast("bytes", record)))
    for (record,) in db.execute("SELECT record FROM turns ORDER BY position").fetchall():
        turn = _turn_of(cast("bytes", record))
        if turn.status not in OPEN_STATUSES:
            session_turn_ended(db, turn)
    last = 0
    sql = "SELECT position, thread_id, record FROM items WHERE open = 0 AND position > ? ORDER BY position LIMIT 512"
    while page := cast("list[tuple[int, str, bytes]]", db.execute(sql, (last,)).fetchall()):
        for position, thread_id, record in page:
            session_item_ended(db, thread_id, _item_of(record))
            last = position


def _first_text(db: Sql, thread_id: str, item: Item) -> None:
    """A session without a title is called by the first thing that a person said in it."""
    text = summarize(" ".join((item.detail or item.summary).split()), SESSION_TITLE_LIMIT)
    if not text:
        return
    named = db.execute(
        "UPDATE sessions SET first_text = ? WHERE thread_id = ? AND first_text = '' RETURNING own_title",
        (text, thread_id),
    ).fetchall()
    for (own,) in named:
        search = _title(str(own), text).casefold()
        db.execute("UPDATE sessions SET search = ? WHERE thread_id = ?", (search, thread_id))


def _own_title(thread: Thread) -> str:
    return summarize((thread.title or "").strip(), TITLE_LIMIT)


def _title(own: str, first_text: str) -> str:
    return own or first_text or UNTITLED_SESSION


class SessionReader:
    """`store.port.SessionReads` over one connection; `reading` is one read transaction of it."""

    def __init__(self, reading: Callable[[], AbstractContextManager[Sql]]) -> None:
        self._reading = reading

    def list(self, filter: SessionFilter) -> list[SessionRow]:
        where, given = _where(filter)
        sql = f"{_ROW} WHERE {where} ORDER BY {_ORDER[filter.sort]} LIMIT ?"
        with self._reading() as db:
            return [_row(row) for row in cast("list[_Row]", db.execute(sql, given).fetchall())]

    def get(self, thread_id: str) -> SessionRow | None:
        with self._reading() as db:
            found = db.execute(f"{_ROW} WHERE s.thread_id = ? AND s.deleted = 0", (thread_id,)).fetchall()
            return _row(cast("_Row", found[0])) if found else None


def _where(filter: SessionFilter) -> tuple[str, list[Value]]:
    clauses = ["s.deleted = 0"]
    given: list[Value] = []
    if filter.archived_only:
        clauses.append("t.archived = 1")
    elif not filter.include_archived:
        clauses.append("t.archived = 0")
    if filter.workspace is not None:
        clauses.append("t.workspace = ?")
        given.append(filter.workspace)
    sought = (filter.search or "").strip().casefold()
    if sought:
        in_thread = " OR instr(t.search, ?) > 0" if filter.search_preview else ""
        clauses.append(f"(instr(s.search, ?) > 0{in_thread})")
        given += [sought] * (2 if filter.search_preview else 1)
    given.append(-1 if filter.limit is None else max(filter.limit, 0))
    return " AND ".join(clauses), given


def _row(row: _Row) -> SessionRow:
    record, latest_turn_id, updated_at, own_title, first_text, preview, messages, tokens, status = row
    return SessionRow(
        thread=replace(_thread_of(record), latest_turn_id=latest_turn_id, updated_at=updated_at),
        title=_title(own_title, first_text),
        preview=preview,
        message_count=messages,
        total_tokens=tokens,
        latest_turn_status=status,
    )
