"""An export is what an import reads: the way there and back changes nothing."""

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import Item, ItemKind, ToolCall, Turn, Usage
from codewhale.domain.session_messages import session_messages
from codewhale.domain.views import SessionFilter, ThreadFilter
from codewhale.runtime.exporting import export_files
from codewhale.runtime.importing.directory import Importer, Missing
from codewhale.runtime.importing.session_files import session_story
from codewhale.runtime.importing.story import Story, told
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe
from codewhale.testing.store_kit import expect_sound

requirement = pytest.mark.requirement

words = st.text(max_size=60)
kinds: list[ItemKind] = ["agent_reasoning", "agent_message", "tool_call"]


@st.composite
def stories(draw: st.DrawFn) -> list[Story]:
    """Threads as the engine leaves them, with calls, interruptions and forks' old turns."""
    clock, ids = ManualClock(tick=0.001), SequentialIds()
    return [_story(draw, clock, ids) for _ in range(draw(st.integers(1, 3)))]


def _story(draw: st.DrawFn, clock: ManualClock, ids: SequentialIds) -> Story:
    scribe = Scribe(clock, ids)
    thread = replace(
        scribe.thread,
        title=draw(st.none() | words),
        archived=draw(st.booleans()),
        auto_approve=draw(st.booleans()),
        system_prompt=draw(st.none() | words),
        model_provider=draw(st.none() | st.just("openrouter")),
    )
    turns: list[tuple[Turn, tuple[Item, ...]]] = []
    for _ in range(draw(st.integers(0, 3))):
        scribe.ask(draw(words))
        said = scribe.turn.item_ids[0] if scribe.turn else ""
        scribe.items[said] = replace(scribe.items[said], step=0)
        for step in range(1, draw(st.integers(1, 3))):
            for kind in draw(st.lists(st.sampled_from(kinds), max_size=3)):
                scribe.open(kind)
                opened = scribe.open_items[-1]
                scribe.delta(draw(words))
                call = ToolCall(
                    id=ids.new("call"), name="read_file", arguments=draw(st.sampled_from(['{"a":1}', "{", ""]))
                )
                scribe.items[opened] = replace(
                    scribe.items[opened], step=step, call=call if kind == "tool_call" else None
                )
                scribe.close(opened, draw(st.sampled_from(["completed", "failed", "interrupted"])))
        scribe.end(draw(st.sampled_from(["completed", "failed", "interrupted"])))
        turn = replace(
            scribe.turns[-1],
            usage=draw(st.none() | st.just(Usage(input_tokens=5, output_tokens=2))),
            ended_at=clock.now(),
        )
        turns.append((turn, tuple(scribe.items[i] for i in turn.item_ids)))
    latest = scribe.turns[-1].id if scribe.turns else None
    return Story(thread=replace(thread, latest_turn_id=latest, updated_at=clock.now()), turns=tuple(turns))


@settings(max_examples=40, deadline=None)
@given(stories())
def test_there_and_back_changes_nothing(told_stories: list[Story]) -> None:
    asyncio.run(_there_and_back(told_stories))


async def _there_and_back(told_stories: list[Story]) -> None:
    first, second = SqliteStore.in_memory(), SqliteStore.in_memory()
    with tempfile.TemporaryDirectory() as directory:
        for story in told_stories:
            await first.append(told(story, now="2026-06-01T00:00:00.000Z"))
        out = os.path.join(directory, "out")
        done = export_files(first, out)
        report = await Importer(
            second, ManualClock(), SequentialIds(), defaults=Missing(model="m", timezone="UTC"), dry_run=False
        ).run(out)
        assert (report.problems, report.notes) == ([], [])
        assert report.taken.get("threads", 0) == done.threads == len(told_stories)
        assert report.known == {"sessions": done.sessions}
        everything = ThreadFilter(include_archived=True)
        for thread in first.threads(everything):
            one, other = first.snapshot(thread.id), second.snapshot(thread.id)
            assert one is not None
            assert other is not None
            assert (other.thread, other.turns, other.items) == (one.thread, one.turns, one.items)
        listed = SessionFilter(include_archived=True, sort="name")
        assert second.sessions.list(listed) == first.sessions.list(listed)
        for row in first.sessions.list(listed):
            path = os.path.join(out, "sessions", f"{row.thread.id}.json")
            read = session_story(path, SequentialIds(), "m", report)
            items = [item for _, items in read.turns for item in items]
            kept = [[b for b in m.content if getattr(b, "text", None) != ""] for m in session_messages(items)]
            said = [
                [b for b in m.content if getattr(b, "text", None) != ""]
                for m in session_messages(first.items(row.thread.id))
            ]
            assert _texts(kept) == _texts(said)
    expect_sound(second)
    first.close()
    second.close()


def _texts(messages: Sequence[Sequence[object]]) -> list[object]:
    return [str(getattr(block, "text", getattr(block, "tool_use_id", ""))) for message in messages for block in message]


@requirement("EXPORT-FILES")
def test_an_export_has_the_followed_layout_and_is_private(tmp_path: Path) -> None:
    store = SqliteStore.in_memory()
    clock, ids = ManualClock(), SequentialIds()
    scribe = Scribe(clock, ids)

    async def record() -> None:
        await store.append([*scribe.start(), *scribe.ask("hi"), *scribe.say("yes"), *scribe.end()])

    asyncio.run(record())
    out = tmp_path / "out"
    export_files(store, str(out))
    found = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert found == [
        "sessions/thr_0000000000000001.json",
        "tasks/runtime/events/thr_0000000000000001.jsonl",
        "tasks/runtime/items/item_0000000000000001.json",
        "tasks/runtime/items/item_0000000000000002.json",
        "tasks/runtime/state.json",
        "tasks/runtime/threads/thr_0000000000000001.json",
        "tasks/runtime/turns/turn_0000000000000001.json",
    ]
    assert {path.stat().st_mode & 0o077 for path in out.rglob("*")} == {0}
    with pytest.raises(InvalidInput, match="is not empty"):
        export_files(store, str(out))
    store.close()
