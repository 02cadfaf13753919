"""`kill -9` of a server with background commands: what was to be kept is taken over, the rest is gone, each has one end."""

import asyncio
import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from codewhale.domain.events import Event, ProcessEnded, ProcessStarted, ProcessTold
from codewhale.domain.ports import SystemClock
from codewhale.domain.processes import Process
from codewhale.store.check import check
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.http_calls import Frame

if TYPE_CHECKING:
    from conftest import ModelOf, Site

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for processes of others")

BOUND = 30.0
SCRIPT = """
[[turn]]
[[turn.reply]]
[[turn.reply.calls]]
tool = "exec_shell"
arguments = {command = '''mkfifo f; (setsid sh -c 'echo $$ > f; exec sleep 300' &); read d < f; echo $d; exec sleep 300''', background = true}
[[turn.reply.calls]]
tool = "exec_shell"
arguments = {command = "echo up; while [ ! -e stop ]; do sleep 0.05; done; echo over", background = true, keep = true}
[[turn.reply]]
text = "Both run."
[[turn]]
[[turn.reply]]
text = "I see."
"""


def records(site: "Site") -> list[Process]:
    folder = site.data / "processes"
    return [msgspec.json.decode(path.read_bytes(), type=Process) for path in sorted(folder.glob("*/process.json"))]


def gone(pid: int, seconds: float) -> bool:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([fd], [], [], seconds)
    os.close(fd)
    return bool(ready)


def changes(events: list[Event], process_id: str) -> list[str]:
    found: list[str] = []
    for event in events:
        payload = event.decode()
        if isinstance(payload, ProcessStarted | ProcessEnded) and payload.process.id == process_id:
            found.append(f"{event.event} {payload.process.status}")
        elif isinstance(payload, ProcessTold) and payload.process_id == process_id:
            found.append(event.event)
    return found


def first_line(folder: str) -> str:
    """The first line of output, as soon as it is there."""
    log, deadline = Path(folder) / "log", time.monotonic() + BOUND
    while time.monotonic() < deadline:
        text = "".join(path.read_text() for path in sorted(log.iterdir()))
        if "\n" in text:
            return text.split("\n")[0]
        select.select([], [], [], 0.01)
    raise AssertionError("nothing was said")


async def test_a_killed_server_leaves_only_what_was_to_be_kept(
    site: "Site", model_of: "ModelOf", request: pytest.FixtureRequest
) -> None:
    site.answered_by(model_of(SCRIPT))
    for _ in range(max(1, int(str(request.config.getoption("--trials"))) // 6)):
        await trial(site)


async def trial(site: "Site") -> None:
    (site.work / "f").unlink(missing_ok=True)
    (site.work / "stop").unlink(missing_ok=True)
    before = {record.id for record in records(site)}
    server = site.serve()
    thread = await server.thread(workspace=str(site.work), allow_shell=True, auto_approve=True)
    await server.turn(thread, "start both")
    async with asyncio.timeout(BOUND):
        await server.until(thread, lambda frame: frame.event == "turn.completed")
    dying, kept = sorted((r for r in records(site) if r.id not in before), key=lambda record: record.keep)
    daemon = first_line(dying.log_path)
    server.kill()
    assert gone(dying.pid, 2)
    assert daemon.isdigit()
    assert gone(dying.supervisor_pid, 2)
    assert not gone(kept.supervisor_pid, 0)

    server = site.serve()
    (site.work / "stop").touch()
    told: list[str] = []  # the end of the other one may have begun a turn of its own before

    def over(frame: Frame) -> bool:
        told.append(str(frame.data))
        return frame.event == "turn.completed" and any("has ended: exit code 0" in text for text in told)

    async with asyncio.timeout(BOUND):
        await server.until(thread, over)
    assert server.terminate().code == 0

    store = SqliteStore.open(str(site.data), clock=SystemClock())
    try:
        events = store.read(thread, after=0, limit=10_000)
        assert changes(events, kept.id) == ["process.started running", "process.ended completed", "process.told"]
        assert changes(events, dying.id) == ["process.started running", "process.ended killed", "process.told"]
        assert check(store) == []
    finally:
        store.close()


def test_an_exec_says_what_it_stops_and_what_it_leaves(site: "Site", model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    done = site.run("exec", "--auto", "start both")
    dying, kept = sorted(records(site), key=lambda record: record.keep)
    assert done.code == 0
    assert f"stopped with this command: {dying.id}" in done.err
    assert f"still running: {kept.id}" in done.err
    assert gone(dying.supervisor_pid, 2)
    listed = site.run("processes", "list")
    assert kept.id in listed.out
    assert dying.id not in listed.out
    assert site.run("processes", "logs", kept.id).out == "up\n"
    ended = site.run("processes", "cancel", kept.id)
    assert (ended.code, ended.out) == (0, f"{kept.id}: ended by SIGTERM; it was told to end\n")
    assert gone(kept.pid, 2)
    shown = msgspec.json.decode(site.run("processes", "list", "--all", "--json").out, type=list[Process])
    assert {record.id: record.status for record in shown} == {dying.id: "killed", kept.id: "killed"}
