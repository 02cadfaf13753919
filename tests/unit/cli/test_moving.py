"""`codewhale import` and `codewhale export`: there, back, and never behind a server's back."""

import json
from pathlib import Path
from typing import Any

from codewhale.domain.ports import SystemClock
from codewhale.store.sqlite import SqliteStore

SESSION = {
    "schema_version": 1,
    "metadata": {
        "id": "old-1",
        "title": "Old talk",
        "created_at": "2025-11-03T10:00:00Z",
        "updated_at": "2025-11-03T10:00:00Z",
        "model": "m",
        "workspace": "/w",
    },
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
}


def old_home(path: Path) -> str:
    (path / "sessions").mkdir(parents=True)
    (path / "sessions" / "old-1.json").write_text(json.dumps(SESSION))
    return str(path)


def test_a_dry_run_makes_no_store(codewhale: Any, home: Path, tmp_path: Path) -> None:
    ran = codewhale("import", old_home(tmp_path / "old"), "--dry-run")
    assert (ran.code, ran.out, ran.err) == (0, "Would take: 1 session, 1 turn, 2 items.\n", "")
    assert not list(tmp_path.rglob("log.sqlite3"))


def test_there_and_back(codewhale: Any, home: Path, tmp_path: Path) -> None:
    old = old_home(tmp_path / "old")
    assert codewhale("import", old).out == "Took: 1 session, 1 turn, 2 items.\n"
    assert codewhale("import", old).out == "Took: nothing.\nAlready here: 1 session.\n"
    assert "> hi\n\nhello" in codewhale("threads", "show", "old").out
    out = str(tmp_path / "out")
    assert codewhale("export", "--layout", "files", out).out == (
        f"Wrote 1 threads (1 turns, 2 items, 7 events), 1 sessions, 0 tasks and 0 automations to {out}.\n"
    )
    refused = codewhale("export", out)
    assert (refused.code, "is not empty" in refused.err) == (1, True)


def test_tasks_and_automations_are_exported_too(codewhale: Any, home: Path, tmp_path: Path) -> None:
    task = codewhale("task", "add", "sweep the floor").out.strip()
    automation = codewhale("automation", "add", "--name", "n", "--cron", "0 9 * * MON", "look").out.strip()
    run = json.loads(codewhale("automation", "run", automation, "--json").out)
    out = tmp_path / "out"
    assert "2 tasks and 1 automations" in codewhale("export", str(out)).out
    kept = json.loads((out / "tasks" / "tasks" / f"{task}.json").read_text())
    assert (kept["id"], kept["prompt"], kept["status"]) == (task, "sweep the floor", "queued")
    assert sorted(json.loads((out / "tasks" / "queue.json").read_text())["queue"]) == sorted([task, run["task_id"]])
    rule = json.loads((out / "automations" / "automations" / f"{automation}.json").read_text())
    assert (rule["id"], rule["rrule"]) == (automation, "FREQ=CRON;EXPR=0 9 * * MON")
    row = json.loads((out / "automations" / "runs" / automation / f"{run['id']}.json").read_text())
    assert (row["id"], row["task_id"]) == (run["id"], run["task_id"])


def test_what_cannot_be_read_is_listed_and_the_exit_code_says_so(codewhale: Any, home: Path, tmp_path: Path) -> None:
    old = old_home(tmp_path / "old")
    (tmp_path / "old" / "sessions" / "torn.json").write_text("{")
    ran = codewhale("import", old)
    assert ran.code == 1
    assert ran.out == (
        "Took: 1 session, 1 turn, 2 items.\n\nCould not be read (1):\n"
        "  sessions/torn.json: is not valid JSON: Input data was truncated\n"
    )
    report = json.loads(codewhale("import", old, "--json").out)
    assert (report["taken"], report["known"], report["problem_count"]) == ({}, {"sessions": 1}, 1)


def test_a_directory_in_use_is_left_alone(codewhale: Any, home: Path, tmp_path: Path) -> None:
    owned = home / "tasks" / "runtime"
    store = SqliteStore.open(str(owned), clock=SystemClock(), what="serve")
    try:
        for words in (("import", old_home(tmp_path / "old")), ("export", str(tmp_path / "out"))):
            ran = codewhale(*words)
            assert (ran.code, "is in use by process" in ran.err, "stop it first" in ran.err) == (1, True, True)
    finally:
        store.close()


def test_a_directory_that_is_not_there_is_an_error(codewhale: Any, home: Path) -> None:
    ran = codewhale("import", "/nowhere/at/all")
    assert (ran.code, ran.err.splitlines()[0]) == (1, "error: there is no directory /nowhere/at/all")
