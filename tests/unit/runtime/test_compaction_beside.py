"""What happens beside a compaction: input while it runs, processes that go on, an interrupt, a crash, and refusals to take it
back."""

import asyncio
from pathlib import Path

import pytest

from codewhale.context.state import Running, parsed
from codewhale.domain.commands import NewThread, ThreadPatch, TurnInput
from codewhale.domain.errors import Conflict
from codewhale.domain.events import CoherenceChanged, ItemCompleted
from codewhale.domain.fold import fold
from codewhale.domain.laws import violations
from codewhale.domain.records import Item
from codewhale.engine.recover import closing_events
from codewhale.runtime.outside import Model
from codewhale.runtime.threads import Defaults
from codewhale.testing.clocks import ManualClock
from codewhale.testing.long_reads import script, unfolded, window_beside_header, write_files
from codewhale.testing.scene import BOUND, MODEL, Extras, Scene, scene
from codewhale.testing.scripted_provider import ScriptedProvider

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
PROMPT = f"begin {'and mind this ' * 420}"
HELD = 'text = "It reads the parts."\nhold = { name = "mid", at = "mid_text" }'


def summary_of(stage: Scene, thread_id: str) -> Item:
    return next(item for item in stage.store.items(thread_id) if item.summarizes)


async def test_input_during_a_compaction_is_heard_after_it(tmp_path: Path) -> None:
    write_files(str(tmp_path), 3, rows=40)
    window = await window_beside_header(str(tmp_path), ENVIRON, 6_400)
    async with scene(str(tmp_path), script(3, summary=HELD), environ=ENVIRON, extras=Extras(window=window)) as stage:
        thread = await stage.thread()
        turn = (await stage.runtime.start_turn(thread.id, TurnInput(prompt=PROMPT))).turn
        async with asyncio.timeout(BOUND):
            await stage.provider.held("mid")
        await stage.runtime.steer(thread.id, turn.id, "and hurry")
        stage.provider.release("mid")
        await stage.turn(thread.id, turn.id)
        said = [message.text for message in stage.provider.requests[-1].messages]
        assert said.count("and hurry") == 1
        assert unfolded(stage.log(thread.id), stage.provider.requests) == []


async def test_a_process_that_runs_is_in_the_state(tmp_path: Path) -> None:
    start = 'calls = [{ id = "shell_1", tool = "exec_shell", arguments = { command = "sleep 60", background = true } }]'
    before = f'[[turn]]\nwhen = {{ contains = "serve" }}\n[[turn.reply]]\n{start}\n[[turn.reply]]\ntext = "It runs."\n'
    given = script(1, before=before)
    extras = Extras(processes_dir=str(tmp_path / "processes"))
    async with scene(str(tmp_path), given, environ=ENVIRON, extras=extras) as stage:
        thread = await stage.thread(NewThread(allow_shell=True, auto_approve=True))
        await stage.say(thread.id, "serve")
        started = await stage.runtime.compact(thread.id, None)
        await stage.turn(thread.id, started.turn.id)
        running = parsed(summary_of(stage, thread.id).detail or "").processes
        assert [(type(one), one.command) for one in running] == [(Running, "sleep 60")]


async def test_an_interrupted_compaction_replaces_nothing(tmp_path: Path) -> None:
    async with scene(str(tmp_path), script(1, summary=HELD), environ=ENVIRON) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "again")
        started = await stage.runtime.compact(thread.id, None)
        async with asyncio.timeout(BOUND):
            await stage.provider.held("mid")
        await stage.runtime.interrupt(thread.id, started.turn.id)
        await stage.turn(thread.id, started.turn.id)
        assert not any(item.summarizes for item in stage.store.items(thread.id))
        assert (await stage.runtime.thread(thread.id)).coherence_state == "getting_crowded"


async def test_a_crash_at_any_point_of_a_compaction_is_closed(tmp_path: Path) -> None:
    write_files(str(tmp_path), 2, rows=40)
    window = await window_beside_header(str(tmp_path), ENVIRON, 6_400)
    async with scene(str(tmp_path), script(2), environ=ENVIRON, extras=Extras(window=window)) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, PROMPT)
        log = stage.log(thread.id)
        assert summary_of(stage, thread.id)
        for end in range(1, len(log)):
            view = fold(log[:end])
            closing = closing_events(view, ManualClock())
            assert violations(log[:end], complete=not closing and view.open_turn is None) == []
            states = [new.payload.state for new in closing if isinstance(new.payload, CoherenceChanged)]
            assert view.thread is not None
            assert states == (["getting_crowded"] if view.thread.coherence_state == "refreshing_context" else [])


async def test_nothing_to_take_back_is_a_conflict(tmp_path: Path) -> None:
    async with scene(str(tmp_path), script(1), environ=ENVIRON) as stage:
        thread = await stage.thread()
        with pytest.raises(Conflict, match="no compaction"):
            await stage.runtime.uncompact(thread.id)


async def test_what_would_not_fit_is_not_taken_back(tmp_path: Path) -> None:
    given = script(1)
    provider = ScriptedProvider.from_toml(given)
    windows = {MODEL: 100_000, "small": 4_000}
    extras = Extras(models=lambda model, _: Model(provider=provider, name=model, window=windows[model]))
    defaults = Defaults(model=MODEL, workspace=str(tmp_path))
    async with scene(str(tmp_path), given, environ=ENVIRON, defaults=defaults, extras=extras) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, f"again {'and mind this ' * 2000}")
        await stage.say(thread.id, "again")
        started = await stage.runtime.compact(thread.id, None)
        await stage.turn(thread.id, started.turn.id)
        await stage.runtime.update_thread(thread.id, ThreadPatch(model="small"))
        with pytest.raises(Conflict, match="the model's window is 4,000"):
            await stage.runtime.uncompact(thread.id)
        await stage.runtime.update_thread(thread.id, ThreadPatch(model=MODEL))
        back = await stage.runtime.uncompact(thread.id)
        events = await stage.turn(thread.id, back.turn.id)
        done = next(p for e in events if isinstance(p := e.decode(), ItemCompleted))
        assert done.messages_after == 4
