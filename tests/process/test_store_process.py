"""Two processes and one data directory; a writer that is killed."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from codewhale.domain.errors import StoreOwned, StoreUnwritable
from codewhale.store.lock import read_owner
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock
from codewhale.testing.store_kit import expect_sound, log_of

HOLD = """
import sys
from codewhale.domain.ports import SystemClock
from codewhale.store.sqlite import SqliteStore
store = SqliteStore.open(sys.argv[1], clock=SystemClock(), what="exec")
print("mine", flush=True)
sys.stdin.read()
"""

WRITE = """
import asyncio, sys
from codewhale.domain.ports import RandomIds, SystemClock
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.scribe import Scribe

async def write(store, number):
    scribe = Scribe(SystemClock(), RandomIds())
    await store.append(scribe.start())
    while True:
        await store.append([*scribe.ask("Go"), *scribe.open()])
        for _ in range(10):
            store.append(scribe.delta("some text"))
        print(await store.append(scribe.end()), flush=True)

async def main():
    store = SqliteStore.open(sys.argv[1], clock=SystemClock(), what="serve")
    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(write(store, number))

asyncio.run(main())
"""

NOBODY = """
import os, sys
from codewhale.domain.errors import StoreUnwritable
from codewhale.domain.ports import SystemClock
from codewhale.store.sqlite import SqliteStore
if os.getuid() == 0:
    SqliteStore.in_memory().close()  # everything is imported while we still may read it
    os.setgid(65534)
    os.setuid(65534)
try:
    SqliteStore.open(sys.argv[1], clock=SystemClock())
except StoreUnwritable as error:
    print(error.message, "|", error.hint)
"""


@contextmanager
def running(script: str, directory: str) -> Generator["subprocess.Popen[str]"]:
    """A Python process that is killed at the end, whatever happens."""
    command = [sys.executable, "-c", script, directory]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)


def test_another_process_keeps_us_out_until_it_is_killed(tmp_path: str) -> None:
    directory = f"{tmp_path}/store"
    with running(HOLD, directory) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(StoreOwned, match=rf"process {other.pid} \(codewhale exec\)"):
            SqliteStore.open(directory, clock=ManualClock())
        owner = read_owner(directory)
        assert owner is not None
        assert owner.pid == other.pid
    assert read_owner(directory) is None
    SqliteStore.open(directory, clock=ManualClock()).close()


@pytest.mark.parametrize("confirmations", [1, 3, 20, 60, 150])
def test_what_was_confirmed_survives_a_kill(tmp_path: str, confirmations: int) -> None:
    directory = f"{tmp_path}/store"
    with running(WRITE, directory) as writer:
        assert writer.stdout is not None
        confirmed = [int(writer.stdout.readline()) for _ in range(confirmations)]
        writer.kill()
        confirmed += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    store = SqliteStore.open(directory, clock=ManualClock())
    events = log_of(store)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= max(confirmed)
    assert {events[seq - 1].event for seq in confirmed} == {"turn.completed"}
    expect_sound(store)
    store.close()


def test_a_directory_of_somebody_else_is_unwritable(tmp_path: str) -> None:
    directory = f"{tmp_path}/locked/store"
    SqliteStore.open(directory, clock=ManualClock()).close()
    subprocess.run(["chmod", "-R", "a-w,a+rX", f"{tmp_path}"], check=True)
    subprocess.run(["chmod", "a+rx", f"{tmp_path}/..", f"{tmp_path}/../.."], check=True)
    done = subprocess.run(
        [sys.executable, "-c", NOBODY, directory], capture_output=True, text=True, timeout=30, check=True
    )
    subprocess.run(["chmod", "-R", "u+w", f"{tmp_path}"], check=True)
    assert StoreUnwritable.__name__ not in done.stderr
    assert "cannot be written" in done.stdout
    assert "write access" in done.stdout
