"""What `check` finds, and what `rebuild` changes."""

from pathlib import Path

import pytest

from codewhale.domain.records import Usage
from codewhale.store.check import Finding, check, rebuild
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scribe import Scribe
from codewhale.testing.store_kit import expect_sound, log_of, scribes


@pytest.fixture
async def scribe(store: SqliteStore) -> Scribe:
    """A thread with something in every read model."""
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Build it"), *scribe.say("On", " it"), *scribe.request()])
    await store.append([*scribe.step(Usage(input_tokens=10, output_tokens=2)), *scribe.end()])
    fork, forked = scribe.fork()
    await store.append([*forked, *fork.ask("Again"), *fork.open(), *fork.delta("half"), *fork.request("question")])
    return scribe


async def test_a_sound_log_has_no_findings(store: SqliteStore, scribe: Scribe) -> None:
    store.put_blob(b"a large output")
    assert check(store) == []
    assert rebuild(store) == []


async def test_read_models_are_compared_with_the_log_and_refolded(store: SqliteStore, scribe: Scribe) -> None:
    thread_id = scribe.thread.id
    item_id = scribe.turns[0].item_ids[1]
    with store.writing() as db:
        db.execute("UPDATE threads SET preview = 'something else' WHERE id = ?", (thread_id,))
        db.execute("DELETE FROM items WHERE id = ?", (item_id,))
        db.execute("DELETE FROM usage")
        db.execute("UPDATE requests SET open = 1 - open")
        db.execute("INSERT INTO requests VALUES (99, 'req_made_up', ?, 0, x'7b7d')", (thread_id,))
    expected = [
        Finding(kind="read_model", where=f"threads {thread_id}", what="differs from the log"),
        Finding(kind="read_model", where=f"items {item_id}", what="is missing"),
        Finding(kind="read_model", where="requests req_0000000000000001", what="differs from the log"),
        Finding(kind="read_model", where="requests req_0000000000000002", what="differs from the log"),
        Finding(kind="read_model", where="requests req_made_up", what="is not in the log"),
        Finding(kind="read_model", where="usage 9", what="is missing"),
    ]
    assert check(store) == expected
    assert rebuild(store, dry_run=True) == expected
    assert check(store) == expected
    assert rebuild(store) == expected
    assert check(store) == []


async def test_pruned_deltas_are_no_finding(store: SqliteStore, scribe: Scribe) -> None:
    before = len(log_of(store))
    await store.prune_deltas(ended_before="9999")
    assert len(log_of(store)) < before
    assert check(store) == []


async def test_rows_that_cannot_be_read_are_findings_with_their_place(store: SqliteStore) -> None:
    one, other = scribes(2)
    await store.append([*one.start(), *one.ask("Hello"), *one.say("Hi"), *one.end(), *other.start()])
    with store.writing() as db:
        kept = db.execute("SELECT seq, event, payload FROM events WHERE seq IN (3, 5, 8)").fetchall()
        db.execute("UPDATE events SET payload = x'ff' WHERE seq = 3")
        db.execute("UPDATE events SET event = 'item.evaporated' WHERE seq = 5")
        db.execute("UPDATE events SET payload = x'7b7d' WHERE seq = 8")
    found = check(store)
    assert [f.where for f in found if f.kind == "row"] == ["seq 3", "seq 5", "seq 8"]
    assert any(f.kind == "law" and f.where == f"thread {other.thread.id}" for f in found) is False
    assert Finding(kind="read_model", where=f"threads {other.thread.id}", what="is not in the log") in found
    with store.writing() as db:
        for seq, event, payload in kept:
            db.execute("UPDATE events SET event = ?, payload = ? WHERE seq = ?", (event, payload, seq))
    assert check(store) == []


async def test_a_broken_law_names_the_thread_and_the_place(store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Hello"), *scribe.say("Hi"), *scribe.end()])
    with store.writing() as db:
        (again,) = db.execute("SELECT thread_id, turn_id, item_id, timestamp, event, payload FROM events WHERE seq = 6")
        db.execute("INSERT INTO events VALUES (8, ?, ?, ?, ?, ?, ?)", again)
    item_id = scribe.turns[0].item_ids[1]
    laws = [f for f in check(store) if f.kind == "law"]
    assert Finding(kind="law", where=f"thread {scribe.thread.id}", what=f"seq 8: item {item_id} ended twice") in laws
    assert [f.where for f in laws if f.where.startswith("seq")] == ["seq 8"]
    with store.writing() as db:
        db.execute("DELETE FROM events WHERE seq = 8")


def test_a_blob_that_changed_is_found(disk_store: SqliteStore, directory: str) -> None:
    digest = disk_store.put_blob(b"a large output")
    Path(directory, "blobs", digest[:2], digest).write_bytes(b"another one")
    assert [(f.kind, f.where) for f in check(disk_store)] == [("blob", digest)]


async def test_a_rebuild_that_fails_changes_nothing(store: SqliteStore, scribe: Scribe) -> None:
    def fail() -> None:
        with store.writing() as db:
            db.execute("DELETE FROM items")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    expect_sound(store)
