"""The laws of background processes on a thread's stream, and the store that refuses what breaks them."""

import pytest
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.errors import StoreError
from codewhale.domain.laws import violations
from codewhale.domain.processes import Process, ProcessEnd, ProcessStatus, status_of
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds
from codewhale.testing.scribe import Scribe

NOW = "2026-01-31T10:00:00.000Z"


def made(thread_id: str, status: ProcessStatus = "running") -> Process:
    return Process(
        id="proc_1",
        thread_id=thread_id,
        turn_id="turn_1",
        item_id="item_1",
        command="make",
        cwd="/work",
        confined_by="none",
        status=status,
        started_at=NOW,
        log_path="/nowhere",
        pid=2,
        supervisor_pid=1,
    )


def happened(*changes: str) -> list[e.NewEvent]:
    """A thread, then what happened to its process."""
    scribe = Scribe(ManualClock(), SequentialIds())
    thread_id = scribe.thread.id
    payloads: dict[str, e.Payload] = {
        "started": e.ProcessStarted(process=made(thread_id)),
        "ended": e.ProcessEnded(process=made(thread_id, "completed")),
        "told": e.ProcessTold(process_id="proc_1"),
    }
    made_of = [e.NewEvent(timestamp=NOW, thread_id=thread_id, payload=payloads[change]) for change in changes]
    return [*scribe.start(), *made_of]


def broken(*changes: str) -> list[str]:
    return violations(e.recorded(number, new) for number, new in enumerate(happened(*changes), 1))


def test_a_process_starts_ends_and_is_told_of() -> None:
    assert broken("started", "ended", "told") == []
    assert broken("started") == []


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        (("ended",), "without a start"),
        (("started", "started"), "again"),
        (("started", "ended", "ended"), "ended twice"),
        (("started", "told"), "told before there was one"),
        (("started", "ended", "told", "told"), "told twice"),
    ],
)
async def test_whatever_else_is_against_the_law_and_refused(changes: tuple[str, ...], law: str) -> None:
    found = broken(*changes)
    assert len(found) == 1
    assert law in found[0]
    store = SqliteStore.in_memory()
    *before, last = happened(*changes)
    await store.append(before)
    with pytest.raises(StoreError):
        await store.append([last])
    store.close()


async def test_the_read_model_follows() -> None:
    store = SqliteStore.in_memory()
    first, started, ended, told = happened("started", "ended", "told")
    await store.append([first, started])
    thread_id = first.thread_id
    assert [one.status for one in store.processes.open()] == ["running"]
    await store.append([ended])
    assert store.processes.open() == []
    assert store.processes.untold(thread_id) == store.processes.untold() == [made(thread_id, "completed")]
    await store.append([told])
    assert store.processes.untold() == []
    assert store.processes.of_thread(thread_id) == [store.processes.get("proc_1")]
    store.close()


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (ProcessEnd(cause="exited", exit_code=0), "completed"),
        (ProcessEnd(cause="exited", exit_code=1), "failed"),
        (ProcessEnd(cause="timeout", signal=15), "killed"),
        (ProcessEnd(cause="not_started", error="no such file"), "failed"),
        (ProcessEnd(cause="unknown"), "lost"),
    ],
)
def test_an_end_has_a_status(end: ProcessEnd, status: str) -> None:
    assert status_of(end) == status
    assert replace(end, output_bytes=1).cause == end.cause
