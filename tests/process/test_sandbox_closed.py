"""A sandbox that cannot be set up runs nothing: failures injected at every stage, and a canary that must stay unborn."""

import asyncio
import os
import select
import shutil
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from codewhale.domain.confinement import Confinement, Surface, confinement
from codewhale.domain.errors import ToolError
from codewhale.workspace.caged import run_caged, start_victim
from codewhale.workspace.processes import Command, Processes
from codewhale.workspace.sandbox.cages import Cages
from codewhale.workspace.sandbox.tiers import Offered
from codewhale.workspace.shared_cages import SharedCages

BWRAP = "/usr/bin/bwrap"
ENVIRON = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
FAKE = '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n'


class Room:
    """A workspace with a tier of its own, proved, and a command that would leave a canary."""

    def __init__(self, folder: Path, tier: Offered) -> None:
        self.ws = folder.resolve() / "ws"
        self.ws.mkdir()
        self.bwrap = folder / "bwrap"
        if tier == "bubblewrap":
            if os.geteuid() != 0 or not os.path.exists(BWRAP):
                pytest.skip("NOT TRIED: needs bubblewrap, and root for a copy of it that may be broken")
            shutil.copy(BWRAP, self.bwrap)
        self.cages = Cages(run_caged, start_victim, binaries=(str(self.bwrap),), tiers=(tier,))
        if self.cages.proof().tier != tier:
            pytest.skip(f"NOT TRIED: {self.cages.proof().missing}")
        self.shared = SharedCages(lambda: self.cages)
        self.processes = Processes(ENVIRON, cages=self.shared)
        self.held = confinement("workspace-write", str(self.ws), None)
        self.cwd = str(self.ws)

    async def run(self) -> None:
        command = Command(argv=("/bin/touch", str(self.ws / "canary")), cwd=self.cwd, timeout=30)
        await self.processes.confined(self.held).run(command)

    def hold(self, **changes: object) -> None:
        self.held = replace(self.held, **changes)


@pytest.fixture(params=["bubblewrap", "landlock"])
def room(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Room, None, None]:
    made = Room(tmp_path, request.param)
    yield made
    made.processes.close()


async def test_without_a_failure_the_canary_is_born(room: Room) -> None:
    await room.run()
    assert (room.ws / "canary").exists()
    assert sorted(os.listdir(room.ws)) == ["canary"]


def binary(content: str | None) -> Callable[[Room], None]:
    def inject(room: Room) -> None:
        if room.cages.proof().tier != "bubblewrap":
            pytest.skip("this tier has no binary")
        room.bwrap.unlink()
        if content is not None:
            room.bwrap.write_text(content)
            room.bwrap.chmod(0o755)

    return inject


def scratch_gone(room: Room) -> None:
    shutil.rmtree(room.cages.scratch.folder)


def scratch_tmp_gone(room: Room) -> None:
    if room.cages.proof().tier != "bubblewrap":
        pytest.skip("this tier binds no temporary folder")
    shutil.rmtree(room.cages.scratch.tmp)


def linked_surface(room: Room) -> None:
    (room.ws / ".claude").symlink_to(room.ws)


def piped_surface(room: Room) -> None:
    os.mkfifo(room.ws / ".mcp.json")


def socket_surface(room: Room) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        here = os.getcwd()
        os.chdir(room.ws)
        sock.bind(".vscode")
        os.chdir(here)


def missing_root(room: Room) -> None:
    room.hold(writable=(*room.held.writable, str(room.ws / "missing")))


def linked_root(room: Room) -> None:
    (room.ws.parent / "link").symlink_to(room.ws)
    room.hold(writable=(str(room.ws.parent / "link"),))


def whole_disk(room: Room) -> None:
    room.hold(writable=("/",))


def too_many(room: Room) -> None:
    folders = [room.ws / f"d{number}" for number in range(70)]
    for folder in folders:
        folder.mkdir()
    room.hold(hidden=tuple(map(str, folders)))


def no_proxy(room: Room) -> None:
    room.hold(network="proxy", proxy=str(room.ws / "no-such-socket"))


def unseen_folder(room: Room) -> None:
    if room.cages.proof().tier != "bubblewrap":
        pytest.skip("this tier hides no folder from a change of directory")
    room.hold(hidden=(str(room.ws.parent / "hidden"),))
    room.cwd = str(room.ws.parent / "hidden" / "below")
    os.makedirs(room.cwd)


def spawner_killed(room: Room) -> None:
    if room.cages.proof().tier != "landlock":
        pytest.skip("this tier has no process that starts commands")
    pid = spawner()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def spawner() -> int:
    """The oldest one of our children that start commands for us; the others look after a command, or wait for one."""
    return min(started(), key=lambda pid: (int(Path(f"/proc/{pid}/stat").read_text().split()[21]), pid))


