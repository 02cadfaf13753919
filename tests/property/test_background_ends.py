"""A crash may leave any prefix of a thread with background processes. Taking it up gives each of them exactly one end."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codewhale.domain.commands import NewThread
from codewhale.domain.events import Event, NewEvent, ProcessEnded, ProcessStarted
from codewhale.domain.laws import violations
from codewhale.engine.ports import Ports
from codewhale.runtime.group import task_group
from codewhale.runtime.outside import Model, Outside
from codewhale.runtime.runtime import Runtime
from codewhale.runtime.threads import Defaults
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scene import Extras, scene
from codewhale.testing.scripted_provider import ScriptedProvider
from codewhale.workspace.processes import Processes

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
STORY = """
[[reply]]
calls = [
  {id = "call_1", tool = "exec_shell", arguments = {command = "echo one", background = true}},
  {id = "call_2", tool = "exec_shell", arguments = {command = "sleep 300", background = true}},
]
[[reply]]
calls = [{id = "call_3", tool = "exec_shell_wait", arguments = {task_id = "proc_0000000000000001"}}]
[[reply]]
calls = [{id = "call_4", tool = "exec_shell_cancel", arguments = {all = true}}]
[[reply]]
text = "Done."
"""


async def _told(folder: str) -> list[Event]:
    extras = Extras(processes_dir=f"{folder}/processes")
    async with scene(folder, STORY, environ=ENVIRON, extras=extras) as stage:
        thread = await stage.thread(NewThread(auto_approve=True))
        await stage.say(thread.id, "go")
        return stage.log(thread.id)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    """The whole log of a turn with two background processes."""
    return asyncio.run(_told(str(tmp_path_factory.mktemp("story"))))


async def _taken_up(prefix: list[Event], times: int) -> list[Event]:
    """The log after a runtime took up the prefix, so many times. Nothing of the processes is left in this world."""
    store = SqliteStore.in_memory()
    processes = Processes(ENVIRON)
    model = ScriptedProvider.from_toml(STORY)
    try:
        for event in prefix:
            await store.append(
                [
                    NewEvent(
                        timestamp=event.timestamp,
                        thread_id=event.thread_id,
                        turn_id=event.turn_id,
                        item_id=event.item_id,
                        payload=event.decode(),
                    )
                ]
            )
        for _ in range(times):
            async with task_group() as group:
                runtime = Runtime(
                    Ports(store=store, clock=ManualClock(), ids=SequentialIds()),
                    Defaults(model="scripted", workspace="/"),
                    Outside(models=lambda name, _: Model(provider=model, name=name), processes=processes),
                    group,
                )
                await runtime.recover()
                await store.append([])
                runtime.stop()
        return store.read(None, after=0, limit=10_000)
    finally:
        processes.close()
        store.close()


@settings(max_examples=30, deadline=None)
@given(cut=st.floats(min_value=0, max_value=1), times=st.integers(min_value=1, max_value=2))
def test_each_process_has_one_end_after_any_crash(story: list[Event], cut: float, times: int) -> None:
    prefix = story[: max(1, round(cut * len(story)))]
    events = asyncio.run(_taken_up(prefix, times))
    assert violations(events) == []
    begun = [p.process.id for event in events if isinstance(p := event.decode(), ProcessStarted)]
    ended = [p.process.id for event in events if isinstance(p := event.decode(), ProcessEnded)]
    assert sorted(begun) == sorted(ended)
