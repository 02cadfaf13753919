"""Sinks: in order, at least once, over restarts, signed; one that is down holds up nobody else."""

import asyncio
import hmac
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from codewhale.config.hooks import HooksKeys, hook_settings
from codewhale.domain.errors import ConfigError
from codewhale.domain.hooks import Sink
from codewhale.llm.transport.direct import DirectTransport
from codewhale.runtime.outbox.deliveries import Deliver, Refused, Unreachable, signature, to_address, to_file
from codewhale.runtime.outbox.outbox import CLOSING, Outbox
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scribe import Scribe
from codewhale.testing.socket_server import Received, SocketServer, Wire
from codewhale.testing.store_kit import scribes

BOUND = 5.0
ALL = Sink(kind="jsonl", target="all")


class NoTime:
    """A waiter to whom every delay is over at once; only what is due is waited for."""

    def __init__(self) -> None:
        self.delays: list[float] = []

    async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
        if seconds == 5.0:
            async with asyncio.timeout(BOUND):
                return await woken.wait()
        self.delays.append(seconds or 0.0)
        return woken.is_set()


class Desk:
    """A sink in memory; `answers` are raised instead of taking an event, one each."""

    def __init__(self, answers: Sequence[Exception] = ()) -> None:
        self.got: list[int] = []
        self._answers = list(answers)

    async def __call__(self, body: bytes, event: object) -> None:
        del event
        if self._answers:
            raise self._answers.pop(0)
        self.got.append(msgspec.json.decode(body)["seq"])


@asynccontextmanager
async def delivering(
    sinks: Mapping[Sink, Deliver | None], folder: Path, store: SqliteStore, waiter: NoTime | None = None
) -> AsyncGenerator[list[str], None]:
    """An outbox at work; everything recorded inside is delivered when this is left."""
    said: list[str] = []
    outbox = Outbox(sinks, str(folder), store, waiter or NoTime(), said.append)
    async with asyncio.TaskGroup() as group:
        group.create_task(outbox.follow())
        yield said
        outbox.close()


@pytest.fixture
def store() -> SqliteStore:
    return SqliteStore.in_memory()


@pytest.fixture
def scribe() -> Scribe:
    return scribes(1)[0]


async def test_each_sink_gets_what_it_asked_for_in_order(tmp_path: Path, store: SqliteStore, scribe: Scribe) -> None:
    named = Sink(kind="jsonl", target="named", events=("thread.updated",))
    family = Sink(kind="jsonl", target="family", events=("thread.*",))
    desks = {sink: Desk() for sink in (ALL, named, family)}
    await store.append(scribe.start())
    async with delivering(desks, tmp_path, store):
        for title in "ab":
            await store.append(scribe.update(title=title))
    assert {sink.target: desk.got for sink, desk in desks.items()} == {"all": [2, 3], "named": [2, 3], "family": [2, 3]}


async def test_a_restart_goes_on_where_it_was(tmp_path: Path, store: SqliteStore, scribe: Scribe) -> None:
    first, second = Desk(), Desk()
    await store.append(scribe.start())
    async with delivering({ALL: first}, tmp_path, store):
        await store.append(scribe.update(title="a"))
    await store.append(scribe.update(title="while nobody delivered"))
    async with delivering({ALL: second}, tmp_path, store):
        await store.append(scribe.update(title="c"))
    assert (first.got, second.got) == ([2], [3, 4])


async def test_a_sink_that_is_away_gets_everything_later_and_holds_up_nobody(
    tmp_path: Path, store: SqliteStore, scribe: Scribe
) -> None:
    away = Sink(kind="webhook", target="http://127.0.0.1/away")
    desks = {ALL: Desk(), away: Desk([Unreachable("no route")] * 20)}
    waiter = NoTime()
    async with delivering(desks, tmp_path, store, waiter) as said:
        await store.append(scribe.start())
        await store.append(scribe.update(title="a"))
    assert [desk.got for desk in desks.values()] == [[1, 2], [1, 2]]
    assert waiter.delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, *[300] * 11]
    assert said == ["webhook http://127.0.0.1/away: no route; trying again until it can be delivered"]


async def test_a_sink_that_cannot_be_signed_for_keeps_its_events(
    tmp_path: Path, store: SqliteStore, scribe: Scribe
) -> None:
    async with delivering({ALL: None}, tmp_path, store):
        await store.append(scribe.start())
    later = Desk()
    async with delivering({ALL: later}, tmp_path, store):
        await store.append(scribe.update(title="a"))
    assert later.got == [1, 2]


async def test_nobody_waits_for_a_sink_that_is_away_where_nothing_was_recorded(
    tmp_path: Path, store: SqliteStore, scribe: Scribe
) -> None:
    async with delivering({ALL: None}, tmp_path, store):
        await store.append(scribe.start())
    asked: list[float | None] = []

    class Never(NoTime):
        async def until(self, woken: asyncio.Event, seconds: float | None) -> bool:
            asked.append(seconds)
            return await woken.wait()

    async with delivering({ALL: Desk([Unreachable("no")])}, tmp_path, store, Never()):
        pass
    assert CLOSING not in asked


