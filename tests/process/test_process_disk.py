"""A disk that is full: nothing promised is lost, the turn on it ends, and the same process goes on when there is room."""

import asyncio
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import ModelOf, Server, Site

from codewhale.testing.http_calls import Frame

SCRIPT = """
[[turn]]
when = {contains = "hi"}
[[turn.reply]]
text = "Hello."
[[turn]]
when = {contains = "wait"}
[[turn.reply]]
text = "I have begun, and here is the rest of it."
hold = {name = "room", at = "mid_text"}
[[turn]]
when = {contains = "much"}
[[turn.reply]]
calls = [{tool = "exec_shell", arguments = {command = "seq 100000"}}]
[[turn.reply]]
text = "Seen."
"""
SIZE = 2 * 1024 * 1024


@pytest.fixture
def small_disk(site: "Site", tmp_path: Path) -> Generator[Path]:
    """A disk of 2 MiB that holds the home."""
    site.home.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(site.home)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here, so a full one is not tested: {mounted.stderr.decode().strip()}")
    try:
        yield site.home
    finally:
        subprocess.run(["umount", "-l", str(site.home)], check=True)


@contextmanager
def full(disk: Path, *, leave: int = 0) -> Generator[None]:
    """No room but `leave` bytes, until the end."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        while free := shutil.disk_usage(disk).free - leave:
            if free < 0:
                break
            file.write(bytes(min(free, 65536)))
            file.flush()
    try:
        yield
    finally:
        filler.unlink()


async def seen_until_the_end(
    server: "Server", thread_id: str, *, reached: Frame | None = None, there: asyncio.Event | None = None
) -> list[Frame]:
    """What a reader sees until its stream is ended by the server; sets `there` when it has come to `reached`."""
    frames: list[Frame] = []
    async with server.events(thread_id) as stream:
        while (frame := await stream.frame()) is not None:
            if frame.event:
                frames.append(frame)
            if there is not None and frame == reached:
                there.set()
    return frames


async def test_a_server_goes_on_when_there_is_room_again(site: "Site", small_disk: Path, model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    thread_id = await server.thread(allow_shell=True, auto_approve=True)
    turn_id = await server.turn(thread_id, "hi")
    first = await server.until(thread_id, lambda frame: frame.event == "turn.completed")
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        there = asyncio.Event()
        reader = group.create_task(seen_until_the_end(server, thread_id, reached=first[-1], there=there))
        await there.wait()
        with full(small_disk):
            refused = await _refused(server, thread_id)
            assert refused["status"] == 503
            assert "disk is full" in refused["message"]
            assert "Free some space" in refused["message"]
            seen = await reader
            assert seen[: len(first)] == first
            assert await seen_until_the_end(server, thread_id) == []  # nothing has changed for who tries again
            assert (await server.call("GET", f"/v1/threads/{thread_id}")).status == 200
    again = await server.turn(thread_id, "hi")
    frames = await server.until(thread_id, lambda frame: frame.json()["turn_id"] == again and _is_end(frame))
    assert frames[: len(seen)] == seen
    ended: list[Any] = [frame.json()["payload"]["turn"] for frame in frames if _is_end(frame)]
    assert [ended[0]["id"], ended[-1]["id"]] == [turn_id, again]
    assert (ended[0]["status"], ended[-1]["status"]) == ("completed", "completed")
    assert all(turn["error_code"] == "restart" for turn in ended[1:-1])
    assert server.terminate().code == 0
    assert site.run("store", "check").code == 0
    assert await model.refused() == []


@pytest.mark.requirement("BUG-08")
async def test_a_turn_that_fills_the_disk_ends_and_its_thread_is_free(
    site: "Site", small_disk: Path, model_of: "ModelOf"
) -> None:
    site.answered_by(model_of(SCRIPT))
    server = site.serve()
    thread_id = await server.thread(allow_shell=True, auto_approve=True)
    async with asyncio.timeout(30):
        with full(small_disk, leave=200_000):
            turn_id = await server.turn(thread_id, "much")
            seen = await seen_until_the_end(server, thread_id)
        frames = await server.until(thread_id, _is_end)
    assert frames[: len(seen)] == seen
    end: Any = frames[-1].json()
    assert (end["turn_id"], end["payload"]["turn"]["status"]) == (turn_id, "interrupted")
    assert await server.turn(thread_id, "hi")
    assert server.terminate().code == 0


async def test_a_turn_that_waits_meanwhile_has_one_end(site: "Site", small_disk: Path, model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    waiting, other = await server.thread(), await server.thread()
    await server.turn(waiting, "wait")
    await model.held("room")
    with full(small_disk):
        assert (await _refused(server, other))["status"] == 503
    await server.turn(other, "hi")
    await model.release("room")
    frames = await server.until(waiting, _is_end)
    await server.turn(waiting, "hi")
    frames = await server.until(waiting, lambda frame: _is_end(frame) and frame != frames[-1])
    assert [frame.json()["payload"]["turn"]["status"] for frame in frames if _is_end(frame)] == [
        "interrupted",
        "completed",
    ]
    assert server.terminate().code == 0
    assert site.run("store", "check").code == 0


async def test_a_server_with_a_full_disk_stops_in_order(site: "Site", small_disk: Path, model_of: "ModelOf") -> None:
    model = model_of(SCRIPT)
    site.answered_by(model)
    server = site.serve()
    waiting, other = await server.thread(), await server.thread()
    turn_id = await server.turn(waiting, "wait")
    await model.held("room")
    with full(small_disk):
        assert (await _refused(server, other))["status"] == 503
        assert server.terminate().code == 0
    again = site.serve()
    frames = await again.until(waiting, _is_end)
    assert (frames[-1].json()["turn_id"], frames[-1].json()["payload"]["turn"]["status"]) == (turn_id, "interrupted")


def test_exec_on_a_full_disk_says_so(site: "Site", small_disk: Path, model_of: "ModelOf") -> None:
    site.answered_by(model_of(SCRIPT))
    assert site.run("exec", "hi").code == 0
    for leave in (0, 8192, 65536):
        with full(small_disk, leave=leave):
            done = site.run("exec", "--auto", "much")
        assert done.code == 1
        assert "disk is full" in done.err
        assert "hint: " in done.err
        assert "Traceback" not in done.err
    assert site.run("exec", "hi")[:2] == (0, "Hello.\n")
    assert site.run("store", "check").code == 0


async def _refused(server: "Server", thread_id: str) -> dict[str, Any]:
    """The error of the first turn that the disk has no room for."""
    for _ in range(50):
        answer = await server.call("POST", f"/v1/threads/{thread_id}/turns", {"prompt": "hi " * 2000})
        if answer.status not in (201, 409):
            return answer.json()["error"]
    raise AssertionError("the disk was never full")


def _is_end(frame: Frame) -> bool:
    return frame.event == "turn.completed"
