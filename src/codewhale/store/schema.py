"""The SQLite file: where it is, how a connection is set up, and the numbered list of its schemas.

A file is migrated forward only and in one transaction; one that is newer than this list, or not ours, is refused before
SQLite opens it, so that it stays untouched. Never change a migration that was released: add one.
"""

import os
from collections.abc import Callable

import apsw

from codewhale.domain.errors import StoreCorrupt, StoreError, StoreTooNew
from codewhale.store import sessions
from codewhale.store.sql import Sql, connection

FILE = "log.sqlite3"
APPLICATION_ID = 0x57484C45
OLDEST_SQLITE = 3_051_003
"""3.51.3: the first with the fix for the WAL-reset bug, which can corrupt a file that two connections write."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE events (
        seq INTEGER PRIMARY KEY,
        thread_id TEXT NOT NULL,
        turn_id TEXT,
        item_id TEXT,
        timestamp TEXT NOT NULL,
        event TEXT NOT NULL,
        payload BLOB NOT NULL
    ) STRICT;
    CREATE INDEX events_of_thread ON events (thread_id);

    CREATE TABLE threads (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        updated_at TEXT NOT NULL,
        latest_turn_id TEXT,
        archived INTEGER NOT NULL,
        workspace TEXT NOT NULL,
        model TEXT NOT NULL,
        mode TEXT NOT NULL,
        own_title TEXT NOT NULL,
        turn_title TEXT NOT NULL,
        preview TEXT NOT NULL,
        preview_position INTEGER NOT NULL,
        search TEXT NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE INDEX threads_by_update ON threads (updated_at);

    CREATE TABLE turns (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        thread_id TEXT NOT NULL REFERENCES threads (id),
        status TEXT NOT NULL,
        steer_count INTEGER NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE INDEX turns_of_thread ON turns (thread_id);
    CREATE INDEX turns_open ON turns (thread_id) WHERE status IN ('queued', 'in_progress');

    CREATE TABLE items (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        thread_id TEXT NOT NULL REFERENCES threads (id),
        turn_id TEXT NOT NULL REFERENCES turns (id),
        open INTEGER NOT NULL,
        ended_at TEXT,
        first_seq INTEGER NOT NULL,
        last_seq INTEGER NOT NULL,
        pruned INTEGER NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE INDEX items_of_thread ON items (thread_id);
    CREATE INDEX items_of_turn ON items (turn_id);
    CREATE INDEX items_unpruned ON items (ended_at) WHERE open = 0 AND pruned = 0;

    CREATE TABLE requests (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        thread_id TEXT NOT NULL REFERENCES threads (id),
        open INTEGER NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE INDEX requests_open ON requests (thread_id) WHERE open = 1;

    CREATE TABLE usage (
        seq INTEGER PRIMARY KEY,
        thread_id TEXT NOT NULL,
        turn_id TEXT,
        timestamp TEXT NOT NULL,
        step INTEGER NOT NULL,
        provider TEXT NOT NULL,
        model TEXT NOT NULL,
        input_tokens INTEGER,
        output_tokens INTEGER,
        prompt_cache_hit_tokens INTEGER,
        prompt_cache_miss_tokens INTEGER,
        reasoning_tokens INTEGER,
        reasoning_replay_tokens INTEGER
    ) STRICT;
    CREATE INDEX usage_by_time ON usage (timestamp);
    """,
    """
    CREATE TABLE tasks (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        status TEXT NOT NULL,
        workspace TEXT NOT NULL,
        thread_id TEXT,
        summary BLOB NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE INDEX tasks_by_status ON tasks (status);
    CREATE INDEX tasks_by_workspace ON tasks (workspace);
    """,
    """
    CREATE TABLE sessions (
        thread_id TEXT PRIMARY KEY REFERENCES threads (id),
        own_title TEXT NOT NULL,
        first_text TEXT NOT NULL,
        search TEXT NOT NULL,
        messages INTEGER NOT NULL,
        tokens INTEGER NOT NULL,
        assistant TEXT NOT NULL,
        results TEXT NOT NULL,
        deleted INTEGER NOT NULL
    ) STRICT;
    """,
    """
    CREATE TABLE automations (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        updated_at TEXT NOT NULL,
        deleted INTEGER NOT NULL DEFAULT 0,
        record BLOB NOT NULL
    ) STRICT;

    CREATE TABLE occurrences (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        automation_id TEXT NOT NULL REFERENCES automations (id),
        scheduled_for TEXT NOT NULL,
        by_hand INTEGER NOT NULL,
        status TEXT NOT NULL,
        created_at TEXT NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX occurrences_once ON occurrences (automation_id, scheduled_for) WHERE by_hand = 0;
    CREATE INDEX occurrences_newest ON occurrences (automation_id, created_at);
    CREATE INDEX occurrences_open ON occurrences (position)
        WHERE status IN ('queued', 'running', 'blocked_on_approval');
    """,
    """
    CREATE TABLE receipts (
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        status INTEGER,
        body BLOB NOT NULL,
        UNIQUE (scope, key)
    ) STRICT;
    CREATE INDEX receipts_by_end ON receipts (expires_at);
    """,
    """
    ALTER TABLE usage ADD COLUMN cost_usd REAL;
    ALTER TABLE usage ADD COLUMN turn_created_at TEXT NOT NULL DEFAULT '';
    UPDATE usage SET turn_created_at = coalesce(
        (SELECT json_extract(CAST(record AS TEXT), '$.created_at') FROM turns WHERE turns.id = usage.turn_id), timestamp
    );
    DROP INDEX usage_by_time;
    CREATE INDEX usage_by_turn_time ON usage (turn_created_at);
    """,
    """
    CREATE TABLE processes (
        position INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        thread_id TEXT NOT NULL REFERENCES threads (id),
        open INTEGER NOT NULL,
        told INTEGER NOT NULL,
        record BLOB NOT NULL
    ) STRICT;
    CREATE INDEX processes_open ON processes (position) WHERE open = 1;
    CREATE INDEX processes_untold ON processes (thread_id) WHERE open = 0 AND told = 0;
    CREATE INDEX processes_of_thread ON processes (thread_id);
    """,
    """
    CREATE INDEX events_of_gate ON events (seq) WHERE event IN ('call.decided', 'approval.decided', 'approval.timeout');
    """,
    """
    CREATE TABLE reservations (
        id TEXT PRIMARY KEY,
        thread_id TEXT NOT NULL,
        turn_id TEXT,
        timestamp TEXT NOT NULL,
        usd REAL NOT NULL,
        tokens INTEGER NOT NULL,
        requests INTEGER NOT NULL
    ) STRICT;
    """,
)

