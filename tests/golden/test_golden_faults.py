"""Every fault of a model server in every phase of an answer, through the real engine over real HTTP: one end, nothing twice.

`codewhale.testing.fault_matrix` has the cells. Some of them are golden logs in `tests/golden/faults/`. Chat Completions runs
the whole matrix; the other dialects run it with `--full`, and a part of it always.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from codewhale.context.conversation import messages
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.context import ContextPinned
from codewhale.domain.events import (
    INTERNAL,
    Event,
    ItemCompleted,
    ItemFailed,
    ItemInterrupted,
    ThreadStarted,
    TurnCompleted,
)
from codewhale.domain.messages import AssistantMessage
from codewhale.domain.records import Item, Turn
from codewhale.llm.profiles import Dialect
from codewhale.llm.sse import SseFrames, event_of
from codewhale.runtime.group import task_group
from codewhale.surfaces.http.present import Envelopes
from codewhale.testing.fault_matrix import FAULTS, LEFT_OUT, PHASES, TEXT, WHOLE, Cell, matrix
from codewhale.testing.golden import golden
from codewhale.testing.manual_pace import ManualPace, settled
from codewhale.testing.served_scene import LIMITS, Served, served_scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
CELLS = matrix()
FOLDER = Path(__file__).parent / "faults"
BESIDE = frozenset({ContextPinned.WIRE, ThreadStarted.WIRE})
"""What has golden logs of its own."""
SPACING = 0.125
"""How far apart calls are after a refusal."""
OTHERS: tuple[Dialect, ...] = ("anthropic", "responses")
Serve = Callable[[Cell, Dialect], AbstractAsyncContextManager[Served]]


def test_the_matrix_has_every_fault_in_every_phase_or_says_why_not() -> None:
    cells = {(cell.fault, cell.phase) for cell in CELLS}
    left_out = {(fault, phase) for fault, (phases, why) in LEFT_OUT.items() for phase in phases if why}
    assert cells | left_out == {(fault, phase) for fault in FAULTS for phase in PHASES}
    assert cells & left_out == set()


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    @asynccontextmanager
    async def served(cell: Cell, dialect: Dialect) -> AsyncGenerator[Served, None]:
        pace = ManualPace(at_once=True, tick=5.0 if cell.ticks else 0.0)
        async with served_scene(str(tmp_path), cell.script, environ=ENVIRON, dialect=dialect, pace=pace) as found:
            yield found

    return served


@pytest.mark.parametrize("cell", CELLS, ids=[cell.id for cell in CELLS])
async def test_chat(cell: Cell, serve: Serve, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with serve(cell, "chat") as served:
        events = await played(cell, served)
        check(cell, served, events, tmp_path)
        if cell.golden:
            same_log(cell, served, events, update=bool(request.config.getoption("--update-golden")))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What the other dialects play: the cells that are golden, with `--full` all that do not belong to Chat Completions."""
    if "other" in metafunc.fixturenames:
        full = bool(metafunc.config.getoption("--full"))
        chosen = [cell for cell in CELLS if cell.golden or (full and not cell.chat_only)]
        pairs = [(cell, dialect) for dialect in OTHERS for cell in chosen]
        metafunc.parametrize("other", pairs, ids=[f"{dialect}-{cell.id}" for cell, dialect in pairs])


async def test_other_dialects(other: tuple[Cell, Dialect], serve: Serve, tmp_path: Path) -> None:
    cell, dialect = other
    async with serve(cell, dialect) as served:
        check(cell, served, await played(cell, served), tmp_path)


async def played(cell: Cell, served: Served) -> list[Event]:
    """Run a turn to its end, letting time pass where an answer stands still; all events of the thread."""
    scene = served.scene
    thread = await scene.thread(NewThread(auto_approve=True))

    async def let_time_pass() -> None:
        count = 1
        while True:
            await served.server.stalled(count)
            await settled()
            await served.pace.advance(LIMITS.idle_timeout)
            count += 1

    async with task_group() as group:
        passing = group.create_task(let_time_pass()) if cell.stalls else None
        await scene.say(thread.id, "go on", TurnInput(prompt="go on", max_steps=5))
        if passing is not None:
            passing.cancel()
    return scene.log(thread.id)


