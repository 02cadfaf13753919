import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.domain.wishes import R, Wish
from codewhale.tools.exec_shell import TOOLS, ExecShell, run
from codewhale.tools.tool import ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes


class Shell:
    """Runs `exec_shell` in a workspace; `shown` is what people saw."""

    def __init__(self, root: Path) -> None:
        self.shown: list[str] = []
        self.processes = Processes({"PATH": "/usr/local/bin:/usr/bin:/bin"})
        self.context = ToolContext(
            files=Files(str(root)), processes=self.processes, progress=self.shown.append, ask=nobody
        )

    async def __call__(self, command: str, **more: object) -> ToolOutput:
        arguments = ExecShell(command=command, **more)  # pyright: ignore[reportArgumentType]
        async with asyncio.timeout(20):
            return await run(arguments, self.context)


async def nobody(wish: Wish[R]) -> R:
    raise ToolError(f"nobody grants {wish}", category="not_available")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    found = Shell(tmp_path)
    yield found
    found.processes.close()


async def test_an_answer_with_everything_true_in_its_metadata(shell: Shell) -> None:
    output = await shell("echo hi")
    assert output.metadata is not None
    assert output == ToolOutput(
        text="hi",
        metadata={
            "exit_code": 0,
            "status": "completed",
            "signal": None,
            "duration_ms": output.metadata["duration_ms"],
            "sandboxed": False,
            "sandbox_type": None,
            "confined_by": "none",
            "stdout_len": 3,
            "stderr_len": 0,
            "stdout_truncated": False,
            "stderr_truncated": False,
            "stdout_omitted": 0,
            "stderr_omitted": 0,
        },
    )
    assert shell.shown == ["hi\n"]


@pytest.mark.parametrize(
    ("command", "text", "status"),
    [
        ("true", "(no output)", "completed"),
        ("false", "(no output)\n[exit code 1]", "failed"),
        ("echo a; echo b >&2; exit 7", "a\nSTDERR:\nb\n[exit code 7]", "failed"),
        ("echo b >&2", "STDERR:\nb", "completed"),
        ("kill -s ABRT $$", "(no output)\n[ended by SIGABRT]", "killed"),
        (r"printf '\033[31mred\033[0m\rnext\a\n'", "red\nnext", "completed"),
        ("printf 'a\nb\n' |\nwhile read x; do echo \"<$x>\"; done", "<a>\n<b>", "completed"),
    ],
)
async def test_how_an_end_is_told(shell: Shell, command: str, text: str, status: str) -> None:
    output = await shell(command)
    assert output.metadata is not None
    assert (output.text, output.metadata["status"], output.is_error) == (text, status, False)


async def test_a_timeout_is_an_error_that_says_what_to_do(shell: Shell) -> None:
    output = await shell("echo started; exec sleep 300", timeout_ms=200)
    assert output.metadata is not None
    assert (output.is_error, output.metadata["status"], output.metadata["exit_code"]) == (True, "timed_out", None)
    assert output.text == (
        "started\n[stopped after 200 ms, with everything it had started. Give a longer timeout_ms (at most 600000), "
        "a command that ends by itself, or background.]"
    )


async def test_stdin_cwd_and_combined_output(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    output = await shell("cat; pwd -P; echo e >&2", stdin="given\n", cwd="inner", combined_output=True)
    assert output.text == f"given\n{tmp_path}/inner\ne"


@pytest.mark.parametrize(
    "cwd", ["..", "/", "/etc", "out", "inner/../..", "../" * 40 + "tmp", "missing", "file", "a\0b"]
)
async def test_cwd_stays_in_the_workspace(shell: Shell, tmp_path: Path, cwd: str) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "out").symlink_to("/etc")
    with pytest.raises(ToolError):
        await shell("echo ran > /dev/null", cwd=cwd)
    assert shell.shown == []


@pytest.mark.parametrize(
    ("script", "out_kept", "err_kept"),
    [
        ("yes o | head -c 100000", 30_000, 0),
        ("yes e | head -c 100000 >&2", 0, 30_000),
        ("yes o | head -c 100000; yes e | head -c 100000 >&2", 20_000, 10_000),
        ("yes o | head -c 100000; yes e | head -c 500 >&2", 29_500, 500),
        ("yes o | head -c 500; yes e | head -c 100000 >&2", 500, 29_500),
    ],
)
async def test_the_model_gets_30_000_bytes(shell: Shell, script: str, out_kept: int, err_kept: int) -> None:
    text = (await shell(script)).text
    assert abs(text.count("o\n") * 2 - out_kept) < 10
    assert abs(text.count("e\n") * 2 - err_kept) < 10
    assert len(text.encode()) < 30_200
    assert "bytes left out" in text


async def test_people_are_not_flooded(shell: Shell) -> None:
    output = await shell("yes | head -c 3000000")
    shown = "".join(shell.shown)
    assert 256 * 1024 <= len(shown) < 257 * 1024
    assert shown.endswith("not shown live]\n")
    assert output.metadata is not None
    assert (output.metadata["stdout_len"], output.metadata["stdout_truncated"]) == (3_000_000, True)


async def test_keys_do_not_reach_the_command(tmp_path: Path) -> None:
    processes = Processes({"PATH": "/usr/bin:/bin", "DEEPSEEK_API_KEY": "canary", "X_TOKEN": "canary"})
    context = ToolContext(files=Files(str(tmp_path)), processes=processes, progress=list[str]().append, ask=nobody)
    output = await run(ExecShell(command="env; cat /proc/self/environ"), context)
    processes.close()
    assert "canary" not in output.text


def test_an_approval_shows_the_whole_command_on_one_line() -> None:
    describe = TOOLS[0].describe
    assert describe is not None
    shown = [
        describe(ExecShell(command="make test")),
        describe(ExecShell(command="ls é", cwd="src")),
        describe(ExecShell(command="true\n\x1b[2Krm x", cwd="a\x1b[2K")),
    ]
    assert shown == ["Run: make test", "Run in src: ls é", r"Run in a: true\n\x1b[2Krm x"]