FILLS: dict[int, Callable[[Sql], None]] = {3: sessions.fill}
"""What makes the new read models of a log that was written before them, by the number of the migration it follows."""


def require_sqlite() -> None:
    """Refuse a library with the WAL-reset bug."""
    if apsw.SQLITE_VERSION_NUMBER < OLDEST_SQLITE or _linked() < OLDEST_SQLITE:
        raise StoreError(
            f"SQLite {apsw.sqlite_lib_version()} can corrupt the log; 3.51.3 or newer is needed.",
            hint="Reinstall codewhale, or upgrade its apsw package: it brings its own SQLite.",
        )


def connect(path: str) -> tuple[Sql, Sql]:
    """The writing and the reading connection of the file at `path`, made or migrated if need be."""
    fresh = _inspect(path)
    if fresh:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    writing = connection(path)
    try:
        _set_up(writing, path)
        reading = connection(path)
    except BaseException:
        writing.close()
        raise
    reading.set_busy_timeout(10_000)
    reading.execute("PRAGMA query_only = ON; PRAGMA wal_autocheckpoint = 0")
    return writing, reading


def connect_memory() -> Sql:
    """A log that lives as long as its db."""
    db = connection(":memory:")
    migrate(db, MIGRATIONS)
    db.execute("PRAGMA foreign_keys = ON")
    return db


def connect_scratch() -> Sql:
    """An empty log in a temporary file that nobody else sees, for a refold of any size."""
    db = connection("")
    db.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")
    migrate(db, MIGRATIONS)
    db.execute("PRAGMA foreign_keys = ON")
    return db


def migrate(db: Sql, migrations: tuple[str, ...]) -> None:
    """Bring the schema to the end of `migrations` in one transaction."""
    version = _number(db, "PRAGMA user_version")
    if version > len(migrations):
        raise _too_new(version, len(migrations))
    if version == len(migrations):
        return
    with db:
        for number, script in enumerate(migrations[version:], version + 1):
            db.execute(script)
            if number in FILLS:
                FILLS[number](db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {len(migrations)}")


def _set_up(db: Sql, path: str) -> None:
    version = _number(db, "PRAGMA user_version")
    if version > len(MIGRATIONS):
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        raise _too_new(version, len(MIGRATIONS), path)
    db.set_busy_timeout(10_000)
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864")
    if version < len(MIGRATIONS):
        migrate(db, MIGRATIONS)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.execute("PRAGMA foreign_keys = ON")


def _inspect(path: str) -> bool:
    """Whether the file has still to be made. Looks at the header only: a store that is refused must stay untouched."""
    try:
        with open(path, "rb", buffering=0) as file:
            header = file.read(100)
    except FileNotFoundError:
        header = b""
    if not header:
        if os.path.exists(path + "-wal") and os.path.getsize(path + "-wal") > 0:
            raise StoreCorrupt(
                f"{path} is missing or empty, but its -wal file is there: the log was moved or damaged.",
                hint="Put the file back next to its -wal file; codewhale does not start an empty log over it.",
            )
        return True
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise _foreign(path)
    version = int.from_bytes(header[60:64], "big")
    if version > 0 and int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise _foreign(path)
    if version > len(MIGRATIONS):
        raise _too_new(version, len(MIGRATIONS), path)
    return False


def _number(db: Sql, sql: str) -> int:
    found = db.execute(sql).get
    return found if isinstance(found, int) else 0


def _linked() -> int:
    major, minor, patch = (int(part) for part in apsw.sqlite_lib_version().split(".")[:3])
    return major * 1_000_000 + minor * 1_000 + patch


def _foreign(path: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"{path} is not a codewhale log.",
        hint="Move the file away, or restore it from a backup; it was not touched.",
    )


def _too_new(version: int, known: int, path: str = "The log") -> StoreTooNew:
    return StoreTooNew(
        f"{path} has schema {version}; this codewhale knows up to {known}. It was left untouched.",
        hint="Use the newer codewhale that wrote it, or point CODEWHALE_HOME at another directory.",
    )
