"""Our store as the files of the system that the published contract comes from: what `importing` reads, it reads again.

Threads, turns, items, event logs, sessions, tasks, automations and their runs; into an empty directory only, and readable
by its owner alone.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec
from msgspec import Struct

from codewhale.domain.errors import InvalidInput, StoreUnwritable
from codewhale.domain.events import INTERNAL, Event
from codewhale.domain.records import SCHEMA_VERSION, Item, Thread
from codewhale.domain.session_messages import Block, ThinkingBlock, session_messages
from codewhale.domain.sessions import metadata
from codewhale.domain.tasks import TaskFilter
from codewhale.domain.views import ThreadFilter
from codewhale.runtime.client_automations import AutomationClient
from codewhale.runtime.client_tasks import TaskClient
from codewhale.store.port import Store

SESSION_VERSION = 1
BATCH = 512

_FOLDERS = ("threads", "turns", "items", "events")


class Exported(Struct, kw_only=True):
    """How much was written."""

    threads: int = 0
    turns: int = 0
    items: int = 0
    events: int = 0
    sessions: int = 0
    tasks: int = 0
    automations: int = 0


class _Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an event log."""

    schema_version: int
    seq: int
    timestamp: str
    thread_id: str
    event: str
    payload: msgspec.Raw
    turn_id: str | None = None
    item_id: str | None = None


def export_files(store: Store, directory: str) -> Exported:
    """Write all that was said. `InvalidInput` when the directory has something in it, `StoreUnwritable` when the disk
    refuses."""
    runtime = os.path.join(directory, "tasks", "runtime")
    done = Exported()
    with _writing(directory):
        _prepare(directory, runtime)
        for thread in store.threads(ThreadFilter(include_archived=True)):
            _thread(store, thread, runtime, done)
            _session(store, thread.id, directory, done)
        state = {"schema_version": SCHEMA_VERSION, "next_seq": store.latest_seq + 1}
        _write(os.path.join(runtime, "state.json"), state)
    return done


async def export_tasks(tasks: TaskClient, directory: str, done: Exported) -> None:
    """Add the records of all tasks and the queue to what `export_files` wrote."""
    rows = (await tasks.listed(TaskFilter())).tasks
    folder = os.path.join(directory, "tasks", "tasks")
    with _writing(directory):
        os.mkdir(folder, 0o700)
        for row in rows:
            _write(os.path.join(folder, f"{row.id}.json"), await tasks.record(row.id))
        queue = [row.id for row in reversed(rows) if row.status == "queued"]
        _write(os.path.join(directory, "tasks", "queue.json"), {"queue": queue})
    done.tasks = len(rows)


async def export_automations(automations: AutomationClient, directory: str, done: Exported) -> None:
    """Add all automations and the rows of their ledgers to what `export_files` wrote."""
    found = await automations.listed()
    records, runs = (os.path.join(directory, "automations", part) for part in ("automations", "runs"))
    with _writing(directory):
        for folder in (os.path.dirname(records), records, runs):
            os.mkdir(folder, 0o700)
        for automation in found:
            _write(os.path.join(records, f"{automation.id}.json"), automation)
            os.mkdir(os.path.join(runs, automation.id), 0o700)
            for run in await automations.runs(automation.id, None):
                _write(os.path.join(runs, automation.id, f"{run.id}.json"), run)
    done.automations = len(found)


@contextmanager
def _writing(directory: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnwritable(
            f"could not write to {directory}: {error.strerror or error}",
            hint="choose another directory, or free some space",
        ) from error


def _prepare(directory: str, runtime: str) -> None:
    os.makedirs(directory, mode=0o700, exist_ok=True)
    if os.listdir(directory):
        raise InvalidInput(
            f"{directory} is not empty", hint="export into a new or empty directory: nothing is overwritten"
        )
    tasks = os.path.dirname(runtime)
    for folder in (os.path.join(directory, "sessions"), tasks, runtime, *(os.path.join(runtime, n) for n in _FOLDERS)):
        os.mkdir(folder, 0o700)


def _thread(store: Store, thread: Thread, runtime: str, done: Exported) -> None:
    snapshot = store.snapshot(thread.id)
    if snapshot is None:
        return
    _write(os.path.join(runtime, "threads", f"{thread.id}.json"), snapshot.thread)
    for turn in snapshot.turns:
        _write(os.path.join(runtime, "turns", f"{turn.id}.json"), turn)
    for item in snapshot.items:
        _write(os.path.join(runtime, "items", f"{item.id}.json"), item)
    with _created(os.path.join(runtime, "events", f"{thread.id}.jsonl")) as file:
        for event in _events(store, thread.id):
            file.write(msgspec.json.encode(_line(event)) + b"\n")
            done.events += 1
    done.threads += 1
    done.turns += len(snapshot.turns)
    done.items += len(snapshot.items)


def _session(store: Store, thread_id: str, directory: str, done: Exported) -> None:
    """The session's file; a deleted session has none."""
    row = store.sessions.get(thread_id)
    if row is None:
        return
    origin = row.thread.origin
    saved = {
        "schema_version": SESSION_VERSION,
        "metadata": metadata(row),
        "messages": _messages(store.items(thread_id)),
        "system_prompt": row.thread.system_prompt or (origin.system_prompt if origin is not None else None),
    }
    _write(os.path.join(directory, "sessions", f"{thread_id}.json"), saved)
    done.sessions += 1


def _messages(items: list[Item]) -> list[dict[str, object]]:
    return [
        {"role": message.role, "content": [_block(block) for block in message.content]}
        for message in session_messages(items)
    ]


def _block(block: Block) -> object:
    return {"type": "thinking", "thinking": block.text} if isinstance(block, ThinkingBlock) else block


def _events(store: Store, thread_id: str) -> Iterator[Event]:
    after = 0
    while batch := store.read(thread_id, after=after, limit=BATCH):
        yield from (event for event in batch if event.event not in INTERNAL)
        after = batch[-1].seq


def _line(event: Event) -> _Line:
    return _Line(
        schema_version=SCHEMA_VERSION,
        seq=event.seq,
        timestamp=event.timestamp,
        thread_id=event.thread_id,
        turn_id=event.turn_id,
        item_id=event.item_id,
        event=event.event,
        payload=event.payload,
    )


def _write(path: str, value: object) -> None:
    with _created(path) as file:
        file.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")


def _created(path: str) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")
