"""Sessions in the store: counted as they are shown, made for old logs, and peeked at without secrets."""

import asyncio

import msgspec
import pytest
from msgspec.structs import replace

from codewhale.domain.events import Event, NewEvent, ThreadUpdated, recorded
from codewhale.domain.laws import violations
from codewhale.domain.records import ToolCall
from codewhale.domain.session_messages import session_messages
from codewhale.domain.session_places import count_messages
from codewhale.domain.views import SessionFilter
from codewhale.runtime.peek import redacted
from codewhale.store.check import check
from codewhale.store.schema import MIGRATIONS, connect_memory, migrate
from codewhale.store.sessions import fill
from codewhale.store.sql import connection
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe, new_thread

SESSIONS = 3
"""The number of the migration that brought sessions."""


def history(scribe: Scribe) -> list[NewEvent]:
    events = [*scribe.start(), *scribe.ask("first words"), *scribe.say("a"), *scribe.say("b"), *scribe.end()]
    return [*events, *scribe.ask("second"), *scribe.steer("more"), *scribe.say(""), *scribe.end("failed")]


def test_messages_are_counted_as_they_are_shown() -> None:
    store = SqliteStore.in_memory()
    scribe = Scribe(ManualClock(), SequentialIds())

    async def record() -> None:
        await store.append(history(scribe))

    asyncio.run(record())
    (row,) = store.sessions.list(SessionFilter())
    items = store.items(scribe.thread.id)
    assert row.message_count == len(list(session_messages(items))) == count_messages(items) == 4
    assert row.title == "first words"
    store.close()


def test_a_log_of_before_gets_its_sessions_when_it_is_opened() -> None:
    store = SqliteStore.in_memory()
    scribe = Scribe(ManualClock(), SequentialIds())

    async def record() -> None:
        await store.append([*history(scribe), *scribe.update(title="Größe")])

    asyncio.run(record())
    before = store.sessions.list(SessionFilter())
    with store.writing() as db:
        db.execute("DELETE FROM sessions")
        fill(db)
    assert store.sessions.list(SessionFilter()) == before
    assert check(store) == []
    store.close()


def test_the_migration_fills_what_it_makes() -> None:
    db = connection(":memory:")
    migrate(db, MIGRATIONS[: SESSIONS - 1])
    thread = new_thread(ManualClock(), SequentialIds())
    db.execute(
        "INSERT INTO threads (id, updated_at, archived, workspace, model, mode, own_title, turn_title, preview,"
        " preview_position, search, record) SELECT ?, '', 0, '', '', '', '', '', '', 0, '', ?",
        (thread.id, msgspec.json.encode(thread)),
    )
    migrate(db, MIGRATIONS)
    assert db.execute("SELECT thread_id, messages FROM sessions").fetchall() == [(thread.id, 0)]
    assert connect_memory().execute("SELECT count(*) FROM sessions").get == 0


def test_a_history_is_copied_only_into_a_thread_without_one() -> None:
    scribe = Scribe(ManualClock(), SequentialIds())
    told = [*scribe.start(), *scribe.ask("x"), *scribe.end()]
    events = [recorded(seq, event) for seq, event in enumerate(told, 1)]
    assert violations(events) == []
    again = ThreadUpdated(thread=scribe.thread, reason="session_resume", turns=tuple(scribe.turns))
    assert violations([*events, _event(scribe, again, len(told) + 1)]) == [
        "seq 5: a history was copied into a thread that has one"
    ]


def _event(scribe: Scribe, payload: ThreadUpdated, seq: int) -> Event:
    return recorded(seq, NewEvent(timestamp="", thread_id=scribe.thread.id, payload=payload))


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("use sk-abcdefghijklmnop now", "use [redacted] now"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer [redacted]"),
        ("https://me:hunter2@host/x", "https://[redacted]@host/x"),
        ("password=topsecret&x=1", "password=[redacted]&x=1"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc", "[redacted]"),
        ("a risk-free desk-1234 task", "a risk-free desk-1234 task"),
    ],
)
def test_a_peek_goes_by_the_shapes_of_secrets(text: str, safe: str) -> None:
    assert redacted(text) == safe


def test_a_call_without_json_arguments_is_shown_as_it_was() -> None:
    scribe = Scribe(ManualClock(), SequentialIds())
    scribe.ask("x")
    scribe.open("tool_call")
    (item_id,) = scribe.open_items
    scribe.items[item_id] = replace(scribe.items[item_id], call=ToolCall(id="c", name="t", arguments="{"))
    scribe.close()
    use, result = session_messages([scribe.items[item_id]])
    assert (use.role, result.role) == ("assistant", "user")
    assert getattr(use.content[0], "input", None) == "{"
