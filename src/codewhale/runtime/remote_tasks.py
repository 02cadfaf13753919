"""Tasks of another process: `client_tasks.TaskClient` over its HTTP API."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar
from urllib.parse import quote

from codewhale.domain.task_record import TaskRecord, TaskText
from codewhale.domain.tasks import OPEN_TASKS, NewTask, TaskFilter, TaskList

T = TypeVar("T")

PATIENCE = 20
"""Seconds that one request waits for the end of a task before it is asked again."""


class Ask(Protocol):
    """A request of the remote client: method, target, type of the answer, body."""

    def __call__(self, method: str, target: str, answer: type[T], body: object = None) -> Awaitable[T]: ...


class RemoteTasks:
    """The tasks of the server that `ask` reaches."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def add(self, new: NewTask) -> TaskRecord:
        pairs = ((name, getattr(new, name)) for name in new.__struct_fields__)
        return await self._ask(
            "POST", "/v1/tasks", TaskRecord, {name: value for name, value in pairs if value is not None}
        )

    async def listed(self, filter: TaskFilter) -> TaskList:
        given = (("limit", filter.limit), ("workspace", filter.workspace))
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in given if value is not None)
        return await self._ask("GET", f"/v1/tasks?{query}", TaskList)

    async def record(self, name: str) -> TaskRecord:
        return await self._ask("GET", _task(name), TaskRecord)

    async def cancel(self, name: str) -> TaskRecord:
        return await self._ask("POST", _task(name, "/cancel"), TaskRecord)

    async def text(self, name: str, path: str) -> TaskText:
        return await self._ask(
            "GET", _task(name, f"/artifacts/{quote(path.removeprefix('artifacts/'), safe='')}"), TaskText
        )

    async def begun(self, name: str) -> TaskRecord:
        while True:
            record = await self._ask("GET", _task(name, f"?wait={PATIENCE}&until=begun"), TaskRecord)
            if record.status not in OPEN_TASKS or record.turn_id is not None:
                return record

    async def ended(self, name: str) -> TaskRecord:
        while True:
            record = await self._ask("GET", _task(name, f"?wait={PATIENCE}"), TaskRecord)
            if record.status not in OPEN_TASKS:
                return record


def _task(name: str, rest: str = "") -> str:
    return f"/v1/tasks/{quote(name, safe='')}{rest}"
