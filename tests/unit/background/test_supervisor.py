"""A supervisor by itself: what it keeps of the output, how it ends a command, what survives its starter."""

import asyncio
import os
import select
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from codewhale.domain.processes import Process, ProcessEnd
from codewhale.workspace.background.adopt import adopted, same
from codewhale.workspace.background.journal import length_of, piece_of
from codewhale.workspace.background.launch import Launch, Order, launch
from codewhale.workspace.background.link import Link, end_of, sweep
from codewhale.workspace.background.shelf import ask_to_end, lives, lying, prune, put
from codewhale.workspace.guard import MARK
from codewhale.workspace.processes import Command, Processes

BOUND = 20.0
needs_linux = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux to wait for processes of others")


class Run:
    """One command under a supervisor."""

    def __init__(self, launched: Launch, folder: str, news: asyncio.Event) -> None:
        self.launched = launched
        self.link = launched.link
        self.folder = folder
        self.lifeline = launched.go()
        self._news = news

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(BOUND):
            while not reached():
                await self._news.wait()
                self._news.clear()

    async def end(self) -> ProcessEnd:
        await self.until(lambda: self.link.over)
        found = end_of(self.folder)
        assert found is not None
        return found

    def text(self) -> str:
        return piece_of(self.folder, 0, 1000, 1000, whole=True).shown.text

    async def says(self, words: str) -> None:
        await self.until(lambda: words in self.text())

    def record(self, name: str, *, keep: bool = False) -> Process:
        report = self.launched.report
        return Process(
            id=name,
            thread_id="thr_1",
            turn_id="turn_1",
            item_id="item_1",
            command="a command",
            cwd="/",
            confined_by="none",
            status="running",
            started_at="2026-01-31T10:00:00.000Z",
            log_path=self.folder,
            keep=keep,
            pid=report.pid,
            began=report.began,
            supervisor_pid=report.supervisor_pid,
            supervisor_began=report.supervisor_began,
        )

    def let_go(self) -> None:
        self.link.close()
        if self.lifeline is not None:
            os.close(self.lifeline)
            self.lifeline = None


@asynccontextmanager
async def supervised(folder: Path, script: str, *, keep: bool = False, tty: bool = False) -> AsyncGenerator[Run, None]:
    processes = Processes({"PATH": "/usr/local/bin:/usr/bin:/bin"})
    news = asyncio.Event()
    program = await processes.program(Command(argv=processes.shell(script), cwd=str(folder)), keep=keep)
    order = Order(program=program, name="proc_1", keep=keep, tty=tty)
    run = Run(await launch(order, str(folder / "proc_1"), news.set), str(folder / "proc_1"), news)
    try:
        yield run
    finally:
        run.link.stop(0)
        run.let_go()
        sweep(f"{MARK}={program.mark}")
        processes.close()


def kept_bytes(folder: str) -> int:
    return sum(path.stat().st_size for path in Path(folder, "log").iterdir())


