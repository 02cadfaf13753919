"""`codewhale processes` over folders, without any process: what lies there is told, what is not there is said."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from codewhale.domain.processes import Process, ProcessEnd
from codewhale.surfaces.cli import present
from codewhale.surfaces.cli.present import Progress
from codewhale.testing.turn_script import TurnScript
from codewhale.workspace.background.shelf import put

if TYPE_CHECKING:
    from conftest import Codewhale


def lay(home: Path, name: str, end: ProcessEnd | None, said: bytes = b"") -> Process:
    """A process of the past in the data directory."""
    folder = home / "tasks" / "runtime" / "processes" / name
    (folder / "log").mkdir(parents=True)
    (folder / "log" / f"{0:020d}").write_bytes(said)
    record = Process(
        id=name,
        thread_id="thr_1",
        turn_id="turn_1",
        item_id="item_1",
        command="make\n  all",
        cwd="/work",
        confined_by="bubblewrap",
        status="running",
        started_at="2026-01-31T10:00:00.000Z",
        log_path=str(folder),
        pid=1,
        supervisor_pid=1,
        supervisor_began="never",
    )
    put(record)
    if end is not None:
        (folder / "end.json").write_bytes(msgspec.json.encode(end))
    return record


def test_nothing_runs_where_nothing_was_started(codewhale: "Codewhale") -> None:
    assert codewhale("processes", "list").out == "No background processes.\n"


def test_those_that_have_ended_are_listed_on_request(home: Path, codewhale: "Codewhale") -> None:
    lay(home, "proc_a", ProcessEnd(cause="exited", exit_code=2))
    lay(home, "proc_b", None)
    assert codewhale("processes", "list").out == "No background processes.\n"
    assert codewhale("processes", "list", "--all").out == (
        "proc_a  2026-01-31T10:00:00Z  exit code 2\n"
        "    make all\n"
        "    in /work, confined by bubblewrap, thread thr_1\n"
        "proc_b  2026-01-31T10:00:00Z  lost: nobody saw its end, and what was left of it was killed\n"
        "    make all\n"
        "    in /work, confined by bubblewrap, thread thr_1\n"
    )


def test_logs_are_plain_text(home: Path, codewhale: "Codewhale") -> None:
    lay(home, "proc_a", ProcessEnd(cause="exited", exit_code=0), b"\x1b[31mred\x1b[0m\n")
    assert codewhale("processes", "logs", "proc").out == "red\n"


def test_what_has_ended_needs_no_end(home: Path, codewhale: "Codewhale") -> None:
    lay(home, "proc_a", ProcessEnd(cause="timeout", signal=15))
    done = codewhale("processes", "cancel", "proc_a")
    assert (done.code, done.out) == (0, "proc_a: ended by SIGTERM; its time was over\n")


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("logs", "nothing"), 1, "Process not found: nothing"),
        (("logs", "proc"), 1, "matches 2 processes"),
        (("cancel",), 2, "needs the id"),
        (("list", "proc_a"), 2, "takes no id"),
    ],
)
def test_a_wrong_name_is_told(home: Path, codewhale: "Codewhale", words: tuple[str, ...], code: int, told: str) -> None:
    lay(home, "proc_a", ProcessEnd(cause="exited", exit_code=0))
    lay(home, "proc_b", ProcessEnd(cause="exited", exit_code=0))
    done = codewhale("processes", *words)
    assert done.code == code
    assert told in done.err


@pytest.mark.parametrize(("alone", "said"), [(True, "stopped with this command"), (False, "still running")])
def test_the_end_of_a_turn_names_what_is_left_running(alone: bool, said: str) -> None:
    script = TurnScript()
    for name in ("a", "b"):
        script.called(name, "exec_shell", {"command": "x"})
        script.returned(
            name, "Started.", task_id=f"proc_{name}", command=f"run {name}", backgrounded=True, status="running"
        )
    script.called("c", "exec_shell_wait", {"task_id": "proc_b"})
    script.returned("c", "over", task_id="proc_b", status="completed")
    script.ended()
    progress = Progress(thread_id="thr_1", turn_id="turn_1", alone=alone)
    notes = [piece.text for event in script.events for piece in present.text(progress, event)]
    left = [note for note in notes if "proc_" in note]
    assert len(left) == 1
    assert left[0].startswith(f"· {said}: proc_a  run a")


def test_the_folder_of_the_tests_is_private(home: Path) -> None:
    record = lay(home, "proc_a", None)
    assert os.stat(os.path.join(record.log_path, "process.json")).st_mode & 0o077 == 0