def check(cell: Cell, served: Served, events: list[Event], workspace: Path) -> None:
    turn, items = ended(events), items_of(events)
    assert (turn.error_code or turn.status) == cell.ends, turn.error
    assert len(served.server.requests) == cell.asked
    assert runs(workspace) == cell.runs
    assert tuple(wait for wait in served.pace.delays if wait != SPACING) == cell.waits
    told = [item.detail or "" for item in items if item.kind == "status"]
    assert sum("trying again in" in note for note in told) == len(cell.waits)
    assert cell.told in "\n".join([turn.error or "", *(item.detail or "" for item in items)])
    said_once(items)
    nothing_forged(events)
    if cell.ends != "completed":
        assert turn.error
        assert len(turn.error) > 20


def ended(events: list[Event]) -> Turn:
    """The turn, which has exactly one end."""
    [payload] = [event.decode() for event in events if event.event == TurnCompleted.WIRE]
    assert isinstance(payload, TurnCompleted)
    return payload.turn


def items_of(events: list[Event]) -> list[Item]:
    payloads = [event.decode() for event in events]
    return [p.item for p in payloads if isinstance(p, ItemCompleted | ItemFailed | ItemInterrupted)]


def said_once(items: list[Item]) -> None:
    """What broke off is kept and marked; the conversation has no text twice, and never a part beside the whole."""
    answers = [item for item in items if item.kind == "agent_message" and item.step == 1]
    for broken in answers[:-1]:
        assert broken.status == "interrupted"
        assert WHOLE.startswith(broken.detail or "?")
    conversation = [m.text for m in messages(items) if isinstance(m, AssistantMessage)]
    first = [text for text in conversation[:1] if TEXT[0] in text]
    assert sum(text.count(TEXT[0]) for text in first) <= 1


def nothing_forged(events: list[Event]) -> None:
    """A reader of the thread's event stream takes exactly these events out of it, whatever texts and names hold."""
    sent = SseFrames().feed(b"".join(Envelopes(0).frames(events)))
    read = [(frame.event, frame.id) for frame in map(event_of, sent) if frame is not None]
    assert read == [(event.event, str(event.seq)) for event in events if event.event not in INTERNAL]


def runs(workspace: Path) -> int:
    file = workspace / "ran.txt"
    return len(file.read_text().splitlines()) if file.exists() else 0


def same_log(cell: Cell, served: Served, events: list[Event], *, update: bool) -> None:
    shown = [event for event in events if event.event not in BESIDE]
    found = golden(shown, {served.scene.workspace: "<workspace>", **served.names})
    file = FOLDER / f"{cell.id}.jsonl"
    if update:
        file.write_text(found)
    assert found.splitlines() == file.read_text().splitlines()


@pytest.mark.parametrize("stands", ["stall", "back-off"])
async def test_an_interrupt_ends_every_wait_at_once(stands: str, tmp_path: Path) -> None:
    fault = '{stall = "mid_text"}' if stands == "stall" else "{status = 503, times = 0}"
    script = f'[[reply]]\ntext = ["Half of ", "the answer."]\nfaults = [{fault}]\n'
    pace = ManualPace()
    async with served_scene(str(tmp_path), script, environ=ENVIRON, pace=pace) as served, asyncio.timeout(5):
        scene = served.scene
        thread = await scene.thread()
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="go on"))
        await (served.server.stalled() if stands == "stall" else pace.sleeping.wait())
        await settled()
        await scene.runtime.interrupt(thread.id, started.turn.id)
        events = await scene.turn(thread.id, started.turn.id)
        turn = ended(events)
        assert (turn.status, pace.clock.monotonic()) == ("interrupted", 0.0)
        kept = [(i.status, i.detail) for i in items_of(events) if i.kind == "agent_message"]
        assert kept == ([("interrupted", "Half of ")] if stands == "stall" else [])
