"""When `run` is over, by whatever way, nothing that the command started is running."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from codewhale.workspace.guard import GUARD
from codewhale.workspace.processes import Command, Processes

DAEMON = "mkfifo f; (setsid sh -c 'echo $$ > f; exec sleep 300' &); read pid < f; echo $pid"
"""Leaves the session, says its pid, and means to stay."""

CHILD = "sleep 300 & echo $!"
"""Stays in the group."""


linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux hands us orphans")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


EARLIER: set[int] = set()


def children() -> dict[int, str]:
    """Our children and their states; between commands the only living one is the watcher."""
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    states = {int(pid): Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] for pid in pids}
    return {pid: state for pid, state in states.items() if pid not in EARLIER}


@pytest.fixture(autouse=True)
def only_ours() -> None:
    """What earlier tests left is not of these."""
    EARLIER.clear()
    EARLIER.update(children() if os.path.exists("/proc/self/task") else ())


async def run_until_output(processes: Processes, script: str, cwd: Path, lines: int) -> list[int]:
    """Runs the script, cancels it after `lines` lines of output; the numbers in them."""
    text = ""
    enough = asyncio.Event()

    def on_output(more: str) -> None:
        nonlocal text
        text += more
        if text.count("\n") >= lines:
            enough.set()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        task = group.create_task(processes.run(Command(argv=processes.shell(script), cwd=str(cwd)), on_output))
        await enough.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
    return [int(line) for line in text.splitlines()]


@pytest.mark.parametrize("script", [CHILD, pytest.param(DAEMON, marks=linux)])
async def test_after_a_normal_end(processes: Processes, tmp_path: Path, script: str) -> None:
    async with asyncio.timeout(10):
        result = await processes.run(Command(argv=processes.shell(script), cwd=str(tmp_path)))
    assert result.exit_code == 0
    assert not alive(int(result.stdout.text))


@pytest.mark.parametrize("script", [CHILD, pytest.param(DAEMON, marks=linux)])
async def test_after_a_timeout(processes: Processes, tmp_path: Path, script: str) -> None:
    command = Command(argv=processes.shell(f"{script}; exec sleep 300"), cwd=str(tmp_path), timeout=0.3)
    async with asyncio.timeout(10):
        result = await processes.run(command)
    assert (result.timed_out, result.exit_code, result.signal) == (True, None, signal.SIGTERM)
    assert not alive(int(result.stdout.text))


async def test_a_timeout_leaves_time_to_clean_up(processes: Processes, tmp_path: Path) -> None:
    script = "trap 'rm made; echo cleaned; exit 7' TERM; touch made; sleep 300 & wait"
    command = Command(argv=processes.shell(script), cwd=str(tmp_path), timeout=0.3)
    async with asyncio.timeout(10):
        result = await processes.run(command)
    assert (result.timed_out, result.exit_code, result.stdout.text) == (True, 7, "cleaned\n")
    assert not (tmp_path / "made").exists()


async def test_who_does_not_end_in_time_is_killed(processes: Processes, tmp_path: Path) -> None:
    script = "trap '' TERM; sleep 300 & echo $!; wait"
    command = Command(argv=processes.shell(script), cwd=str(tmp_path), timeout=0.3)
    async with asyncio.timeout(10):
        result = await processes.run(command)
    assert (result.timed_out, result.exit_code, result.signal) == (True, None, signal.SIGKILL)
    assert not alive(int(result.stdout.text))


@pytest.mark.parametrize("script", [CHILD, pytest.param(DAEMON, marks=linux)])
async def test_after_a_cancellation(processes: Processes, tmp_path: Path, script: str) -> None:
    pids = await run_until_output(processes, f"echo $$; {script}; exec sleep 300", tmp_path, 2)
    assert [alive(pid) for pid in pids] == [False, False]


async def test_a_signal_that_is_ignored_does_not_save_it(processes: Processes, tmp_path: Path) -> None:
    pids = await run_until_output(processes, "trap '' TERM INT HUP; echo $$; while :; do :; done", tmp_path, 1)
    assert not alive(pids[0])


@linux
async def test_a_chain_of_daemons_is_followed_to_its_end(processes: Processes, tmp_path: Path) -> None:
    script = (
        'mkfifo f; (setsid sh -c \'(setsid sh -c "(setsid sh -c \\"echo \\\\\\$\\\\\\$ > f; exec sleep 300\\" &); '
        "exec sleep 300\" &); exec sleep 300' &); read pid < f; echo $pid"
    )
    async with asyncio.timeout(10):
        result = await processes.run(Command(argv=processes.shell(script), cwd=str(tmp_path)))
    assert not alive(int(result.stdout.text))
    assert GUARD.orphans() == []


@linux
async def test_the_daemon_of_another_command_is_left_alone(processes: Processes, tmp_path: Path) -> None:
    pid = 0
    ready, over = asyncio.Event(), asyncio.Event()

    def on_output(text: str) -> None:
        nonlocal pid
        pid = int(text)
        ready.set()

    async def long() -> None:
        script = f"{DAEMON}; mkfifo end; read _ < end"
        await processes.run(Command(argv=processes.shell(script), cwd=str(tmp_path)), on_output)
        over.set()

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(long())
        await ready.wait()
        await processes.run(Command(argv=processes.shell("true"), cwd=str(tmp_path)))
        assert alive(pid)
        await asyncio.to_thread((tmp_path / "end").write_text, "\n")
        await over.wait()
    assert not alive(pid)


@linux
async def test_no_zombies_stay(processes: Processes, tmp_path: Path) -> None:
    for _ in range(3):
        await processes.run(Command(argv=processes.shell("(setsid true &); sleep 0 & true"), cwd=str(tmp_path)))
    await processes.run(Command(argv=processes.shell("true"), cwd=str(tmp_path)))
    processes.close()
    assert "Z" not in children().values()


async def test_no_descriptor_stays_open(processes: Processes, tmp_path: Path) -> None:
    await processes.run(Command(argv=processes.shell("true"), cwd=str(tmp_path)))
    before = sorted(os.listdir("/dev/fd"))
    for _ in range(5):
        await processes.run(Command(argv=processes.shell(CHILD), cwd=str(tmp_path), stdin=b"x", timeout=5))
    assert sorted(os.listdir("/dev/fd")) == before


@linux
async def test_a_watcher_that_was_killed_is_replaced(processes: Processes, tmp_path: Path) -> None:
    command = Command(argv=processes.shell("true"), cwd=str(tmp_path))
    await processes.run(command)
    (first,) = children()
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(os.waitid, os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert (await processes.run(command)).exit_code == 0
    (second,) = children()
    assert (second != first, children()[second] != "Z") == (True, True)


async def test_without_pidfds_a_thread_notices_the_end(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    async with asyncio.timeout(10):
        result = await processes.run(Command(argv=processes.shell(f"{CHILD}; exit 4"), cwd=str(tmp_path)))
    assert result.exit_code == 4
    assert not alive(int(result.stdout.text))
