"""Is the log sound, and do the read models say what it says? And the repair: refold them from the log.

The check reads only. Its refold goes into a scratch database, with the same projectors, so what it lists is exactly what
`rebuild` would change. A row that cannot be read is a finding, never a crash.
"""

from collections.abc import Generator, Iterable, Iterator
from typing import cast

import apsw
import msgspec
from msgspec import Struct

from codewhale.domain.errors import StoreError
from codewhale.domain.events import PAYLOADS, Event, NewEvent
from codewhale.domain.laws import violations
from codewhale.store.blobs import digest_of
from codewhale.store.failures import translated
from codewhale.store.projectors import project
from codewhale.store.queries import EVENT_COLUMNS, EventRow, event_of
from codewhale.store.schema import connect_scratch
from codewhale.store.sql import Row, Sql
from codewhale.store.sqlite import SqliteStore

PAGE = 2000
LISTED = 1000
"""Most findings of one kind that are listed; the last one says when there are more."""

_MODELS: dict[str, tuple[str, str]] = {
    # Read model: its key, and the columns that follow from the log. `items.pruned` does not: deltas go with time.
    "threads": (
        "id",
        (
            "position, updated_at, latest_turn_id, archived, workspace, model, mode, own_title, turn_title, preview,"
            " preview_position, search, record"
        ),
    ),
    "turns": ("id", "position, thread_id, status, steer_count, record"),
    "items": ("id", "position, thread_id, turn_id, open, ended_at, first_seq, last_seq, record"),
    "requests": ("id", "position, thread_id, open, record"),
    "sessions": ("thread_id", "own_title, first_text, search, messages, tokens, assistant, results, deleted"),
    "usage": (
        "seq",
        (
            "thread_id, turn_id, timestamp, step, provider, model, input_tokens, output_tokens, prompt_cache_hit_tokens,"
            " prompt_cache_miss_tokens, reasoning_tokens, reasoning_replay_tokens, cost_usd, turn_created_at"
        ),
    ),
    "tasks": ("id", "position, status, workspace, thread_id, summary, record"),
    "automations": ("id", "position, updated_at, deleted, record"),
    "processes": ("id", "position, thread_id, open, told, record"),
    "occurrences": ("id", "position, automation_id, scheduled_for, by_hand, status, created_at, record"),
}


class Finding(Struct, frozen=True, kw_only=True):
    """Something wrong. `kind`: `file` (SQLite's own checks), `row` (an event that cannot be read), `law` (an event that may
    not be there), `read_model` (differs from the log), `blob` (content and name disagree). `where` names the record."""

    kind: str
    where: str
    what: str


def check(store: SqliteStore) -> list[Finding]:
    """Everything that is wrong; empty when nothing is. Open turns are no fault: they may be under way."""
    found: list[Finding] = []
    with store.reading() as db:
        for looked in (_file, _laws, _models):
            try:
                found += _bounded(looked(db))
            except apsw.Error as error:
                failure = translated(error, "read the log")
                found.append(Finding(kind="file", where="log", what=failure.message))
    found += _bounded(
        Finding(kind="blob", where=digest, what="its content has another hash: it was damaged")
        for digest in store.blobs.digests()
        if digest_of(store.get_blob(digest) or b"") != digest
    )
    return found


def rebuild(store: SqliteStore, *, dry_run: bool = False) -> list[Finding]:
    """Refold all read models from the log in one transaction; what that changed (with `dry_run`: what it would change).
    The log itself is never changed. Nothing may be running on the store. Raises `StoreError`, and then nothing changed."""
    with store.reading() as db:
        changes = list(_models(db))
    if changes and not dry_run:
        with store.writing() as db:
            for model in reversed(_MODELS):
                db.execute(f"DELETE FROM {model}")
            for _ in _refold(db, db):
                pass
    return changes


