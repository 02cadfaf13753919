"""Automations through `kill -9`: every due time has exactly one row, and no task runs twice."""

import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from codewhale.domain import events as e
from codewhale.domain.automations import NEVER_RAN, OPEN_OCCURRENCES
from codewhale.domain.laws import violations
from codewhale.domain.ports import SystemClock
from codewhale.store.check import check
from codewhale.store.sqlite import SqliteStore
from codewhale.work.schedule import instant, stamp

BOUND = 30.0
PROGRAM = Path(__file__).with_name("automations_at_speed.py")


def test_every_due_time_has_one_row_and_no_task_runs_twice(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    trials = int(request.config.getoption("--trials") or 12)
    started = time.time()
    chance = random.Random(7)
    command = [sys.executable, str(PROGRAM), str(tmp_path), str(started)]
    for _ in range(trials):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
            assert program.stdout is not None
            assert program.stdout.readline() == b"ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(chance.uniform(0.02, 0.4))
            program.send_signal(signal.SIGKILL)
            program.wait(BOUND)
    done = subprocess.run([*command, "stop"], stdout=subprocess.PIPE, timeout=BOUND, check=True)
    assert done.stdout == b"ready\n"
    store = SqliteStore.open(str(tmp_path / "data"), clock=SystemClock())
    try:
        _audit(store, trials)
    finally:
        store.close()


def _audit(store: SqliteStore, trials: int) -> None:
    events = store.read(None, after=0, limit=1_000_000)
    for stream in {event.thread_id for event in events}:
        assert violations(store.read(stream, after=0, limit=1_000_000)) == []
    assert check(store) == []
    (automation,) = store.automations.all()
    rows = store.automations.occurrences(automation.id, None)
    assert automation.next_run_at is not None
    due: list[str] = []
    at = instant(automation.created_at).replace(second=0, microsecond=0) + timedelta(minutes=1)
    while at < instant(automation.next_run_at):
        due.append(stamp(at))
        at += timedelta(minutes=1)
    assert sorted(row.scheduled_for for row in rows) == due
    assert len(due) > trials
    assert [row for row in rows if row.status in OPEN_OCCURRENCES] == []
    claimed = sorted(row.task_id or "" for row in rows if row.status not in NEVER_RAN)
    changes = [(p.task.id, p.change) for event in events if isinstance(p := event.decode(), e.TaskUpdated)]
    assert sorted(task for task, change in changes if change == "queued") == claimed
    running = [task for task, change in changes if change == "running"]
    assert len(running) == len(set(running))
    threads = [p.thread.task_id for event in events if isinstance(p := event.decode(), e.ThreadStarted)]
    assert len(threads) == len(set(threads))
    assert set(threads) <= set(running)


def test_a_second_process_cannot_claim_at_all(tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), str(tmp_path), str(datetime.now(UTC).timestamp())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as owner:
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == b"ready\n"
            second = subprocess.run(command, capture_output=True, timeout=BOUND, check=False)
            assert second.returncode != 0
            assert b"StoreOwned" in second.stderr
        finally:
            owner.kill()