def started() -> list[int]:
    found = [pid for pid in children() if b"spawner.serve()" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return [int(pid) for pid in found]


def children() -> list[str]:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


FAILURES = [
    *(binary(None), binary("#!/bin/sh\nexit 1\n"), binary(FAKE), binary("no program\n")),
    *(scratch_gone, scratch_tmp_gone, linked_surface, piped_surface, socket_surface),
    *(missing_root, linked_root, whole_disk, too_many, no_proxy, unseen_folder, spawner_killed),
]


@pytest.mark.parametrize("inject", FAILURES, ids=lambda inject: getattr(inject, "__qualname__", "failure"))
async def test_a_failure_at_any_stage_runs_nothing(room: Room, inject: Callable[[Room], None]) -> None:
    await room.run()
    (room.ws / "canary").unlink()
    inject(room)
    with pytest.raises(ToolError) as raised:
        await room.run()
    assert raised.value.category == "sandbox_setup_failed"
    assert not (room.ws / "canary").exists()


async def test_after_a_failed_start_there_is_a_new_spawner(room: Room) -> None:
    await room.run()
    spawner_killed(room)
    with pytest.raises(ToolError, match="sandbox_setup_failed"):
        await room.run()
    await room.run()
    left = [os.pidfd_open(pid) for pid in started()]
    assert left
    room.processes.close()
    for fd in left:
        assert select.select([fd], [], [], 2)[0]
        os.close(fd)


async def test_commands_that_run_survive_the_spawner(room: Room) -> None:
    up = asyncio.Event()
    command = Command(
        argv=("/bin/sh", "-c", "mkfifo f; echo up; read -r word <f; echo $word"), cwd=room.cwd, timeout=30
    )

    async def late() -> None:
        await up.wait()
        spawner_killed(room)
        await asyncio.to_thread((room.ws / "f").write_text, "said\n")

    async with asyncio.TaskGroup() as group:
        running = group.create_task(room.processes.confined(room.held).run(command, lambda _: up.set()))
        group.create_task(late())
    assert running.result().stdout.text == "up\nsaid\n"


async def test_what_one_command_keeps_free_the_next_one_keeps_too(room: Room) -> None:
    if room.cages.proof().tier != "bubblewrap":
        pytest.skip("this tier cannot keep names free")
    up, first_over = asyncio.Event(), asyncio.Event()
    os.mkfifo(room.ws / "one")
    os.mkfifo(room.ws / "two")
    processes = room.processes.confined(room.held)

    async def run(script: str, on_output: Callable[[str], None] | None = None) -> str:
        command = Command(argv=("/bin/sh", "-c", script), cwd=room.cwd, timeout=30)
        return (await processes.run(command, on_output)).stdout.text

    async def first() -> None:
        await run("echo up; read -r _ <one", lambda _: up.set())
        first_over.set()

    async def drive() -> None:
        await first_over.wait()
        await asyncio.to_thread((room.ws / "two").write_text, "\n")

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        group.create_task(first())
        await up.wait()
        second = group.create_task(
            run("echo >one; read -r _ <two; mkdir .claude 2>/dev/null || echo x 2>/dev/null >.claude/x || echo held")
        )
        group.create_task(drive())
    assert second.result() == "held\n"
    assert sorted(os.listdir(room.ws)) == ["one", "two"]


async def test_where_nothing_confines_nothing_runs(tmp_path: Path) -> None:
    ws = os.path.realpath(tmp_path)  # noqa: ASYNC240 - a test's own folder
    cages = Cages(run_caged, start_victim, binaries=(str(tmp_path / "none"),), tiers=("bubblewrap",))
    held = Confinement(policy="workspace-write", writable=(ws,))
    processes = Processes(ENVIRON, cages=SharedCages(lambda: cages))
    command = Command(argv=("/bin/touch", str(tmp_path / "canary")), cwd=str(tmp_path))
    with pytest.raises(ToolError, match="Install bubblewrap"):
        await processes.confined(held).run(command)
    assert not (tmp_path / "canary").exists()
    bare = await processes.confined(held, bare=True).run(command)
    assert (bare.exit_code, bare.confined_by) == (0, "none")
    processes.close()


async def test_a_bubblewrap_of_the_workspace_or_the_path_is_never_run(room: Room) -> None:
    planted = room.ws / "bwrap"
    planted.write_text(f"#!/bin/sh\n: >{room.ws}/ran-the-wrong-one\n")
    planted.chmod(0o755)
    environ = {**ENVIRON, "PATH": f"{room.ws}:/usr/bin:/bin"}
    processes = Processes(environ, cages=room.shared).confined(room.held)
    result = await processes.run(Command(argv=("/bin/true",), cwd=str(room.ws)))
    assert result.exit_code == 0
    assert not (room.ws / "ran-the-wrong-one").exists()


async def test_the_folder_of_a_call_never_widens_what_may_be_written(room: Room) -> None:
    outside = room.ws.parent / "outside"
    outside.mkdir()
    processes = room.processes.confined(room.held)
    command = Command(argv=("/bin/sh", "-c", f"echo x >{outside}/file; echo x >file"), cwd=str(outside), timeout=30)
    with suppress(ToolError):  # where that folder is not even there inside
        assert (await processes.run(command)).exit_code != 0
    assert os.listdir(outside) == []


async def test_temporary_files_lie_in_a_folder_of_ones_own(room: Room) -> None:
    await room.run()
    assert os.stat(room.cages.scratch.folder).st_mode & 0o777 == 0o700
    assert os.stat(room.cages.scratch.tmp).st_mode & 0o777 == 0o700


async def test_secrets_are_not_there(room: Room) -> None:
    home = room.ws.parent / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("canary-in-a-key")
    (home / ".npmrc").write_text("canary-in-a-file")
    held = confinement("workspace-write", str(room.ws), str(home), Surface(hidden=(str(home / "own"),)))
    script = f"cat {home}/.ssh/id {home}/.npmrc; env"
    environ = {**ENVIRON, "MY_API_KEY": "canary-in-a-variable", "GITHUB_TOKEN": "canary-in-a-token"}
    processes = Processes(environ, cages=room.shared).confined(held)
    result = await processes.run(Command(argv=("/bin/sh", "-c", script), cwd=str(room.ws), timeout=30))
    assert "canary" not in result.stdout.text + result.stderr.text
    assert "TMPDIR=" in result.stdout.text
