"""`kill -9` of the server over a queue of tasks: every task ends, none runs twice, and the ones behind are run."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from codewhale.domain.events import TaskUpdated
from codewhale.domain.laws import violations
from codewhale.domain.ports import SystemClock
from codewhale.domain.tasks import TASK_INTERRUPTED
from codewhale.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from conftest import ModelOf, Server, Site

requirement = pytest.mark.requirement

SCRIPT = """
chunk = 8
pace = 0.001
[[turn]]
when = {contains = "trial"}
[[turn.reply]]
text = "I note which task this is."
calls = [{tool = "exec_shell", arguments = {command = "echo '{{prompt}}' >> effects"}}]
[[turn.reply]]
text = "It is noted."
"""
TASKS = 4
TERMINAL = {"completed", "failed", "canceled"}
LOST = (OSError, asyncio.IncompleteReadError)


async def queue(server: "Server", trial: int, canceled: int | None, promised: dict[str, str]) -> None:
    """Queue the tasks of a trial and cancel one of them; `promised` gets what the server said, while it lived."""
    for number in range(TASKS):
        prompt = f"trial {trial} task {number}"
        body = {"prompt": prompt, "allow_shell": True, "auto_approve": True}
        try:
            answer = await server.call("POST", "/v1/tasks", body)
            assert answer.status == 201, answer.body
            promised[answer.json()["id"]] = prompt
            if number == canceled:
                await server.call("POST", f"/v1/tasks/{answer.json()['id']}/cancel")
        except LOST:
            return


async def all_over(server: "Server", tasks: Iterable[str]) -> list[Any]:
    """The records of these tasks, each once it has ended."""
    records: list[Any] = []
    for task_id in tasks:
        record: Any = (await server.call("GET", f"/v1/tasks/{task_id}?wait=20")).json()
        assert record["status"] in TERMINAL, record
        records.append(record)
    return records


@requirement("BUG-20")
async def test_no_task_runs_twice_and_each_one_ends(
    site: "Site", model_of: "ModelOf", request: pytest.FixtureRequest, record_property: Any
) -> None:
    trials = int(str(request.config.getoption("--trials")))
    seed = random.SystemRandom().randrange(1 << 32)
    record_property("seed", seed)
    dice = random.Random(seed)
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    port = server.port
    promised: dict[str, str] = {}
    for trial in range(trials):
        canceled = dice.choice([None, *range(TASKS)])
        async with asyncio.TaskGroup() as group:
            queuing = group.create_task(queue(server, trial, canceled, promised))
            await asyncio.wait({queuing}, timeout=dice.uniform(0, 0.4))
            server.kill()
        server = site.serve(port)
    records = await all_over(server, promised)
    assert {record["prompt"] for record in records} == set(promised.values())
    listed: Any = (await server.call("GET", "/v1/tasks?limit=1000")).json()
    await all_over(
        server, [task["id"] for task in listed["tasks"]]
    )  # also those whose promise was lost with the server
    listed = (await server.call("GET", "/v1/tasks")).json()
    assert (listed["counts"]["queued"], listed["counts"]["running"]) == (0, 0)
    assert server.terminate().code == 0
    expect_once(site, records)


def expect_once(site: "Site", records: list[Any]) -> None:
    """The log is well-formed, and each effect is that of one run of one task."""
    store = SqliteStore.open(str(site.data), clock=SystemClock())
    log = store.read(None, after=0, limit=10_000_000)
    store.close()
    streams = {event.thread_id for event in log}
    for stream in streams:
        assert violations([event for event in log if event.thread_id == stream]) == []
    changes = [payload for event in log if isinstance(payload := event.decode(), TaskUpdated)]
    runs = Counter(payload.task.id for payload in changes if payload.change == "running")
    assert set(runs.values()) <= {1}
    effects = Counter((site.work / "effects").read_text().splitlines())
    assert set(effects.values()) <= {1}
    for record in records:
        if record["status"] == "completed":
            assert effects[record["prompt"]] == 1
        if record["status"] == "failed":
            assert record["error"] == TASK_INTERRUPTED, record
            assert record["timeline"][-1]["kind"] == "recovered"


async def test_a_task_that_runs_when_the_server_is_told_to_stop_says_so(site: "Site", model_of: "ModelOf") -> None:
    model = model_of('[[reply]]\ntext = ["on ", "and on"]\nhold = {name = "mid", at = "mid_text"}\n')
    site.answered_by(model)
    server = site.serve()
    running: Any = (await server.call("POST", "/v1/tasks", {"prompt": "a"})).json()
    await model.held("mid")
    assert server.terminate().code == 0
    done = site.run("task", "show", running["id"], "--json")
    assert '"terminal_reason":"shutdown"' in done.out, done.err


async def test_the_command_line_queues_for_a_server_and_waits_for_it(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    queued = site.run("task", "add", "trial", "one", "--auto", "--allow-shell")
    assert (queued.code, "codewhale serve --http" in queued.err) == (0, True)
    alone = site.run("task", "add", "--wait", "--auto", "--allow-shell", "trial two")
    assert (alone.code, alone.out) == (0, "I note which task this is.\nIt is noted.\n"), alone.err
    server = site.serve()
    waited = await asyncio.to_thread(site.run, "task", "add", "--wait", "--auto", "--allow-shell", "trial three")
    assert (waited.code, waited.out) == (0, alone.out), waited.err
    first: Any = (await server.call("GET", f"/v1/tasks/{queued.out.strip()}?wait=20")).json()
    assert first["status"] == "completed"
    listed = site.run("task", "list")
    assert [line.split()[-1] for line in listed.out.splitlines()] == ["three", "two", "one"]
    assert "It is noted." in site.run("task", "logs", first["id"]).out
    assert site.run("task", "cancel", first["id"]).out.startswith(f"{first['id']} completed")
    missing = site.run("task", "show", "task_none")
    assert (missing.code, "Task not found: task_none" in missing.err) == (1, True)
    assert sorted((site.work / "effects").read_text().splitlines()) == ["trial one", "trial three", "trial two"]


async def test_a_task_that_nobody_can_approve_is_denied_when_it_runs_here(site: "Site", model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    done = site.run("task", "add", "--wait", "--allow-shell", "trial")
    assert "denied: no terminal to ask on" in done.err
    assert not (site.work / "effects").exists()
