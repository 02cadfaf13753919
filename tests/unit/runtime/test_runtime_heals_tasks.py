"""Tasks on a log that cannot be written: what ran has failed, what waited runs, once the disk has room."""

import asyncio

import pytest

from codewhale.domain.errors import StoreUnwritable
from codewhale.domain.events import TaskUpdated
from codewhale.domain.tasks import NewTask
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scene import BOUND, Scene, Stage

SCRIPT = """
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "Half of it."
hold = {name = "model", at = "mid_text"}
[[turn]]
[[turn.reply]]
text = "Hi."
"""
MOST_PAGES = 1 << 30


def limit(store: SqliteStore, pages: int) -> None:
    with store.writing() as db:
        db.execute(f"PRAGMA max_page_count = {pages}")


def changes(scene: Scene, task_id: str) -> list[str]:
    found = [event.decode() for event in scene.log(task_id)]
    return [payload.change for payload in found if isinstance(payload, TaskUpdated)]


async def test_a_full_disk_fails_what_ran_and_runs_the_rest_when_there_is_room(stage: Stage) -> None:
    async with stage(SCRIPT) as scene, asyncio.timeout(BOUND):
        tasks = scene.runtime.tasks
        tasks.start()
        first = await tasks.add(NewTask(prompt="wait"))
        second = await tasks.add(NewTask(prompt="wait"))
        third = await tasks.add(NewTask(prompt="hello"))
        await tasks.begun(second.id)
        await scene.provider.held("model")
        limit(scene.store, 1)  # SQLite makes that the present size
        with pytest.raises(StoreUnwritable):
            await tasks.add(NewTask(prompt="x" * 100_000))
        limit(scene.store, MOST_PAGES)
        fourth = await tasks.add(NewTask(prompt="hello"))
        ended = [await tasks.ended(task.id) for task in (first, second, third, fourth)]
        assert [record.status for record in ended] == ["failed", "failed", "completed", "completed"]
        assert all(record.error for record in ended[:2])
        assert [changes(scene, record.id).count("running") for record in ended] == [1, 1, 1, 1]
