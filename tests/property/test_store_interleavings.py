"""Law: whatever the interleaving of writers and readers, each reader gets each event once and in order."""

import asyncio
import tempfile
from contextlib import aclosing
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codewhale.domain.events import Event, NewEvent
from codewhale.store import sqlite
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock
from codewhale.testing.scribe import Scribe
from codewhale.testing.store_kit import PATIENCE, expect_sound, log_of, scribes

THREADS = 3


class Write(NamedTuple):
    thread: int
    deltas: int


class Read(NamedTuple):
    thread: int | None
    quarter: int  # how much of the log so far is skipped
    leaves_after: int


class Pause(NamedTuple):
    """Wait until all that was written is committed."""


Act = Write | Read | Pause

writes = st.builds(Write, st.integers(0, THREADS - 1), st.integers(1, 12))
reads = st.builds(Read, st.none() | st.integers(0, THREADS - 1), st.integers(0, 4), st.integers(1, 60))
plans = st.lists(st.one_of(writes, writes, reads, st.builds(Pause)), min_size=3, max_size=30)


@settings(max_examples=100, deadline=None)
@given(plan=plans, tail=st.sampled_from([1, 5, 4096]), on_disk=st.booleans())
def test_every_reader_gets_every_event_once_and_in_order(plan: list[Act], tail: int, on_disk: bool) -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "PAGE", 7)
        patch.setattr(sqlite, "TAIL_EVENTS", tail)
        store = SqliteStore.open(directory, clock=ManualClock()) if on_disk else SqliteStore.in_memory()
        try:
            asyncio.run(_play(store, plan))
            expect_sound(store)
        finally:
            store.close()


async def _play(store: SqliteStore, plan: list[Act]) -> None:
    writers = scribes(THREADS)
    for scribe in writers:
        store.append([*scribe.start(), *scribe.ask("Talk"), *scribe.open()])
    readers: list[tuple[str | None, int, int, asyncio.Task[list[Event]]]] = []
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for act in plan:
            match act:
                case Write():
                    for event in _deltas(writers[act.thread], act.deltas):
                        store.append([event])
                case Read():
                    thread_id = None if act.thread is None else writers[act.thread].thread.id
                    after = store.latest_seq * act.quarter // 4
                    task = group.create_task(_read(store, thread_id, after, act.leaves_after))
                    readers.append((thread_id, after, act.leaves_after, task))
                case Pause():
                    await store.append([])
        ends = [event for scribe in writers for event in scribe.end()]
        store.append(ends)
        final = await store.append([event for s in writers for event in s.update(title="end")])
        assert final == store.latest_seq
    for thread_id, after, leaves_after, task in readers:
        expected = [event for event in log_of(store, thread_id) if event.seq > after]
        got = task.result()
        assert got == expected[: len(got)]
        assert len(got) >= min(leaves_after, len(expected))


def _deltas(scribe: Scribe, count: int) -> list[NewEvent]:
    return [event for n in range(count) for event in scribe.delta(f"{n} ")]


async def _read(store: SqliteStore, thread_id: str | None, after: int, leaves_after: int) -> list[Event]:
    """Read until enough was seen, or the thread's last event (its title becomes "end")."""
    got: list[Event] = []
    ended: set[str] = set()
    async with aclosing(store.subscribe(thread_id, after=after)) as log:
        async for batch in log:
            got += batch
            ended |= {event.thread_id for event in batch if event.event == "thread.updated"}
            if len(got) >= leaves_after or len(ended) == (THREADS if thread_id is None else 1):
                return got
    raise AssertionError("a subscription ended by itself")
