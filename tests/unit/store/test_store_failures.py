"""A disk that refuses: typed errors, nothing confirmed that is not there, and the log comes back without a restart."""

import asyncio
import resource
from collections.abc import Awaitable, Generator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from codewhale.domain.errors import StoreCorrupt, StoreError, StoreTooNew, StoreUnwritable
from codewhale.store.check import check
from codewhale.store.port import Ticket
from codewhale.store.schema import FILE, MIGRATIONS, migrate
from codewhale.store.sql import connection
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock
from codewhale.testing.store_kit import PATIENCE, expect_sound, log_of, scribes


@contextmanager
def full_disk(size: int = 300_000) -> Generator[None]:
    """No file may grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_stops_the_log_and_reopen_brings_it_back(disk_store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    await disk_store.append([*scribe.start(), *scribe.ask("Fill the disk")])
    before = log_of(disk_store)

    async def follow() -> None:
        async for _ in disk_store.subscribe(None, after=disk_store.latest_seq):
            pass

    with full_disk():
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
            following = group.create_task(_error_of(follow()))
            events = [*scribe.open(), *scribe.delta("x" * 400_000), *scribe.delta("y")]
            lost = [disk_store.append([event]) for event in events]
            errors = [await _error_of(_wait(ticket)) for ticket in lost]
        assert all(isinstance(error, StoreUnwritable) for error in (*errors[1:], following.result()))
        with pytest.raises(StoreUnwritable):
            disk_store.append([])
        with pytest.raises(StoreUnwritable, match="recorded"):
            await lost[-1]

    confirmed = errors.count(None)
    disk_store.reopen()
    assert len(log_of(disk_store)) == disk_store.latest_seq == len(before) + confirmed
    expect_sound(disk_store)
    await disk_store.append([*events[confirmed:], *scribe.end()])
    assert disk_store.latest_seq == len(before) + len(events) + 2


async def test_reopen_fails_while_the_disk_is_still_full(disk_store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    await disk_store.append([*scribe.start(), *scribe.ask("Fill"), *scribe.open()])
    with full_disk(1):
        assert isinstance(await _error_of(_wait(disk_store.append(scribe.delta("x")))), StoreUnwritable)
        with pytest.raises(StoreUnwritable):
            disk_store.reopen()
        assert disk_store.failure is not None
    disk_store.reopen()
    assert disk_store.failure is None


async def test_nobody_complains_of_a_failed_ticket_that_nobody_awaits(disk_store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    await disk_store.append(scribe.start())
    with full_disk(1):
        disk_store.append(scribe.ask("Lost"))
        await _error_of(_wait(disk_store.append(scribe.update(title="Lost too"))))


async def test_blobs_that_cannot_be_kept_say_so(disk_store: SqliteStore) -> None:
    with full_disk(10), pytest.raises(StoreUnwritable):
        disk_store.put_blob(b"x" * 100)
    digest = disk_store.put_blob(b"x" * 100)
    assert disk_store.get_blob(digest) == b"x" * 100


def test_a_directory_that_cannot_be_made_is_unwritable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnwritable) as caught:
        SqliteStore.open(str(tmp_path / "file" / "store"), clock=ManualClock())
    assert caught.value.hint


def test_a_store_from_the_future_is_left_untouched(tmp_path: Path) -> None:
    directory = tmp_path / "store"
    SqliteStore.open(str(directory), clock=ManualClock()).close()
    db = connection(str(directory / FILE))
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    db.close()
    before = _bytes_below(directory)
    with pytest.raises(
        StoreTooNew, match=f"schema {len(MIGRATIONS) + 1}; this codewhale knows up to {len(MIGRATIONS)}"
    ):
        SqliteStore.open(str(directory), clock=ManualClock())
    assert _bytes_below(directory) == before


@pytest.mark.parametrize("content", [b"not a database at all, but long enough" * 10, b"SQLite", b"\0" * 200])
def test_a_file_that_is_no_log_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(StoreCorrupt, match="not a codewhale log"):
        SqliteStore.open(str(tmp_path), clock=ManualClock())
    assert (tmp_path / FILE).read_bytes() == content


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    db = connection(str(tmp_path / FILE))
    db.execute("CREATE TABLE things (x); PRAGMA user_version = 1")
    db.close()
    with pytest.raises(StoreCorrupt, match="not a codewhale log"):
        SqliteStore.open(str(tmp_path), clock=ManualClock())


def test_an_empty_log_is_not_started_over_a_lost_one(tmp_path: Path) -> None:
    (tmp_path / (FILE + "-wal")).write_bytes(b"frames")
    with pytest.raises(StoreCorrupt, match="missing"):
        SqliteStore.open(str(tmp_path), clock=ManualClock())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lock", FILE + "-wal"]


async def test_a_damaged_file_is_said_to_be_damaged(directory: str) -> None:
    (scribe,) = scribes(1)
    store = SqliteStore.open(directory, clock=ManualClock())
    for _ in range(50):
        await store.append([*(scribe.start() if store.latest_seq == 0 else scribe.end()), *scribe.ask("x" * 3000)])
    store.close()
    path = Path(directory) / FILE
    content = bytearray(path.read_bytes())
    leaves = [
        at for at in range(4096, len(content) // 2, 4096) if content[at] == 0x0D and b"xxx" in content[at : at + 4096]
    ]
    for at in leaves[2:6]:
        content[at : at + 200] = b"\xff" * 200
    path.write_bytes(content)
    broken = SqliteStore.open(directory, clock=ManualClock())
    with pytest.raises(StoreCorrupt, match="damaged"):
        log_of(broken)
    assert {finding.kind for finding in check(broken)} == {"file"}
    broken.close()


def test_migrations_run_from_where_the_file_is() -> None:
    db = connection(":memory:")
    first, second = "CREATE TABLE one (x)", "CREATE TABLE two (x)"
    migrate(db, (first,))
    migrate(db, (first, second))
    migrate(db, (first, second))
    assert db.execute("SELECT group_concat(name) FROM sqlite_schema").get == "one,two"
    with pytest.raises(apsw.SQLError):
        migrate(db, (first, second, "CREATE TABLE three (x)", "nonsense"))
    assert db.execute("PRAGMA user_version").get == 2
    assert db.execute("SELECT group_concat(name) FROM sqlite_schema").get == "one,two"
    with pytest.raises(StoreTooNew):
        migrate(db, (first,))


async def test_a_closed_log_takes_nothing(directory: str) -> None:
    store = SqliteStore.open(directory, clock=ManualClock())
    (scribe,) = scribes(1)
    ticket = store.append(scribe.start())
    store.close()
    assert await ticket == 1
    with pytest.raises(StoreError, match="closed"):
        store.append(scribe.ask("Too late"))


async def _wait(ticket: Ticket) -> None:
    await ticket


async def _error_of(work: Awaitable[None]) -> StoreError | None:
    try:
        await work
    except StoreError as error:
        return error
    return None


def _bytes_below(directory: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in directory.iterdir() if p.name != "owner.json"}
