import asyncio
import os
import signal
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.capture import Captured
from codewhale.workspace.processes import Command, Processes, ProcessResult


def captured(text: str) -> Captured:
    return Captured(head=text, tail="", length=len(text.encode()), omitted=0)


async def sh(processes: Processes, script: str, cwd: Path, **more: object) -> ProcessResult:
    command = Command(argv=processes.shell(script), cwd=str(cwd), **more)  # pyright: ignore[reportArgumentType]
    async with asyncio.timeout(10):
        return await processes.run(command)


async def test_exit_code_and_both_streams(processes: Processes, tmp_path: Path) -> None:
    result = await sh(processes, "echo out; echo err >&2; exit 3", tmp_path)
    assert result == ProcessResult(
        exit_code=3,
        signal=None,
        stdout=captured("out\n"),
        stderr=captured("err\n"),
        duration_ms=result.duration_ms,
        timed_out=False,
    )


async def test_merged_streams_keep_their_order(processes: Processes, tmp_path: Path) -> None:
    result = await sh(processes, "echo 1; echo 2 >&2; echo 3", tmp_path, merged=True)
    assert (result.stdout.text, result.stderr.text) == ("1\n2\n3\n", "")


async def test_a_signal_is_not_an_exit_code(processes: Processes, tmp_path: Path) -> None:
    result = await sh(processes, "kill -s SEGV $$", tmp_path)
    assert (result.exit_code, result.signal) == (None, signal.SIGSEGV)


async def test_runs_in_cwd(processes: Processes, tmp_path: Path) -> None:
    assert (await sh(processes, "pwd -P", tmp_path)).stdout.text.strip() == str(tmp_path)


async def test_stdin_is_written_whole_and_closed(processes: Processes, tmp_path: Path) -> None:
    result = await sh(processes, "wc -c", tmp_path, stdin=b"x" * 1_000_000)
    assert result.stdout.text.strip() == "1000000"


async def test_without_stdin_there_is_nothing_to_read(processes: Processes, tmp_path: Path) -> None:
    assert (await sh(processes, "cat", tmp_path)).stdout.text == ""


async def test_a_program_that_ignores_its_stdin_is_no_error(processes: Processes, tmp_path: Path) -> None:
    assert (await sh(processes, "exec true", tmp_path, stdin=b"x" * 1_000_000)).exit_code == 0


async def test_the_environment_is_the_allow_list(tmp_path: Path) -> None:
    given = {
        "PATH": "/usr/bin:/bin",
        "LC_ALL": "C",
        "OPENAI_API_KEY": "k",
        "BASH_ENV": "/x",
        "ENV": "/x",
        "LD_PRELOAD": "",
    }
    processes = Processes(given)
    result = await sh(processes, "exec env", tmp_path, environ={"EXTRA": "1"})
    processes.close()
    names = {line.partition("=")[0] for line in result.stdout.text.splitlines()}
    assert names - {"_", "PWD", "SHLVL", "OLDPWD"} == {"PATH", "LC_ALL", "EXTRA", "CODEWHALE_CALL"}


async def test_huge_output_keeps_head_and_tail_in_bounded_memory(processes: Processes, tmp_path: Path) -> None:
    script = "echo first; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo last"
    result = await sh(processes, script, tmp_path, head_bytes=100, tail_bytes=50)
    out = result.stdout
    assert (len(out.head), len(out.tail), out.length, out.omitted) == (100, 50, 5_000_012, 5_000_012 - 150)
    assert out.head.startswith("first\nxxx")
    assert out.tail.endswith("xx\nlast\n")
    assert f"[... {out.omitted} bytes left out ...]" in out.text


async def test_output_that_is_no_text_is_replaced_not_refused(processes: Processes, tmp_path: Path) -> None:
    assert (await sh(processes, r"printf 'a\377b'", tmp_path)).stdout.text == "a\ufffdb"


async def test_people_see_output_as_it_comes_with_characters_whole(processes: Processes, tmp_path: Path) -> None:
    seen: list[str] = []
    first = asyncio.Event()

    def on_output(text: str) -> None:
        seen.append(text)
        first.set()

    os.mkfifo(tmp_path / "go")
    script = r"printf 'one\303'; read _ < go; printf '\251two' >&1"
    command = Command(argv=processes.shell(script), cwd=str(tmp_path))

    async def let_go_on() -> None:
        await first.wait()
        await asyncio.to_thread((tmp_path / "go").write_text, "\n")

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        group.create_task(let_go_on())
        result = await processes.run(command, on_output)
    assert seen == ["one", "étwo"]
    assert result.stdout.text == "oneétwo"


@pytest.mark.parametrize(
    ("argv", "cwd", "words"),
    [
        (("/no/such/program",), "/", "could not be started: No such file"),
        (("/bin/true",), "/no/such/place", "The directory /no/such/place does not exist"),
        (("/bin/sh", "-c", "a\0b"), "/", "NUL character"),
        (("/bin/sh", "-c", "#" * 200_000), "/", "could not be started: Argument list too long"),
    ],
)
async def test_what_cannot_be_started_says_why(
    processes: Processes, argv: tuple[str, ...], cwd: str, words: str
) -> None:
    with pytest.raises(ToolError, match=words):
        await processes.run(Command(argv=argv, cwd=cwd))


async def test_without_bash_scripts_run_in_sh(tmp_path: Path) -> None:
    assert Processes({"PATH": str(tmp_path)}).shell("x") == ("/bin/sh", "-c", "x")


async def test_many_at_once_do_not_mix(processes: Processes, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(sh(processes, f"echo {n}; exit {n}", tmp_path)) for n in range(20)]
    results = [task.result() for task in tasks]
    assert [(r.exit_code, r.stdout.text) for r in results] == [(n, f"{n}\n") for n in range(20)]
