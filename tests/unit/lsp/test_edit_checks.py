"""What the model is told of an edit: only what the edit changed, only what is about the present text, and in time."""

import asyncio
import os
from pathlib import Path

import pytest

from codewhale.testing.edit_turn import said, scripted, turn
from codewhale.workspace.lsp.findings import Shown

HONEST = ["push", "unversioned", "pull", "dynamic", "many", "backwards"]
ONE = '<diagnostics file="a.txt">\nERROR [2:5] bad &lt;word&gt; in line\n</diagnostics>'


@pytest.mark.parametrize("behaviour", HONEST)
async def test_an_edit_is_told_what_it_broke_and_nothing_that_was_broken_before(
    workspace: Path, behaviour: str
) -> None:
    (workspace / "a.txt").write_text("BAD old\nfine\n")
    async with turn(workspace, scripted(behaviour)) as now:
        assert said(await now.edit(a="BAD old\nnew BAD\n")) == ONE
        assert said(await now.edit(a="line before\nBAD old\nnew BAD\n")) == ""
        [report] = await now.edit(a="nothing\n")
        assert (report.found, report.gone) == ((), 2)
        assert now.said == []


async def test_a_new_file_and_one_that_goes(workspace: Path) -> None:
    async with turn(workspace, scripted("push")) as now:
        assert said(await now.edit(a="ok\nnew BAD\n")) == ONE
        [report] = await now.edit(a=None)
        assert (report.found, report.gone) == ((), 1)
        assert said(await now.edit(a="ok\nnew BAD\n")) == ONE


async def test_several_files_of_one_edit(workspace: Path) -> None:
    (workspace / "a.txt").write_text("ok\n")
    async with turn(workspace, scripted("push")) as now:
        reports = await now.edit(a="ok\nnew BAD\n", b="BAD\n", c="fine\n")
        assert (
            said(reports) == ONE + '\n<diagnostics file="b.txt">\nERROR [1:1] bad &lt;word&gt; in line\n</diagnostics>'
        )
        assert [report.name for report in reports] == ["a.txt", "b.txt", "c.txt"]


async def test_warnings_are_told_when_wished_for_and_lines_are_few(workspace: Path) -> None:
    async with turn(workspace, scripted("push")) as now:
        [report] = await now.edit(a="DUBIOUS\nBAD\nBAD again\n")
    assert report.element(Shown(most=2, warnings=True)).splitlines()[1:-1] == [
        "ERROR [2:1] bad &lt;word&gt; in line",
        "ERROR [3:1] bad &lt;word&gt; in line",
        "... and 1 more",
    ]
    assert report.metadata(Shown()) == {"path": "a.txt", "brought": 2, "gone": 0, "pending": False}


async def test_what_a_command_changed_meanwhile_is_known_and_not_blamed_on_the_edit(workspace: Path) -> None:
    async with turn(workspace, scripted("push", str(workspace.parent / "log"))) as now:
        await now.edit(a="one\n", b="two\n")
        (workspace / "a.txt").write_text("BAD by a command\n")
        (workspace / "b.txt").write_text("two, by a command\n")
        assert said(await now.edit(a="BAD by a command\nnew BAD\n")) == ONE
    assert "b.txt 2 'two, by a command\\n'" in (workspace.parent / "log").read_text()


async def test_a_result_about_an_older_text_is_never_told(workspace: Path) -> None:
    (workspace / "a.txt").write_text("BAD\n")
    async with turn(workspace, scripted("stale", wait_ms=300)) as now:
        [report] = await now.edit(a="fine\n")
        assert report.pending
        assert "pending" in said([report])
        assert now.came_late.empty()


async def test_a_late_result_is_told_when_it_comes(workspace: Path) -> None:
    pipe = workspace.parent / "pipe"
    os.mkfifo(pipe)
    (workspace / "a.txt").write_text("ok\n")
    async with turn(workspace, scripted("late", str(pipe), wait_ms=1000)) as now:
        [report] = await now.edit(a="ok\nnew BAD\n")
        assert report.pending
        await asyncio.to_thread(lambda: pipe.open("w").close())
        assert said(await now.came_late.get()) == ONE


