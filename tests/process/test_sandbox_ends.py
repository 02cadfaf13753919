"""Nothing that a confined command started outlives it: however it ends, and however its owner does; daemons included."""

import asyncio
import os
import secrets
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from codewhale.domain.confinement import confinement
from codewhale.workspace.caged import run_caged, start_victim
from codewhale.workspace.processes import Command, Processes
from codewhale.workspace.sandbox.cages import Cages
from codewhale.workspace.sandbox.tiers import Offered
from codewhale.workspace.shared_cages import SharedCages

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="NOT TRIED: these tiers are Linux")

ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
AT_ONCE = 10
SECONDS = 2.0
DAEMON = (
    'f=$(mktemp -u); mkfifo "$f"; '
    '(setsid env -i /bin/sh -c \'echo >"$1"; while :; do sleep 300; done\' "$0" "$f" &); read -r _ <"$f"'
)
"""Leaves the session with an empty environment, is up, and means to stay. All of it carries the word that is `$0`."""
STAYS = f"{DAEMON}; sleep 300 & echo up; wait"
OWNER = """
import asyncio, sys
from codewhale.domain.confinement import confinement
from codewhale.workspace.caged import run_caged, start_victim
from codewhale.workspace.shared_cages import SharedCages
from codewhale.workspace.processes import Command, Processes
from codewhale.workspace.sandbox.cages import Cages

async def main():
    tier, ws, word, script, count = sys.argv[1:]
    cages = Cages(run_caged, start_victim, tiers=(tier,))
    whole = Processes({"PATH": "/usr/bin:/bin"}, cages=SharedCages(lambda: cages))
    processes = whole.confined(confinement("workspace-write", ws, None))
    command = Command(argv=("/bin/sh", "-c", script, word), cwd=ws)
    async with asyncio.TaskGroup() as group:
        for _ in range(int(count)):
            group.create_task(processes.run(command, lambda text: print(text, end="", flush=True)))

asyncio.run(main())
"""


def living(word: str) -> list[int]:
    """The processes with the word on their command line, after the time that an end may take."""
    found: list[int] = []
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                if word.encode() not in file.read().split(b"\0"):
                    continue
            fd = os.pidfd_open(pid)
        except OSError:
            continue
        try:
            if not select.select([fd], [], [], SECONDS)[0]:
                found.append(pid)
        finally:
            os.close(fd)
    return found


class Room:
    """A tier and a workspace for commands that leave something running."""

    def __init__(self, folder: Path, tier: Offered) -> None:
        self.ws = str(folder.resolve() / "ws")
        os.mkdir(self.ws)
        self.tier = tier
        self.word = f"codewhale-stays-{secrets.token_hex(8)}"
        self.cages = Cages(run_caged, start_victim, tiers=(tier,))
        if self.cages.proof().tier != tier:
            pytest.skip(f"NOT TRIED: {self.cages.proof().missing}")
        self.whole = Processes(ENVIRON, cages=SharedCages(lambda: self.cages))
        self.processes = self.whole.confined(confinement("workspace-write", self.ws, None))

    def command(self, script: str, timeout: float | None = None) -> Command:
        return Command(argv=("/bin/sh", "-c", script, self.word), cwd=self.ws, timeout=timeout)

    async def cancelled(self, script: str) -> None:
        up = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.processes.run(self.command(script), lambda text: up.set()))
            await up.wait()
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture(params=["bubblewrap", "landlock"])
async def room(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path, request.param)
    yield made
    made.whole.close()


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How often ten at once."""
    trials: int = request.config.getoption("--trials") or 0
    return max(20, trials) // AT_ONCE


async def test_it_ends(room: Room, rounds: int) -> None:
    for _ in range(rounds):
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(room.processes.run(room.command(DAEMON))) for _ in range(AT_ONCE)]
        assert [task.result().exit_code for task in tasks] == [0] * AT_ONCE
        assert living(room.word) == []


async def test_it_times_out(room: Room, rounds: int) -> None:
    for _ in range(rounds):
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            tasks = [group.create_task(room.processes.run(room.command(STAYS, 0.5))) for _ in range(AT_ONCE)]
        assert [task.result().timed_out for task in tasks] == [True] * AT_ONCE
        assert living(room.word) == []


@pytest.mark.parametrize("script", [STAYS, f"trap '' TERM; {STAYS}"], ids=["willing", "stubborn"])
async def test_it_is_cancelled(room: Room, rounds: int, script: str) -> None:
    for _ in range(rounds):
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(room.cancelled(script))
        assert living(room.word) == []


def test_its_owner_is_killed(room: Room, rounds: int) -> None:
    for _ in range(rounds):
        words = (room.tier, room.ws, room.word, STAYS, str(AT_ONCE))
        with subprocess.Popen([sys.executable, "-c", OWNER, *words], stdout=subprocess.PIPE, text=True) as owner:
            assert owner.stdout is not None
            assert [owner.stdout.readline() for _ in range(AT_ONCE)] == ["up\n"] * AT_ONCE
            owner.send_signal(signal.SIGKILL)
            assert owner.wait() == -signal.SIGKILL
        assert [pid for pid in living(room.word) if pid != owner.pid] == []


async def test_a_timeout_leaves_time_to_clean_up_inside(room: Room) -> None:
    script = "trap 'rm made; echo cleaned; exit 7' TERM; touch made; sleep 300 & wait"
    result = await room.processes.run(room.command(script, 0.5))
    assert (result.timed_out, result.exit_code, result.stdout.text) == (True, 7, "cleaned\n")
    assert os.listdir(room.ws) == []


async def test_core_files_are_off_and_files_have_a_limit(room: Room) -> None:
    result = await room.processes.run(room.command("ulimit -c; ulimit -f"))
    core, blocks = result.stdout.text.split()
    assert core == "0"
    assert int(blocks) <= 16 << 21
