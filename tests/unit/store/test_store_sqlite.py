"""What is particular to the SQLite store: its bounds, redaction, pruning, and what opening costs."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing

import apsw
import pytest
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import StoreError
from codewhale.domain.records import Usage
from codewhale.domain.views import ThreadFilter
from codewhale.store import schema
from codewhale.store.feed import Feed, wake
from codewhale.store.sqlite import PAGE, SqliteStore
from codewhale.testing.clocks import ManualClock
from codewhale.testing.store_kit import PATIENCE, follow, log_of, scribes


async def test_what_was_written_is_there_after_a_restart(directory: str) -> None:
    (scribe,) = scribes(1)
    store = SqliteStore.open(directory, clock=ManualClock())
    digest = store.put_blob(b"large")
    await store.append([*scribe.start(), *scribe.ask("Hello"), *scribe.say("Hi"), *scribe.end()])
    before = (log_of(store), store.snapshot(scribe.thread.id))
    store.close()
    again = SqliteStore.open(directory, clock=ManualClock())
    assert (log_of(again), again.snapshot(scribe.thread.id)) == before
    assert again.latest_seq == 7
    assert again.get_blob(digest) == b"large"
    assert await again.append(scribe.ask("More")) == 9
    again.close()


def test_no_thread_runs_before_the_first_event(directory: str) -> None:
    before = threading.active_count()
    store = SqliteStore.open(directory, clock=ManualClock())
    assert threading.active_count() == before
    store.close()


async def test_a_reader_far_behind_gets_pages_then_the_tail(store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Count"), *scribe.open()])
    await store.append([event for n in range(6000) for event in scribe.delta(f"{n} ")])
    sizes: list[int] = []
    seqs: list[int] = []
    async with asyncio.timeout(PATIENCE):
        async for batch in store.subscribe(scribe.thread.id, after=0):
            sizes.append(len(batch))
            seqs += [event.seq for event in batch]
            if seqs[-1] == store.latest_seq:
                break
    assert seqs == list(range(1, store.latest_seq + 1))
    assert sizes[0] == PAGE


async def test_a_thread_without_news_waits_though_others_write(store: SqliteStore) -> None:
    quiet, loud = scribes(2)
    await store.append([*quiet.start(), *loud.start(), *loud.ask("Talk"), *loud.open()])
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        following = group.create_task(follow(store, quiet.thread.id, after=1, count=1))
        for _ in range(5):
            await store.append([event for n in range(1000) for event in loud.delta(f"{n}")])
        assert not following.done()
        await store.append(quiet.update(title="News"))
    assert [event.event for event in following.result()] == ["thread.updated"]


async def test_secrets_reach_neither_the_log_nor_the_read_models_nor_blobs() -> None:
    store = SqliteStore.in_memory(redact=lambda content: content.replace(b"s3cr3t", b"[redacted]"))
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("My key is s3cr3t"), *scribe.say("s3cr3t", "?"), *scribe.end()])
    snapshot = store.snapshot(scribe.thread.id)
    assert snapshot is not None
    assert [item.detail for item in snapshot.items] == ["My key is [redacted]", "[redacted]?"]
    assert not any(b"s3cr3t" in bytes(event.payload) for event in log_of(store))
    assert store.get_blob(store.put_blob(b"s3cr3t!")) == b"[redacted]!"
    store.close()


@pytest.mark.requirement("BUG-16")
async def test_pruning_removes_only_deltas_of_items_that_ended_long_ago(store: SqliteStore) -> None:
    old, young = scribes(2)
    clock_now = old.start()
    await store.append([*clock_now, *old.ask("One"), *old.say("a", "b", "c"), *old.open(), *old.delta("open")])
    border = old.update(title="border")
    await store.append([*border, *young.start(), *young.ask("Two"), *young.say("d", "e")])
    before = store.snapshot(old.thread.id)
    assert await store.prune_deltas(ended_before=border[0].timestamp) == store.latest_seq
    deltas = [event.item_id for event in log_of(store) if event.event == "item.delta"]
    assert deltas == [*old.open_items, *[i for i in young.items if young.items[i].kind == "agent_message"] * 2]
    assert store.snapshot(old.thread.id) == before
    count = len(log_of(store))
    await store.prune_deltas(ended_before=border[0].timestamp)
    assert len(log_of(store)) == count


async def test_a_long_pruning_lets_others_write_in_between(store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Talk")])
    await store.append([event for n in range(450) for event in scribe.say(f"{n}")])
    pruned = store.prune_deltas(ended_before="9999")
    between = store.append(scribe.end())
    assert await between == store.latest_seq
    assert await pruned == store.latest_seq
    assert all(event.event != "item.delta" for event in log_of(store))


@pytest.mark.requirement("BUG-15")
async def test_what_a_thread_costs_to_read_does_not_depend_on_how_many_others_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    databases: list[apsw.Connection] = []
    monkeypatch.setattr(apsw, "connection_hooks", [databases.append])
    with closing(SqliteStore.in_memory()) as store:
        scribe, *others = scribes(301)
        await store.append([*scribe.start(), *scribe.ask("Talk"), *scribe.say("a", "b"), *scribe.end()])
        alone = steps_of(databases, lambda: (store.snapshot(scribe.thread.id), store.summaries(ThreadFilter(limit=1))))
        for other in others:
            await store.append([*other.start(), *other.ask("Talk"), *other.say("a", "b"), *other.end()])
        among = steps_of(databases, lambda: (store.snapshot(scribe.thread.id), store.summaries(ThreadFilter(limit=1))))
    assert 0 < among <= 1.5 * alone


def steps_of(databases: list[apsw.Connection], read: Callable[[], object]) -> int:
    """How many instructions the databases run for it."""
    steps = 0

    def step() -> bool:
        nonlocal steps
        steps += 1
        return False

    for database in databases:
        database.set_progress_handler(step, 1)
    read()
    for database in databases:
        database.set_progress_handler(None, 1)
    return steps


async def test_usage_is_one_row_per_step(store: SqliteStore) -> None:
    (scribe,) = scribes(1)
    usage = Usage(input_tokens=100, output_tokens=7, prompt_cache_hit_tokens=64)
    await store.append([*scribe.start(), *scribe.ask("Hello")])
    (step,) = scribe.step(usage, model="deepseek-reasoner")
    await store.append([step, *scribe.step(None)])
    with store.reading() as db:
        rows = db.execute("SELECT * FROM usage ORDER BY seq").fetchall()
    thread, turn = step.thread_id, step.turn_id
    assert rows[0][:9] == (4, thread, turn, step.timestamp, 1, "deepseek", "deepseek-reasoner", 100, 7)
    began = scribe.turns[-1].created_at if scribe.turn is None else scribe.turn.created_at
    assert rows[0][9:] == (64, None, None, None, None, began)
    assert rows[1][7:] == (*(None,) * 7, began)


async def test_a_failing_projection_fails_the_ticket_and_the_log_says_why(directory: str) -> None:
    """An unforeseen error in the writer must reach whoever waits."""
    store = SqliteStore.open(directory, clock=ManualClock())
    (scribe,) = scribes(1)
    await store.append(scribe.start())
    (event,) = scribe.update(title="x")
    broken = replace(event, payload=e.ThreadUpdated(thread="not a thread"))  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreError, match="AttributeError"):
        await store.append([broken])
    with pytest.raises(StoreError):
        store.append([event])
    store.reopen()
    assert await store.append([event]) == 2
    store.close()


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "OLDEST_SQLITE", 999_000_000)
    with pytest.raises(StoreError, match=r"3\.51\.3"):
        SqliteStore.in_memory()


def test_the_tail_is_bounded_in_events_and_bytes() -> None:
    (scribe,) = scribes(1)
    start = scribe.start()
    events = [e.recorded(seq, start[0]) for seq in range(1, 11)]
    size = len(bytes(events[0].payload))
    for feed in (Feed(0, max_events=3), Feed(0, max_events=99, max_bytes=3 * size + 1)):
        with feed.lock:
            feed.add(events)
        assert feed.recent(None, 6) is None
        assert feed.recent(None, 7) == (events[7:], 10)
        assert feed.recent(scribe.thread.id, 9) == (events[9:], 10)
        assert feed.recent("thr_other", 7) == ([], 10)


def test_waking_a_loop_that_is_gone_is_no_error() -> None:
    loop = asyncio.new_event_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.close()
    wake([future])
