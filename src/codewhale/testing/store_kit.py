"""What every implementation of the store's port must do, as functions that take a new, empty store and raise.

`CHECKS` is all of them; run each on a store of its own. `expect_sound` may be called on any store at any time: the laws
of the log hold, and the read models say exactly what a fold of the events says.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing

from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import StoreError
from codewhale.domain.fold import ThreadView, fold
from codewhale.domain.laws import violations
from codewhale.domain.records import OPEN_STATUSES, Item
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.store.port import Store
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe

Check = Callable[[Store], Awaitable[None]]
PAGE = 1000
PATIENCE = 5.0


def scribes(count: int) -> list[Scribe]:
    """Scribes of new threads that share a clock, which ticks a millisecond per record, and ids."""
    clock, ids = ManualClock(tick=0.001), SequentialIds()
    return [Scribe(clock, ids) for _ in range(count)]


def log_of(store: Store, thread_id: str | None = None) -> list[e.Event]:
    """All events of a thread, or of the store."""
    found: list[e.Event] = []
    while page := store.read(thread_id, after=found[-1].seq if found else 0, limit=PAGE):
        found += page
    return found


def expect_sound(store: Store) -> None:
    """The log is well-formed and every read model equals the fold."""
    every = log_of(store)
    assert [event.seq for event in every] == sorted({event.seq for event in every})
    threads = {event.thread_id: None for event in every}
    assert {t.id for t in store.threads(ThreadFilter(include_archived=True))} == set(threads)
    for thread_id in threads:
        events = log_of(store, thread_id)
        assert events == [event for event in every if event.thread_id == thread_id]
        assert violations(events, complete=False) == []
        expected = snapshot_of(fold(events), store.latest_seq)
        assert store.snapshot(thread_id) == expected
        assert store.thread(thread_id) == expected.thread
        assert [store.turn(turn.id) for turn in expected.turns] == list(expected.turns)
        assert store.open_requests(thread_id) == list(expected.requests)
        is_open = any(turn.status in OPEN_STATUSES for turn in expected.turns)
        assert (thread_id in store.threads_with_open_turns()) == is_open


def snapshot_of(view: ThreadView, latest_seq: int) -> ThreadSnapshot:
    """The snapshot that a view amounts to."""
    assert view.thread is not None

    def with_text(item: Item) -> Item:
        live = view.live_text.get(item.id)
        return replace(item, detail="".join(live)) if live else item

    return ThreadSnapshot(
        thread=view.thread,
        turns=tuple(view.turns.values()),
        items=tuple(with_text(item) for item in view.items.values()),
        requests=tuple(view.requests.values()),
        latest_seq=latest_seq,
    )


async def follow(store: Store, thread_id: str | None, *, after: int, count: int) -> list[e.Event]:
    """The next `count` events of a subscription."""
    found: list[e.Event] = []
    async with asyncio.timeout(PATIENCE), aclosing(store.subscribe(thread_id, after=after)) as log:
        async for batch in log:
            found += batch
            if len(found) >= count:
                break
    return found


async def an_empty_log_has_nothing(store: Store) -> None:
    assert store.latest_seq == 0
    assert store.read(None, after=0, limit=10) == []
    assert store.threads(ThreadFilter()) == []
    assert (store.thread("thr_1"), store.snapshot("thr_1"), store.turn("turn_1")) == (None, None, None)
    assert (store.items("thr_1"), store.open_requests(), store.threads_with_open_turns()) == ([], [], [])
    assert await store.append([]) == 0


async def appends_are_recorded_in_order(store: Store) -> None:
    (scribe,) = scribes(1)
    events = [*scribe.start(), *scribe.ask("Hello"), *scribe.say("Hi", " there"), *scribe.step(), *scribe.end()]
    tickets = [store.append([event]) for event in events]
    assert [await ticket for ticket in tickets] == list(range(1, len(events) + 1))
    assert store.latest_seq == len(events)
    expected = [e.recorded(seq, event) for seq, event in enumerate(events, 1)]
    assert store.read(None, after=0, limit=100) == expected
    assert store.read(scribe.thread.id, after=2, limit=3) == expected[2:5]
    assert store.read("thr_unknown", after=0, limit=3) == []
    assert store.read(None, after=0, limit=0) == []


async def a_ticket_can_be_awaited_by_many_or_none(store: Store) -> None:
    (scribe,) = scribes(1)
    store.append(scribe.start())
    ticket = store.append(scribe.ask("Hello"))

    async def wait() -> int:
        return await ticket

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        waiting = [group.create_task(wait()) for _ in range(3)]
    assert [task.result() for task in waiting] == [3, 3, 3]
    assert await ticket == 3


async def replay_and_follow_are_one_stream(store: Store) -> None:
    first, second = scribes(2)
    await store.append([*first.start(), *second.start(), *first.ask("Hello")])
    later = [*first.say("one", "two"), *second.ask("And you?"), *first.end()]
    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        everything = group.create_task(follow(store, None, after=0, count=4 + len(later)))
        of_first = group.create_task(follow(store, first.thread.id, after=1, count=7))
        for event in later:
            store.append([event])
    assert everything.result() == log_of(store)
    assert of_first.result() == log_of(store, first.thread.id)[1:]


async def a_reader_that_leaves_leaves_nothing_behind(store: Store) -> None:
    (scribe,) = scribes(1)
    await store.append(scribe.start())
    gone = store.subscribe(None, after=0)
    assert [event.seq for event in await anext(gone)] == [1]
    await gone.aclose()

    async def wait() -> None:
        async for _ in store.subscribe(scribe.thread.id, after=1):
            pass

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        waiting = group.create_task(wait())
        await follow(store, None, after=0, count=1)
        waiting.cancel()
    assert await store.append(scribe.ask("Still there?")) == 3


async def read_models_agree_with_the_fold(store: Store) -> None:
    (scribe,) = scribes(1)
    steps = [
        scribe.start,
        lambda: scribe.ask("Build it"),
        lambda: scribe.say("On it."),
        lambda: scribe.open("tool_call"),
        lambda: scribe.delta("compil"),
        lambda: scribe.delta("ing"),
        scribe.request,
        lambda: scribe.request("question"),
        lambda: scribe.resolve(question=True),
        scribe.resolve,
        lambda: scribe.steer("Use make"),
        scribe.close,
        lambda: scribe.update(title="Build", archived=True),
        scribe.end,
        lambda: scribe.ask("Again"),
        lambda: scribe.open("agent_message"),
        lambda: scribe.end("interrupted"),
    ]
    for step in steps:
        await store.append(step())
        expect_sound(store)


async def a_fork_stands_alone(store: Store) -> None:
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Hello"), *scribe.say("Hi!"), *scribe.end()])
    fork, forked = scribe.fork()
    await store.append(forked)
    expect_sound(store)
    assert store.items(fork.thread.id) == list(fork.items.values())
    await store.append([*fork.ask("Go on"), *fork.say("Where?"), *fork.end()])
    expect_sound(store)


async def an_id_is_never_taken_twice(store: Store) -> None:
    first, second = scribes(2)
    await store.append([*first.start(), *first.ask("Hello"), *first.open(), *first.request(), *second.start()])
    await store.append(second.ask("Me too"))
    before = log_of(store)
    (item_id,) = first.open_items
    (request_id,) = first.open_requests
    stolen_turn = replace(second.turn or first.turns[0], id=(first.turn or first.turns[0]).id)
    stolen_item = replace(first.items[item_id], turn_id=stolen_turn.id)
    approval = e.ApprovalRequired(id=request_id, approval_id=request_id, tool_name="x", description="x")
    for payload in (
        e.ThreadStarted(thread=second.thread),
        e.TurnStarted(turn=stolen_turn),
        e.ItemStarted(item=replace(stolen_item, turn_id=(second.turn or stolen_turn).id)),
        e.ItemCompleted(item=stolen_item),
        approval,
    ):
        await _refused(store, e.NewEvent(timestamp="now", thread_id=second.thread.id, payload=payload))
    assert log_of(store) == before
    await store.append(second.end())
    expect_sound(store)


async def an_end_needs_a_beginning(store: Store) -> None:
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Hello"), *scribe.say("Hi"), *scribe.request()])
    request_id = scribe.open_requests[0]
    await store.append(scribe.resolve())
    ended = next(item for item in scribe.items.values() if item.kind == "agent_message")
    last = scribe.end()
    await store.append(last)
    for payload in (
        e.ItemCompleted(item=ended),
        e.ApprovalDecided(approval_id=request_id, decision="allow", remember=False),
        e.TurnCompleted(turn=scribe.turns[0]),
    ):
        await _refused(store, replace(last[-1], payload=payload))
    expect_sound(store)


async def a_refusal_stops_only_its_own_append(store: Store) -> None:
    first, second = scribes(2)
    start = first.start()
    tickets = [store.append(start), store.append(start), store.append(second.start())]
    assert await tickets[0] == 1
    assert await tickets[2] == 2
    try:
        await tickets[1]
    except StoreError:
        return
    raise AssertionError("a thread was started twice")


async def a_request_is_known_for_ever(store: Store) -> None:
    (scribe,) = scribes(1)
    await store.append([*scribe.start(), *scribe.ask("Hello"), *scribe.request(), *scribe.request("question")])
    approval, question = scribe.open_requests
    assert [request.id for request in store.open_requests()] == [approval, question]
    await store.append([*scribe.resolve(question, question=True), *scribe.resolve(approval)])
    assert store.open_requests() == []
    assert store.request_known(approval)
    assert not store.request_known("req_unknown")


async def threads_are_listed_newest_first(store: Store) -> None:
    one, two, three = scribes(3)
    await store.append([*one.start(), *two.start(), *three.start()])
    await store.append(two.update(archived=True, workspace="/elsewhere"))
    await store.append(one.ask("Wake up"))

    def ids(**given: object) -> list[str]:
        wanted = replace(ThreadFilter(), **given)
        summarized = [summary.id for summary in store.summaries(wanted)]
        assert [thread.id for thread in store.threads(wanted)] == summarized
        return summarized

    assert ids() == [one.thread.id, three.thread.id]
    assert ids(include_archived=True) == [one.thread.id, two.thread.id, three.thread.id]
    assert ids(archived_only=True) == [two.thread.id]
    assert ids(include_archived=True, limit=1) == [one.thread.id]
    assert ids(limit=0) == []
    assert ids(workspace="/elsewhere", include_archived=True) == [two.thread.id]


async def a_summary_says_what_a_thread_is_about(store: Store) -> None:
    (scribe,) = scribes(1)

    def summary() -> ThreadSummary:
        (found,) = store.summaries(ThreadFilter(include_archived=True))
        return found

    await store.append(scribe.start())
    assert (summary().title, summary().preview, summary().latest_turn_status) == ("New Thread", "New Thread", None)
    await store.append(scribe.ask("x" * 80))
    assert (summary().title, summary().preview) == ("x" * 69 + "...", "x" * 80)
    assert summary().latest_turn_status == "in_progress"
    await store.append(scribe.say("y" * 141))
    assert summary().preview == "y" * 137 + "..."
    await store.append([*scribe.update(title="  Die Grüße  "), *scribe.end()])
    assert (summary().title, summary().latest_turn_status) == ("Die Grüße", "completed")
    assert summary().updated_at == scribe.thread.updated_at
    await store.append(scribe.update(title=None))
    assert summary().title == "x" * 69 + "..."


async def a_search_looks_before_it_counts(store: Store) -> None:
    wanted, other = scribes(2)
    await store.append([*wanted.start(), *wanted.update(title="50% of GRÖSSE_1")])
    await store.append([*other.start(), *other.ask("Nothing of interest"), *other.say("Indeed.")])

    def found(text: str) -> list[str]:
        return [summary.id for summary in store.summaries(ThreadFilter(search=text, limit=1))]

    for text in ("grösse", "50% OF", "e_1", wanted.thread.id.upper()):
        assert found(text) == [wanted.thread.id], text
    assert found("INDEED") == [other.thread.id]
    assert found("deepseek-CHAT") == [other.thread.id]
    assert found("0 of") == found("gr%e") == []


async def blobs_are_kept_by_content(store: Store) -> None:
    digest = store.put_blob(b"hello")
    assert digest == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert store.put_blob(b"hello") == digest
    assert store.get_blob(digest) == b"hello"
    assert store.get_blob("0" * 64) is None
    assert store.get_blob("../../etc/passwd") is None


async def _refused(store: Store, event: e.NewEvent) -> None:
    try:
        await store.append([event])
    except StoreError:
        return
    raise AssertionError(f"{event.payload.WIRE} was recorded though it breaks a law")


CHECKS: tuple[Check, ...] = (
    an_empty_log_has_nothing,
    appends_are_recorded_in_order,
    a_ticket_can_be_awaited_by_many_or_none,
    replay_and_follow_are_one_stream,
    a_reader_that_leaves_leaves_nothing_behind,
    read_models_agree_with_the_fold,
    a_fork_stands_alone,
    an_id_is_never_taken_twice,
    an_end_needs_a_beginning,
    a_refusal_stops_only_its_own_append,
    a_request_is_known_for_ever,
    threads_are_listed_newest_first,
    a_summary_says_what_a_thread_is_about,
    a_search_looks_before_it_counts,
    blobs_are_kept_by_content,
)
