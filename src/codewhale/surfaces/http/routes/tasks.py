"""Background tasks: list, queue, look at, read their texts, cancel (runtime-contract §1.4, 22-25)."""

import asyncio

from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.task_record import TaskRecord, TaskText
from codewhale.domain.tasks import NewTask, TaskFilter, TaskList
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get, post, with_body
from codewhale.surfaces.http.exchange import Call, Reply, json_reply
from codewhale.surfaces.http.ids import SHOWN

LONGEST_WAIT = 60
"""Seconds that a request may wait for the end of a task."""


async def list_tasks(call: Call) -> Reply:
    """Tasks, newest first, and how many there are in each status."""
    return json_reply(
        await call.client.tasks.listed(TaskFilter(limit=call.uint("limit"), workspace=call.text("workspace")))
    )


async def create_task(call: Call, new: NewTask) -> Reply:
    """A task at the end of the queue."""
    return json_reply(await call.client.tasks.add(new), 201)


async def get_task(call: Call) -> Reply:
    """The task; with `wait` as soon as it has come so far, or as it is when that time is over."""
    name = _name(call)
    until = call.text("until") or "ended"
    if until not in ("begun", "ended"):
        raise InvalidInput("until must be begun or ended")
    wait = min(call.uint("wait") or 0, LONGEST_WAIT)
    if wait:
        patience = asyncio.timeout(wait)
        try:
            async with patience:
                tasks = call.client.tasks
                return json_reply(await (tasks.begun(name) if until == "begun" else tasks.ended(name)))
        except TimeoutError:
            if not patience.expired():
                raise
    return json_reply(await call.client.tasks.record(name))


async def get_task_text(call: Call) -> Reply:
    """A text that a `detail_path`, `result_detail_path` or `patch_ref` of the record names."""
    return json_reply(await call.client.tasks.text(_name(call), call.path["name"]))


async def cancel_task(call: Call) -> Reply:
    """Cancel: at once when queued, by asking when running, without effect when over."""
    return json_reply(await call.client.tasks.cancel(_name(call)))


def _name(call: Call) -> str:
    """The id of the path, or a beginning of one."""
    given = call.path["id"]
    if len(given) > SHOWN:
        raise NotFound(f"Task not found: {given[:SHOWN]}")
    return given


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/tasks",
        list_tasks,
        Spec(
            doc="List tasks, newest first, with counts over all tasks.",
            answer=TaskList,
            params=(
                Param("limit", "uint", "At most so many; absent is all."),
                Param("workspace", "text", "Only tasks of this workspace."),
            ),
        ),
    ),
    with_body(
        "POST",
        "/v1/tasks",
        NewTask,
        create_task,
        Spec(doc="Queue a task.", status=201, answer=TaskRecord, errors=(400,)),
    ),
    get(
        "/v1/tasks/{id}",
        get_task,
        Spec(
            doc="A task with all that happened in it. The id may be cut short as long as it is unique.",
            answer=TaskRecord,
            params=(
                Param(
                    "wait", "uint", f"Seconds to wait for it to come so far as `until` says, at most {LONGEST_WAIT}."
                ),
                Param("until", "text", "`begun` (it has a turn) or `ended`; `ended` when absent."),
            ),
            errors=(400, 404),
        ),
    ),
    get(
        "/v1/tasks/{id}/artifacts/{name}",
        get_task_text,
        Spec(doc="A long text of a task, whole.", answer=TaskText, errors=(400, 404)),
    ),
    post(
        "/v1/tasks/{id}/cancel",
        cancel_task,
        Spec(doc="Cancel a task.", answer=TaskRecord, errors=(400, 404)),
    ),
)