def gone(pid: int) -> bool:
    """Whether a process ends within the bound."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    ready, _, _ = select.select([fd], [], [], BOUND)
    os.close(fd)
    return bool(ready)


async def test_a_hundred_megabytes_leave_head_and_tail_on_a_bounded_disk(tmp_path: Path) -> None:
    script = "echo first; head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last"
    async with supervised(tmp_path, script) as run:
        end = await run.end()
        assert end == ProcessEnd(cause="exited", exit_code=0, output_bytes=100_000_012)
        assert length_of(run.folder) == 100_000_012
        assert kept_bytes(run.folder) <= 8 * 1024 * 1024
        shown = piece_of(run.folder, 0, 10, 10, whole=True).shown
        assert (shown.head, shown.tail, shown.omitted) == ("first\nxxxx", "xxxx\nlast\n", 100_000_012 - 20)
        late = piece_of(run.folder, 50_000_000, 10, 10, whole=True)
        assert (late.shown.head, late.shown.tail, late.after) == ("", "xxxx\nlast\n", 100_000_012)


async def test_a_character_in_two_pieces_is_shown_once_and_whole(tmp_path: Path) -> None:
    async with supervised(tmp_path, "printf '\\303'; read x; printf '\\244'") as run:
        await run.until(lambda: length_of(run.folder) == 1)
        first = piece_of(run.folder, 0, 100, 100, whole=False)
        assert (first.shown.text, first.after) == ("", 0)
        run.link.say(b"\n")
        await run.end()
        assert piece_of(run.folder, first.after, 100, 100, whole=True).shown.text == "ä"


async def test_input_that_is_not_read_waits_and_an_order_to_end_does_not(tmp_path: Path) -> None:
    async with supervised(tmp_path, "echo up; exec sleep 300") as run:
        await run.says("up")
        run.link.say(b"x" * 3_000_000)
        run.link.stop(5)
        end = await run.end()
        assert (end.cause, end.signal) == ("cancelled", 15)


async def test_all_of_a_large_input_arrives(tmp_path: Path) -> None:
    async with supervised(tmp_path, "wc -c") as run:
        run.link.say(b"x" * 300_000)
        run.link.close_input()
        await run.end()
        assert run.text().strip() == "300000"


async def test_a_terminal_is_one_and_its_input_can_end(tmp_path: Path) -> None:
    async with supervised(tmp_path, "test -t 0 && test -t 1 && stty size; cat", tty=True) as run:
        await run.says("40 120")
        run.link.close_input()
        assert (await run.end()).exit_code == 0


async def test_whoever_ignores_being_asked_is_killed(tmp_path: Path) -> None:
    async with supervised(tmp_path, "trap '' TERM; echo up; sleep 300 & wait; wait") as run:
        await run.says("up")
        run.link.stop(0.05)
        assert (await run.end()).signal == 9


@needs_linux
async def test_nothing_of_a_supervisor_stays_in_the_table_of_processes(tmp_path: Path) -> None:
    async with supervised(tmp_path, "true") as run:
        await run.end()
        supervisor = run.launched.report.supervisor_pid
        assert await asyncio.to_thread(gone, supervisor)
        collected = asyncio.Event()
        asyncio.get_running_loop().call_soon(collected.set)  # behind what the loop knows of its end
        await collected.wait()
        with pytest.raises(ProcessLookupError):
            os.kill(supervisor, 0)


async def test_what_cannot_be_started_says_why(tmp_path: Path) -> None:
    processes = Processes({"PATH": "/usr/bin:/bin"})
    program = await processes.program(Command(argv=("/nowhere/at/all",), cwd=str(tmp_path)))
    news = asyncio.Event()
    launched = await launch(Order(program=program, name="proc_1"), str(tmp_path / "p"), news.set)
    run = Run(launched, str(tmp_path / "p"), news)
    end = await run.end()
    run.let_go()
    processes.close()
    assert (end.cause, end.exit_code, end.error) == ("not_started", None, "/nowhere/at/all: No such file or directory")


@needs_linux
async def test_a_daemon_dies_with_its_command(tmp_path: Path) -> None:
    script = "mkfifo f; (setsid sh -c 'echo $$ > f; exec sleep 300' &); read pid < f; echo pid $pid; read x"
    async with supervised(tmp_path, script) as run:
        await run.says("pid ")
        daemon = int(run.text().split()[1])
        run.link.close_input()
        await run.end()
        assert gone(daemon)


@needs_linux
async def test_a_kept_command_is_over_only_when_its_daemon_is(tmp_path: Path) -> None:
    script = "mkfifo f; (setsid sh -c 'echo $$ > f; exec sleep 300' &); read pid < f; echo pid $pid"
    async with supervised(tmp_path, script, keep=True) as run:
        await run.says("pid ")
        daemon = int(run.text().split()[1])
        assert not run.link.over
        os.kill(daemon, 9)
        assert (await run.end()).exit_code == 0


@needs_linux
async def test_a_starter_that_goes_takes_the_command_along_unless_it_is_kept(tmp_path: Path) -> None:
    async with supervised(tmp_path, "echo up; exec sleep 300") as run:
        await run.says("up")
        run.let_go()
        assert gone(run.launched.report.supervisor_pid)
        assert end_of(run.folder) == ProcessEnd(cause="owner", signal=9, output_bytes=3)


@needs_linux
async def test_a_kept_one_is_taken_over_by_the_next(tmp_path: Path) -> None:
    async with supervised(tmp_path, "echo up; read x; echo again $x", keep=True) as run:
        await run.says("up")
        run.let_go()
        record, news = run.record("proc_1", keep=True), asyncio.Event()
        link = adopted(record, news.set)
        assert link is not None
        link.say(b"you\n")
        async with asyncio.timeout(BOUND):
            while not link.over:
                await news.wait()
                news.clear()
        assert run.text() == "up\nagain you\n"
        assert adopted(record, news.set) is None


@needs_linux
async def test_another_process_with_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    async with supervised(tmp_path, "exec sleep 300") as run:
        record = run.record("proc_1")
        assert same(record)
        assert not same(replace(record, supervisor_began="1"))
        assert not same(replace(record, id="proc_2"))


@needs_linux
async def test_when_the_supervisor_is_killed_its_command_goes_too(tmp_path: Path) -> None:
    async with supervised(tmp_path, "echo up; exec sleep 300") as run:
        await run.says("up")
        os.kill(run.launched.report.supervisor_pid, 9)
        await run.until(lambda: run.link.over)
        assert end_of(run.folder) is None
        assert gone(run.launched.report.pid)


@needs_linux
async def test_it_is_seen_and_ended_from_its_folder_alone(tmp_path: Path) -> None:
    async with supervised(tmp_path, "exec sleep 300") as run:
        record = run.record("proc_1")
        put(record)
        assert lying(str(tmp_path)) == [record]
        assert lives(record)
        assert ask_to_end(record)
        assert (await run.end()).cause == "cancelled"
        assert not lives(record)
        assert not ask_to_end(record)


def test_the_oldest_output_goes_first_and_what_runs_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codewhale.workspace.background.shelf.QUOTA", 250)
    for age, name in enumerate(("new", "middle", "old", "running")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "log").write_bytes(b"x" * 100)
        os.utime(folder, (1000 - age, 1000 - age))
    prune(str(tmp_path), {"running"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new", "running"]


async def test_nobody_answers_from_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Link(str(tmp_path), 1, lambda: None)


async def test_what_its_supervisor_holds_is_not_the_commands(tmp_path: Path) -> None:
    processes = Processes({"PATH": "/usr/bin:/bin"})
    held, given = os.open(tmp_path, os.O_RDONLY), os.open(tmp_path, os.O_RDONLY)
    script = f"[ -e /dev/fd/{held} ] && echo held; [ -e /dev/fd/{given} ] && echo given; read x"
    program = await processes.program(Command(argv=processes.shell(script), cwd=str(tmp_path)))
    news = asyncio.Event()
    order = Order(program=replace(program, fds=(given,), holds=(held,)), name="proc_1")
    run = Run(await launch(order, str(tmp_path / "p"), news.set), str(tmp_path / "p"), news)
    await run.says("given")
    assert run.text() == "given\n"
    run.link.stop(0)
    await run.end()
    run.let_go()
    os.close(held)
    os.close(given)
    processes.close()
