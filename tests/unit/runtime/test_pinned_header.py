"""The header of a conversation's requests: composed anew for a declared reason alone; all else is told once, at the end."""

import asyncio
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from codewhale.domain.commands import NewThread, ThreadPatch, TurnInput
from codewhale.domain.events import ContextPinned, ContextTold, Event, TurnCompleted
from codewhale.domain.records import Thread
from codewhale.testing.homes import BOUND, Home, home

SCRIPT = '[default]\ntext = "Yes."\n'


def bodies(place: Home) -> list[dict[str, Any]]:
    return [msgspec.json.decode(msgspec.json.encode(one.body)) for one in place.model.requests]


def header(body: dict[str, Any]) -> tuple[object, object]:
    return body["messages"][0], body["tools"]


def updates(body: dict[str, Any]) -> list[str]:
    return [
        message["content"] for message in body["messages"] if str(message["content"]).startswith("<context_update>")
    ]


def log(place: Home, thread: Thread) -> list[Event]:
    return place.runtime.store.read(thread.id, after=0, limit=10_000)


def pins(place: Home, thread: Thread) -> list[tuple[str, tuple[str, ...]]]:
    decoded = [event.decode() for event in log(place, thread) if event.event == ContextPinned.WIRE]
    return [(pin.reason, pin.changed) for pin in decoded if isinstance(pin, ContextPinned)]


async def say(place: Home, thread: Thread, **more: Any) -> None:
    started = await place.runtime.start_turn(thread.id, TurnInput(prompt="go on", **more))
    async with asyncio.timeout(BOUND), aclosing(place.runtime.events(thread.id)) as batches:
        async for batch in batches:
            if any(event.event == TurnCompleted.WIRE and event.turn_id == started.turn.id for event in batch):
                return


async def test_modes_and_approvals_never_move_the_header(tmp_path: Path) -> None:
    async with home(tmp_path, SCRIPT) as place:
        thread = await place.runtime.create_thread(NewThread())
        for mode in ("agent", "plan", "plan", "yolo", "agent"):
            await say(place, thread, mode=mode)
        found = bodies(place)
        assert pins(place, thread) == [("initial", ())]
    assert len({str(header(body)) for body in found}) == 1
    assert [len(updates(body)) for body in found] == [0, 1, 1, 2, 3]
    assert "Mode: plan." in updates(found[1])[0]
    for before, after in pairwise(found):
        assert after["messages"][: len(before["messages"])] == before["messages"]


async def test_what_changes_is_told_once_and_when_it_changes_back_again(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    rules = tmp_path / "work/AGENTS.md"
    rules.write_text("Use tabs.\n")
    async with home(tmp_path, SCRIPT) as place:
        thread = await place.runtime.create_thread(NewThread())
        await say(place, thread)
        rules.write_text("Use spaces.\n")
        await say(place, thread)
    async with home(tmp_path, SCRIPT) as place:
        await say(place, thread)
        rules.unlink()
        await say(place, thread)
        rules.write_text("Use tabs.\n")
        await say(place, thread)
        found = bodies(place)
        told = [event.event for event in log(place, thread)].count(ContextTold.WIRE)
        assert pins(place, thread) == [("initial", ())]
    assert [len(updates(body)) for body in found] == [1, 2, 3]
    assert told == 3
    assert [("Use spaces." in text, "none any more" in text, "Use tabs." in text) for text in updates(found[-1])] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


async def test_another_model_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    async with home(tmp_path, SCRIPT) as place:
        thread = await place.runtime.create_thread(NewThread())
        await say(place, thread)
        (tmp_path / "work/AGENTS.md").write_text("Use tabs.\n")
        await say(place, thread, model="another")
        first, second = bodies(place)
        assert pins(place, thread) == [("initial", ()), ("model", ("instructions",))]
    assert "Use tabs." in str(header(second))
    assert "Use tabs." not in str(header(first))
    assert updates(second) == []


@pytest.mark.parametrize(
    ("patch", "changed"),
    [
        (ThreadPatch(system_prompt="Only this."), ["system_prompt"]),
        (ThreadPatch(allow_shell=False), []),
    ],
)
async def test_other_settings_of_the_conversation_are_a_reason(
    tmp_path: Path, patch: ThreadPatch, changed: list[str]
) -> None:
    async with home(tmp_path, SCRIPT) as place:
        thread = await place.runtime.create_thread(NewThread(allow_shell=True))
        await say(place, thread)
        await place.runtime.update_thread(thread.id, patch)
        await say(place, thread)
        (_, (reason, names)) = pins(place, thread)
        first, second = bodies(place)
    assert (reason, [name for name in names if name in changed]) == ("settings", changed)
    assert header(first) != header(second)


async def test_another_codewhale_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with home(tmp_path, SCRIPT) as place:
        thread = await place.runtime.create_thread(NewThread())
        await say(place, thread)
    monkeypatch.setattr("codewhale.runtime.turn_setup.__version__", "999")
    async with home(tmp_path, SCRIPT) as place:
        await say(place, thread)
        assert [reason for reason, _ in pins(place, thread)] == ["initial", "upgrade"]


async def test_a_tool_that_a_part_speaks_of_comes_with_the_header_and_is_no_reason(tmp_path: Path) -> None:
    async with home(tmp_path, SCRIPT) as place:
        thread = await place.runtime.create_thread(NewThread())
        await say(place, thread)
    async with home(tmp_path, SCRIPT, config="[memory]\nenabled = true\n") as place:
        await say(place, thread)
        await say(place, thread, model="another")
        first, second = bodies(place)
        assert [reason for reason, _ in pins(place, thread)] == ["initial", "model"]
    assert "Memory: notes" in updates(first)[0]
    assert "remember" not in [tool["function"]["name"] for tool in first["tools"]]
    assert "remember" in [tool["function"]["name"] for tool in second["tools"]]
