"""Room is made in the middle of a turn: when, in which order, and what a failure leaves."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from codewhale.config.compaction import Compacting
from codewhale.context.compaction import HEADER
from codewhale.context.conversation import messages
from codewhale.context.state import parsed
from codewhale.domain.compactions import CompactionAct
from codewhale.domain.events import CoherenceChanged, ContextTold, Event, ItemCompleted, ItemFailed, TurnCompleted
from codewhale.domain.messages import ToolMessage
from codewhale.domain.records import Item
from codewhale.runtime.outside import Model
from codewhale.runtime.threads import Defaults
from codewhale.testing.long_reads import Narrow, asks_for_summary, script, unfolded, window_beside_header, write_files
from codewhale.testing.scene import MODEL, Extras, Scene, scene
from codewhale.testing.scripted_provider import ScriptedProvider

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
HEADER_CHARS = 12_600
"""About what every request begins with."""


@asynccontextmanager
async def filling(
    folder: Path, given: str, window: int | None, compaction: Compacting | None = None
) -> AsyncGenerator[Scene, None]:
    defaults = Defaults(model=MODEL, workspace=str(folder), allow_shell=True, compaction=compaction or Compacting())
    async with scene(str(folder), given, environ=ENVIRON, defaults=defaults, extras=Extras(window=window)) as found:
        yield found


def compactions(log: list[Event]) -> list[Item]:
    """Finished compactions, oldest first."""
    done = [payload for event in log if isinstance(payload := event.decode(), ItemCompleted)]
    return [one.item for one in done if one.item.kind == "context_compaction"]


def acts(log: list[Event]) -> list[CompactionAct]:
    return [item.compaction.act for item in compactions(log) if item.compaction is not None]


def states(log: list[Event]) -> list[str]:
    return [payload.state for event in log if isinstance(payload := event.decode(), CoherenceChanged)]


def failed(log: list[Event]) -> list[str]:
    ended = [payload for event in log if isinstance(payload := event.decode(), ItemFailed)]
    return [one.item.detail or "" for one in ended if one.item.kind == "context_compaction"]


def ended(log: list[Event]) -> TurnCompleted:
    last = log[-1].decode()
    assert isinstance(last, TurnCompleted)
    return last


async def test_old_results_go_first_without_a_model_call(tmp_path: Path) -> None:
    write_files(str(tmp_path), 10)
    window = await window_beside_header(str(tmp_path), ENVIRON, 26_000)
    async with filling(tmp_path, script(10), window) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        log = stage.log(thread.id)
        assert set(acts(log)) == {"pruned"}
        assert not any(asks_for_summary(request) for request in stage.provider.requests)
        assert states(log)[:2] == ["getting_crowded", "healthy"]
        assert ended(log).turn.status == "completed"
        results = [m.text for m in stage.provider.requests[-1].messages if isinstance(m, ToolMessage)]
        assert "retrieve_tool_result with ref call_0 reads it again" in results[0]
        assert "part 9: row 0" in results[-1]
        done = next(p for e in log if isinstance(p := e.decode(), ItemCompleted) and p.auto)
        assert done.messages_before == done.messages_after
        assert unfolded(log, stage.provider.requests) == []


async def test_a_summary_where_results_are_not_enough_and_the_turn_goes_on(tmp_path: Path) -> None:
    write_files(str(tmp_path), 4)
    said = "".join(f"Rule {number}: {'mind this ' * 120}\n" for number in range(17))
    window = await window_beside_header(str(tmp_path), ENVIRON, 26_000)
    async with filling(tmp_path, script(4), window) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, f"begin\n{said}")
        log = stage.log(thread.id)
        assert "summarized" in acts(log)
        assert ended(log).turn.status == "completed"
        assert states(log)[:3] == ["getting_crowded", "refreshing_context", "healthy"]
        summary = next(item for item in compactions(log) if item.summarizes)
        assert summary.compaction is not None
        assert summary.compaction.tokens_after < summary.compaction.tokens_before
        assert (summary.detail or "").startswith(HEADER)
        asked = next(request for request in stage.provider.requests if asks_for_summary(request))
        before = stage.provider.requests[stage.provider.requests.index(asked) - 1]
        assert asked.messages[: len(before.messages)] == before.messages, "the provider's cache serves it"
        assert unfolded(log, stage.provider.requests) == []
        assert any(isinstance(p := e.decode(), ContextTold) and p.after_compaction for e in log)


async def test_it_is_off_where_the_window_is_unknown_or_a_person_says_so(tmp_path: Path) -> None:
    write_files(str(tmp_path), 8)
    for window, wish in ((None, Compacting()), (12_000, Compacting(auto=False))):
        async with filling(tmp_path, script(6), window, wish) as stage:
            thread = await stage.thread()
            await stage.say(thread.id, "begin")
            assert acts(stage.log(thread.id)) == []


async def test_a_threshold_of_the_persons_own(tmp_path: Path) -> None:
    write_files(str(tmp_path), 8)
    async with filling(tmp_path, script(8), 40_000, Compacting(threshold_percent=20)) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        first = compactions(stage.log(thread.id))[0].compaction
        assert first is not None
        assert first.tokens_before < 16_000


async def test_an_empty_summary_replaces_nothing_and_the_turn_goes_on(tmp_path: Path) -> None:
    write_files(str(tmp_path), 3)
    said = "mind this " * 3000
    async with filling(tmp_path, script(3, summary='text = ""'), 16_000) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, f"begin {said}")
        log = stage.log(thread.id)
        assert failed(log)
        assert set(failed(log)) == {"The model wrote no summary, so nothing was replaced."}
        assert ended(log).turn.status == "completed"
        assert unfolded(log, stage.provider.requests) == []
        assert states(log)[-1] == "getting_crowded"


@asynccontextmanager
async def narrow(folder: Path, given: str, chars: int) -> AsyncGenerator[tuple[Scene, Narrow], None]:
    """A model whose window nobody knows, and that is full beyond so many characters."""
    provider = Narrow(ScriptedProvider.from_toml(given), chars)
    defaults = Defaults(model=MODEL, workspace=str(folder), allow_shell=True)
    extras = Extras(models=lambda model, _: Model(provider=provider, name=model))
    async with scene(str(folder), given, environ=ENVIRON, defaults=defaults, extras=extras) as found:
        yield found, provider


async def test_a_window_that_is_full_is_emptied_and_the_request_made_again(tmp_path: Path) -> None:
    write_files(str(tmp_path), 10)
    async with narrow(tmp_path, script(10), HEADER_CHARS + 30_000) as (stage, model):
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        log = stage.log(thread.id)
        assert ended(log).turn.status == "completed", ended(log).turn.error
        assert set(acts(log)) == {"pruned"}
        assert unfolded(log, model.requests) == []


async def test_a_full_window_of_words_is_summarised_from_a_shortened_input(tmp_path: Path) -> None:
    write_files(str(tmp_path), 2)
    async with narrow(tmp_path, script(2), HEADER_CHARS + 40_000) as (stage, model):
        thread = await stage.thread()
        for number in range(6):
            await stage.say(thread.id, f"again {number} {'mind this ' * 750}")
        log = stage.log(thread.id)
        assert ended(log).turn.status == "completed", ended(log).turn.error
        assert "summarized" in acts(log)
        summary = next(item for item in compactions(log) if item.summarizes).detail or ""
        assert "again 0" in summary, "what was asked for at first is kept"
        assert unfolded(log, model.requests) == []


async def test_a_window_that_stays_full_is_a_failure_that_says_what_to_do(tmp_path: Path) -> None:
    write_files(str(tmp_path), 4)
    async with narrow(tmp_path, script(4), HEADER_CHARS - 5_000) as (stage, model):
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        assert ended(stage.log(thread.id)).turn.error_code == "provider_context_length"
        await stage.say(thread.id, "again")
        log = stage.log(thread.id)
        assert ended(log).turn.error_code == "context_full"
        assert "larger window" in (ended(log).turn.error or "")
        assert len(model.requests) <= 5
        assert acts(log) == []


async def test_a_summary_request_that_is_too_long_is_made_again_shorter(tmp_path: Path) -> None:
    write_files(str(tmp_path), 4)
    given = script(4)
    async with narrow(tmp_path, given, 10**9) as (stage, model):
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        model.refuse_beyond(HEADER_CHARS + 12_000)
        started = await stage.runtime.compact(thread.id, None)
        await stage.turn(thread.id, started.turn.id)
        asked = [request for request in model.requests if asks_for_summary(request)]
        sizes = [sum(len(message.text) for message in request.messages) for request in asked]
        assert sizes == sorted(sizes, reverse=True)
        assert len(sizes) <= 2


async def test_several_in_one_turn_and_the_plan_survives_all(tmp_path: Path) -> None:
    write_files(str(tmp_path), 30)
    plan = '{ plan = [{ step = "read all", status = "in_progress" }, { step = "report" }], explanation = "decided" }'
    planning = (
        '[[turn]]\nwhen = { contains = "plan it" }\n[[turn.reply]]\nusage = "none"\n'
        f'calls = [{{ id = "plan_1", tool = "update_plan", arguments = {plan} }}]\n'
        '[[turn.reply]]\nusage = "none"\ntext = "Planned."\n'
    )
    window = await window_beside_header(str(tmp_path), ENVIRON, 14_000)
    async with filling(tmp_path, script(30) + planning, window) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "plan it")
        await stage.say(thread.id, f"begin {'and mind this ' * 700}")
        log = stage.log(thread.id)
        assert ended(log).turn.status == "completed", ended(log).turn.error
        assert len(acts(log)) >= 3
        summaries = [item for item in compactions(log) if item.summarizes]
        assert summaries
        for item in summaries:
            kept = parsed(item.detail or "")
            assert [(step.step, step.status) for step in kept.plan] == [
                ("read all", "in_progress"),
                ("report", "pending"),
            ]
            assert kept.why == "decided"
        assert unfolded(log, stage.provider.requests) == []


async def test_a_compaction_is_taken_back_and_taken_back_again(tmp_path: Path) -> None:
    write_files(str(tmp_path), 3)
    async with filling(tmp_path, script(3), None) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        whole = messages(stage.store.items(thread.id))
        for _ in range(2):
            started = await stage.runtime.compact(thread.id, None)
            await stage.turn(thread.id, started.turn.id)
        assert messages(stage.store.items(thread.id)) != whole
        for _ in range(2):
            started = await stage.runtime.uncompact(thread.id)
            events = await stage.turn(thread.id, started.turn.id)
            done = next(p for e in events if isinstance(p := e.decode(), ItemCompleted))
            assert done.messages_after is not None
            assert done.messages_before is not None
            assert done.messages_after >= done.messages_before
        assert messages(stage.store.items(thread.id)) == whole
        await stage.say(thread.id, "again")
        assert list(stage.provider.requests[-1].messages[: len(whole)]) == whole
        assert unfolded(stage.log(thread.id), stage.provider.requests) == []


async def test_a_result_that_was_left_out_is_read_again(tmp_path: Path) -> None:
    write_files(str(tmp_path), 10)
    again = '{ ref = "call_0", mode = "query", query = "row 17 of" }'
    before = (
        '[[turn]]\nwhen = { result_contains = "part 9: row" }\n[[turn.reply]]\nusage = "none"\n'
        f'calls = [{{ id = "read_again", tool = "retrieve_tool_result", arguments = {again} }}]\n'
        '[[turn]]\nwhen = { result_contains = "[read_file, call call_0" }\n[[turn.reply]]\ntext = "There it is."\n'
    )
    window = await window_beside_header(str(tmp_path), ENVIRON, 26_000)
    async with filling(tmp_path, script(10, before=before), window) as stage:
        thread = await stage.thread()
        await stage.say(thread.id, "begin")
        assert "pruned" in acts(stage.log(thread.id))
        last = stage.store.items(thread.id)[-1]
        assert last.detail == "There it is."