async def test_what_is_refused_for_good_is_left_out_and_written_down(
    tmp_path: Path, store: SqliteStore, scribe: Scribe
) -> None:
    desk = Desk([Refused("it answered 422")] * 5)
    async with delivering({ALL: desk}, tmp_path, store) as said:
        await store.append(scribe.start())
        await store.append(scribe.update(title="a"))
    assert desk.got == [2]
    assert said == ["jsonl all: event 1 was left out: it answered 422"]
    assert msgspec.json.decode((tmp_path / "dropped.jsonl").read_bytes()) == {
        "sink": "all",
        "seq": 1,
        "event": "thread.started",
        "reason": "it answered 422",
    }


async def test_a_file_has_every_event_once_though_the_place_was_lost(
    tmp_path: Path, store: SqliteStore, scribe: Scribe
) -> None:
    path = tmp_path / "events.jsonl"
    sink = Sink(kind="jsonl", target=str(path))
    await store.append(scribe.start())
    async with delivering({sink: to_file(str(path))}, tmp_path / "outbox", store):
        await store.append(scribe.update(title="a"))
    with path.open("ab") as file:
        file.write(b'{"seq":3,"cut')
    (place,) = (tmp_path / "outbox").iterdir()
    place.write_text("1")
    async with delivering({sink: to_file(str(path))}, tmp_path / "outbox", store):
        await store.append(scribe.update(title="b"))
    lines = path.read_bytes().splitlines()
    assert [msgspec.json.decode(line)["seq"] for line in lines if not line.endswith(b"cut")] == [2, 3]
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_delivery_to_an_address_is_signed_and_says_which_event_it_is(
    tmp_path: Path, store: SqliteStore, scribe: Scribe
) -> None:
    statuses = [500, 503, 204, 429, 200]

    async def player(request: Received, wire: Wire) -> None:
        del request
        await wire.answer(b"", status=statuses.pop(0))

    transport = DirectTransport()
    async with SocketServer(player) as server:
        sink = Sink(kind="webhook", target=f"{server.url}/hook")
        deliver = to_address(sink.target, b"key", transport, lambda: 1_700_000_000)
        async with delivering({sink: deliver}, tmp_path, store):
            await store.append(scribe.start())
            await store.append(scribe.update(title="a"))
        await transport.close()
    assert [one.headers["x-codewhale-delivery"] for one in server.requests] == ["1", "1", "1", "2", "2"]
    last = server.requests[-1]
    signed = hmac.new(b"key", b"1700000000." + last.body, "sha256").hexdigest()
    assert (last.method, last.target) == ("POST", "/hook")
    assert last.headers["x-codewhale-signature"] == f"t=1700000000,v1={signed}"
    assert last.headers["x-codewhale-event"] == "thread.updated"
    body = msgspec.json.decode(last.body)
    assert (body["schema_version"], body["seq"], body["event"]) == (1, 2, "thread.updated")
    assert body["thread_id"] == scribe.thread.id


async def test_internal_events_are_for_nobody(tmp_path: Path, store: SqliteStore, scribe: Scribe) -> None:
    desk = Desk()
    async with delivering({ALL: desk}, tmp_path, store):
        await store.append(scribe.start())
        await store.append(scribe.ask("go"))
        await store.append(scribe.step())
        await store.append(scribe.end())
    names = {event.seq: event.event for event in store.read(None, after=0, limit=100)}
    assert [names[seq] for seq in desk.got] == [name for name in names.values() if name != "step.completed"]


def test_the_signature_covers_time_and_body() -> None:
    assert signature(b"k", 1, b"body") != signature(b"k", 2, b"body")
    assert signature(b"k", 1, b"body") != signature(b"j", 1, b"body")


def settings(text: Mapping[str, object]) -> object:
    return hook_settings(msgspec.convert(text, HooksKeys), "/home/me/.deepseek/config.toml")


def test_settings_are_checked_when_they_are_read() -> None:
    cases: tuple[tuple[Mapping[str, object], str], ...] = (
        ({"sinks": [{"type": "jsonl"}]}, "needs `path`"),
        ({"sinks": [{"type": "webhook"}]}, "needs `url`"),
        ({"sinks": [{"type": "webhook", "url": "ftp://x"}]}, "no http"),
        ({"sinks": [{"type": "webhook", "url": "http://example.org/x"}]}, "in the clear"),
        ({"hooks": [{"event": "turn_end", "command": "x", "strict": True}]}, "can be strict"),
    )
    for wrong, words in cases:
        with pytest.raises(ConfigError, match=words):
            settings(wrong)
    with pytest.raises(msgspec.ValidationError):
        settings({"hooks": [{"event": "tool_call_befor", "command": "x"}]})
    with pytest.raises(msgspec.ValidationError):
        settings(
            {"hooks": [{"event": "turn_end", "command": "x", "condition": {"type": "tool_category", "category": "s"}}]}
        )


def test_paths_in_the_settings_are_meant_from_their_folder() -> None:
    read = hook_settings(
        msgspec.convert({"sinks": [{"type": "jsonl", "path": "events.jsonl"}]}, HooksKeys), "/home/me/c/config.toml"
    )
    assert read.sinks == (Sink(kind="jsonl", target="/home/me/c/events.jsonl"),)
