"""Old data directories, written by hand from the tables of the contract, and stores to import them into."""

import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from codewhale.domain.laws import violations
from codewhale.runtime.importing.directory import Importer, Missing
from codewhale.runtime.importing.report import Report
from codewhale.store.check import check
from codewhale.store.sqlite import SqliteStore
from codewhale.testing.clocks import ManualClock, SequentialIds

T0 = "2025-11-03T10:00:00.000000123Z"
T1 = "2025-11-03T10:00:05.5Z"
THREAD: dict[str, Any] = {
    "schema_version": 2,
    "id": "thr_aaaa1111",
    "created_at": T0,
    "updated_at": T1,
    "model": "deepseek-v4-pro",
    "workspace": "/w",
    "mode": "agent",
    "allow_shell": True,
    "trust_mode": False,
    "auto_approve": False,
    "latest_turn_id": "turn_bbbb2222",
    "archived": False,
    "coherence_state": "healthy",
}
TURN: dict[str, Any] = {
    "schema_version": 2,
    "id": "turn_bbbb2222",
    "thread_id": "thr_aaaa1111",
    "status": "completed",
    "input_summary": "list files",
    "created_at": T0,
    "started_at": T0,
    "ended_at": T1,
    "duration_ms": 5500,
    "usage": {"input_tokens": 900, "output_tokens": 40, "server_tool_use": {}},
    "item_ids": ["item_0001", "item_0002", "item_0003", "item_0004"],
    "steer_count": 0,
}


def item(number: int, kind: str, detail: str | None, **more: Any) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "id": f"item_{number:04}",
        "turn_id": "turn_bbbb2222",
        "kind": kind,
        "status": "completed",
        "summary": (detail or "")[:280],
        "detail": detail,
        "artifact_refs": [],
        "started_at": T0,
        "ended_at": T0,
        **more,
    }


ITEMS = [
    item(1, "user_message", "list files"),
    item(2, "agent_reasoning", "I should run ls"),
    item(3, "command_execution", "README.md\n", summary="exec_shell: README.md", metadata={"exit_code": 0}),
    item(4, "agent_message", "There is one file"),
]
TOOL = {"id": "call_77", "name": "exec_shell", "input": {"command": "ls"}}
EVENTS = [
    {"seq": 2, "turn_id": "turn_bbbb2222", "event": "turn.started", "payload": {"turn": TURN}},
    {"seq": 9, "turn_id": "turn_bbbb2222", "item_id": "item_0003", "event": "item.started", "payload": {"tool": TOOL}},
    {
        "seq": 15,
        "turn_id": "turn_bbbb2222",
        "item_id": "item_0004",
        "event": "item.delta",
        "payload": {"delta": "There is ", "kind": "agent_message"},
    },
    {
        "seq": 16,
        "turn_id": "turn_bbbb2222",
        "item_id": "item_0004",
        "event": "item.delta",
        "payload": {"delta": "one file", "kind": "agent_message"},
    },
]
SESSION: dict[str, Any] = {
    "schema_version": 1,
    "metadata": {
        "id": "5f0c9f9e-0000-4000-8000-000000000001",
        "title": "Größe ändern",
        "created_at": T0,
        "updated_at": T1,
        "message_count": 4,
        "total_tokens": 1234,
        "model": "deepseek-chat",
        "workspace": "/elsewhere",
        "mode": None,
        "cost": {"session_cost_usd": 0.25, "session_cost_cny": 1.8},
        "parent_session_id": "older",
    },
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "fix it"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "é" * 300},
                {"type": "tool_use", "id": "toolu_1", "name": "edit_file", "input": {"path": "a"}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "edited"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "done"}]},
    ],
    "system_prompt": "The old long prompt.",
}


class Old:
    """An old data directory in the making."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtime = root / "tasks" / "runtime"
        for folder in ("threads", "turns", "items", "events"):
            (self.runtime / folder).mkdir(parents=True)

    def write(self, path: str, content: Any) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")

    def thread(self, changes: dict[str, Any] | None = None) -> None:
        """The worked example of the contract, as it was on disk."""
        thread = {**THREAD, **(changes or {})}
        self.put("threads", thread)
        self.put("turns", TURN)
        for one in ITEMS:
            self.put("items", one)
        lines = [json.dumps({"schema_version": 2, "timestamp": T0, "thread_id": thread["id"], **e}) for e in EVENTS]
        self.write(f"tasks/runtime/events/{thread['id']}.jsonl", "\n".join(lines) + "\n")

    def put(self, folder: str, record: dict[str, Any]) -> None:
        self.write(f"tasks/runtime/{folder}/{record['id']}.json", record)

    def session(self, changes: dict[str, Any] | None = None) -> str:
        session = {**SESSION, **(changes or {})}
        self.write(f"sessions/{session['metadata']['id']}.json", session)
        return session["metadata"]["id"]


Import = Callable[..., Awaitable[Report]]


@pytest.fixture
def old(tmp_path: Path) -> Old:
    return Old(tmp_path / "old")


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    opened = SqliteStore.in_memory()
    yield opened
    assert check(opened) == []
    by_stream: dict[str, list[Any]] = {}
    for event in opened.read(None, after=0, limit=100_000):
        by_stream.setdefault(event.thread_id, []).append(event)
    assert [broken for events in by_stream.values() for broken in violations(events)] == []
    opened.close()


@pytest.fixture
def imported(store: SqliteStore, old: Old) -> Import:
    ids = SequentialIds()

    async def run(directory: Path | None = None, *, dry_run: bool = False) -> Report:
        importer = Importer(store, ManualClock(), ids, defaults=Missing(model="m", timezone="UTC"), dry_run=dry_run)
        return await importer.run(str(directory or old.root))

    return run