async def test_a_late_result_comes_with_the_next_edit_compared_with_what_was_before_both(workspace: Path) -> None:
    pipe = workspace.parent / "pipe"
    os.mkfifo(pipe)
    (workspace / "a.txt").write_text("BAD old\n")
    async with turn(workspace, scripted("late", str(pipe), wait_ms=1000)) as now:
        [first] = await now.edit(a="BAD old\nnew BAD\n")
        assert first.pending
        end = os.open(pipe, os.O_RDWR)  # from now on the pipe opens at once
        try:
            assert said(await now.edit(a="BAD old\nnew BAD\nthird\n")) == ONE
        finally:
            os.close(end)
        assert now.came_late.empty()


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("huge", "it sent a message of 99,999,999,999 bytes; up to 4,194,304 are read"),
        ("garbage", "it sent something that is not JSON-RPC"),
        ("floods", "it sent more than 16,777,216 bytes unasked"),
        ("always_dies", "it ended"),
        ("nonsense", "it sent something that is not a message of the protocol"),
    ],
)
async def test_a_broken_server_is_ended_and_said_once_and_the_edit_stays(
    workspace: Path, behaviour: str, why: str
) -> None:
    (workspace / "a.txt").write_text("ok\n")
    async with turn(workspace, scripted(behaviour)) as now:
        assert await now.edit(a="new BAD\n") == []
        assert await now.edit(a="newer BAD\n") == []
        assert await now.edit(a="newest BAD\n") == []
        assert len(now.said) == 2
        assert now.said[0].startswith(f"The language server for text was of no use: {why}")
        assert "started 3 times" in now.said[1]


async def test_a_server_that_dies_is_started_again_and_asked_again(workspace: Path) -> None:
    (workspace / "a.txt").write_text("ok\n")
    async with turn(workspace, scripted("dies", str(workspace.parent / "died"))) as now:
        assert said(await now.edit(a="ok\nnew BAD\n")) == ONE
        assert now.said == []


async def test_a_server_that_never_answers_keeps_nobody_longer_than_the_wait(workspace: Path) -> None:
    async with turn(workspace, scripted("mute", wait_ms=100)) as now:
        [report] = await now.edit(a="BAD\n")
        assert report.pending


async def test_a_server_that_is_not_there_is_said_once(workspace: Path) -> None:
    async with turn(workspace, scripted("push")) as now:
        (workspace / "x.go").write_text("package x\n")
        for _ in range(2):
            await now.checks.begin(["x.go"])
            assert await now.checks.finish(edited=True) == []
    assert [line.split(",")[0] for line in now.said] in ([], ["There is no gopls outside the workspace"])


async def test_an_edit_that_was_not_made_is_not_checked(workspace: Path) -> None:
    (workspace / "a.txt").write_text("ok\n")
    async with turn(workspace, scripted("push")) as now:
        await now.checks.begin(["a.txt"])
        assert await now.checks.finish(edited=False) == []
        assert said(await now.edit(a="ok\nnew BAD\n")) == ONE


async def test_a_big_file_is_not_checked_and_that_is_said(workspace: Path) -> None:
    (workspace / "a.txt").write_text("x" * (1024 * 1024 + 1))
    async with turn(workspace, scripted("push")) as now:
        assert said(await now.edit(a="BAD\n")) == (
            '<diagnostics file="a.txt">\n(not checked: larger than 1,048,576 bytes)\n</diagnostics>'
        )


async def test_a_server_that_may_run_code_of_the_project_needs_a_sandbox_or_trust(workspace: Path) -> None:
    async with turn(workspace, scripted("push"), trusted=False) as now:
        assert await now.edit(a="BAD\n") == []
        [said_once] = now.said
        assert "there is no sandbox here to hold it, so text edits are not checked" in said_once
        assert now.servers.states() == []
