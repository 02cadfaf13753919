"""What the tools of a task's turn prove and do, as a client reads it in the task's detail (contract 2.7)."""

import asyncio
from typing import Any

import pytest

from codewhale.testing.call_script import calls

requirement = pytest.mark.requirement

GATED = calls(
    ("task_gate_run", {"gate": "test", "command": "seq 1 3; exit 3", "timeout_ms": 5000}),
    ("task_create", {"prompt": "go on", "auto_approve": True, "allow_shell": True, "trust_mode": True}),
)


@requirement("TASKS-GATES")
@requirement("TASKS-NARROWED")
async def test_a_gate_its_log_and_a_task_of_its_own(start: Any) -> None:
    async with start(GATED) as product:
        product.runtime.tasks.start()
        given = {"prompt": "prove it", "allow_shell": True, "auto_approve": True}
        queued = (await product.call("POST", "/v1/tasks", given)).json()
        task = (await product.call("GET", f"/v1/tasks/{queued['id']}?wait=5")).json()
        (gate,) = task["gates"]
        assert gate == {
            "id": f"gate_{gate['log_path'].removeprefix('artifacts/').removesuffix('-gate.log')}",
            "gate": "test",
            "command": "seq 1 3; exit 3",
            "cwd": str(product.workspace.resolve()),
            "exit_code": 3,
            "status": "failed",
            "classification": "test_failure",
            "duration_ms": gate["duration_ms"],
            "summary": "exit code 3, test_failure: 3",
            "recorded_at": gate["recorded_at"],
            "log_path": gate["log_path"],
        }
        (artifact,) = task["artifacts"]
        assert {**artifact, "created_at": ""} == {
            "label": "test gate log",
            "path": gate["log_path"],
            "summary": "6 bytes",
            "created_at": "",
        }
        log = await product.call("GET", f"/v1/tasks/{task['id']}/{gate['log_path']}")
        assert log.json() == {"path": gate["log_path"], "text": "1\n2\n3\n"}
        rows = (await product.call("GET", "/v1/tasks")).json()["tasks"]
        (child,) = [row for row in rows if row["id"] != task["id"]]
        made = (await product.call("GET", f"/v1/tasks/{child['id']}")).json()
        assert (made["origin_thread_id"], made["origin_turn_id"]) == (task["thread_id"], task["turn_id"])
        assert (made["allow_shell"], made["trust_mode"], made["auto_approve"]) == (True, False, True)
        async with asyncio.timeout(5):
            await product.runtime.tasks.cancel(child["id"])
            await product.runtime.tasks.ended(child["id"])