def _file(db: Sql) -> Iterator[Finding]:
    for (what,) in db.execute("PRAGMA integrity_check(100)").fetchall():
        if what != "ok":
            yield Finding(kind="file", where="log", what=str(what))
    for table, rowid, parent, _ in db.execute("PRAGMA foreign_key_check").fetchall():
        yield Finding(kind="file", where=f"{table} row {rowid}", what=f"names a row of {parent} that is not there")


def _laws(db: Sql) -> Iterator[Finding]:
    for (thread_id,) in db.execute("SELECT DISTINCT thread_id FROM events ORDER BY thread_id").fetchall():
        unreadable: list[Finding] = []
        events = _readable(_events(db, str(thread_id)), unreadable)
        broken = violations((event for event, _ in events), complete=False)
        yield from unreadable
        yield from (Finding(kind="law", where=f"thread {thread_id}", what=what) for what in broken)


def _models(db: Sql) -> Iterator[Finding]:
    scratch = connect_scratch()
    try:
        with scratch:
            yield from _refold(db, scratch)
        for model, (key, columns) in _MODELS.items():
            yield from _differences(model, f"SELECT {key}, {columns} FROM {model} ORDER BY {key}", db, scratch)
    finally:
        scratch.close()


def _refold(log: Sql, into: Sql) -> Iterator[Finding]:
    unreadable: list[Finding] = []
    for event, new in _readable(_events(log, None), unreadable):
        try:
            with into:
                project(into, event.seq, new)
        except (StoreError, apsw.ConstraintError) as error:
            yield Finding(kind="law", where=f"seq {event.seq}", what=f"{event.event} cannot be folded: {error}")


def _events(db: Sql, thread_id: str | None) -> Iterator[Event]:
    after = 0
    clause = "" if thread_id is None else "thread_id = ?2 AND"
    sql = f"SELECT {EVENT_COLUMNS} FROM events WHERE {clause} seq > ?1 ORDER BY seq LIMIT {PAGE}"
    while page := db.execute(sql, (after,) if thread_id is None else (after, thread_id)).fetchall():
        for row in cast("list[EventRow]", page):
            yield event_of(row)
        after = cast("int", page[-1][0])


def _readable(events: Iterable[Event], unreadable: list[Finding]) -> Generator[tuple[Event, NewEvent]]:
    for event in events:
        try:
            payload = msgspec.json.decode(event.payload, type=PAYLOADS[event.event])
        except (KeyError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            what = f"{event.event} cannot be read: {error}"
            unreadable.append(Finding(kind="row", where=f"seq {event.seq}", what=what))
            continue
        yield (
            event,
            NewEvent(
                timestamp=event.timestamp,
                thread_id=event.thread_id,
                turn_id=event.turn_id,
                item_id=event.item_id,
                payload=payload,
            ),
        )


def _differences(model: str, sql: str, db: Sql, scratch: Sql) -> Iterator[Finding]:
    kept, folded = _rows(db, sql), _rows(scratch, sql)
    ours, theirs = next(kept, None), next(folded, None)
    while ours is not None or theirs is not None:
        if theirs is None or (ours is not None and _before(ours, theirs)):
            assert ours is not None
            yield Finding(kind="read_model", where=f"{model} {ours[0]}", what="is not in the log")
            ours = next(kept, None)
        elif ours is None or _before(theirs, ours):
            yield Finding(kind="read_model", where=f"{model} {theirs[0]}", what="is missing")
            theirs = next(folded, None)
        else:
            if ours != theirs:
                yield Finding(kind="read_model", where=f"{model} {ours[0]}", what="differs from the log")
            ours, theirs = next(kept, None), next(folded, None)


def _before(one: Row, other: Row) -> bool:
    return cast("str", one[0]) < cast("str", other[0])


def _rows(db: Sql, sql: str) -> Iterator[Row]:
    return iter(db.execute(sql))


def _bounded(findings: Iterable[Finding]) -> Iterator[Finding]:
    for number, finding in enumerate(findings):
        if number == LISTED:
            yield Finding(kind=finding.kind, where="…", what="and more; repair these first")
            return
        yield finding
