"""Background tasks for the turns that ask for them: those of their own workspace, or that their thread queued."""

import asyncio

from msgspec.structs import replace

from codewhale.domain.errors import InvalidInput, NotFound, ToolError
from codewhale.domain.kept_outputs import kept_texts
from codewhale.domain.task_record import Attempt, TaskRecord
from codewhale.domain.task_wishes import CancelTask, ListAttempts, ListTasks, OwnTask, QueueTask, ReadPatch, ReadTask
from codewhale.domain.tasks import OPEN_TASKS, TaskFilter, TaskList, TaskOrigin
from codewhale.domain.wishes import Origin
from codewhale.runtime.authority import check_place, handed_on, is_here, posture_of_turn
from codewhale.runtime.runtime import Runtime
from codewhale.work.tasks_record import ROOT
from codewhale.work.tasks_updates import Updates, take_updates

MOST_OPEN = 64
"""Tasks that may wait or run when a turn queues one more: a turn that queues turns must come to an end."""


async def own(wish: OwnTask, origin: Origin, runtime: Runtime) -> str | None:
    """The task while its turn is under way; what its thread does later is not of the task."""
    del wish
    task_id = runtime.resident(origin.thread_id).thread.task_id
    task = await asyncio.to_thread(runtime.store.tasks.get, task_id) if task_id is not None else None
    if task is None or task.status not in OPEN_TASKS or task.turn_id not in (None, origin.turn_id):
        return None
    return task.id


async def queue(wish: QueueTask, origin: Origin, runtime: Runtime) -> TaskRecord:
    """Queue it with what the turn may hand on."""
    if len(await asyncio.to_thread(runtime.store.tasks.open)) >= MOST_OPEN:
        raise ToolError(f"{MOST_OPEN} tasks are waiting or running; no turn may queue more until some have ended.")
    new = wish.new
    parent = posture_of_turn(runtime, origin)
    workspace = runtime.resident(origin.thread_id).thread.workspace
    if new.workspace is not None and not is_here(origin, new.workspace):
        check_place(parent, origin, new.workspace)
        workspace = new.workspace
    given = handed_on(
        parent,
        new.mode or "agent",
        allow_shell=bool(new.allow_shell),
        trust_mode=bool(new.trust_mode),
        auto_approve=bool(new.auto_approve),
    )
    narrow = replace(
        new,
        workspace=workspace,
        mode=given.mode,
        allow_shell=given.allow_shell,
        trust_mode=given.trust_mode,
        auto_approve=given.auto_approve,
    )
    try:
        task = await runtime.tasks.enqueue(
            narrow, origin=TaskOrigin(thread_id=origin.thread_id, turn_id=origin.turn_id)
        )
    except InvalidInput as error:
        raise ToolError(error.in_full(), category="invalid_input") from error
    return await runtime.tasks.record(task.id)


async def listed(wish: ListTasks, origin: Origin, runtime: Runtime) -> TaskList:
    """Those of the thread's workspace."""
    workspace = runtime.resident(origin.thread_id).thread.workspace
    return await runtime.tasks.listed(TaskFilter(limit=wish.limit, workspace=workspace))


async def read(wish: ReadTask, origin: Origin, runtime: Runtime) -> TaskRecord:
    """Its record."""
    return await _named(wish.name, origin, runtime)


async def cancel(wish: CancelTask, origin: Origin, runtime: Runtime) -> TaskRecord:
    """Its record after that."""
    found = await _named(wish.name, origin, runtime)
    return await runtime.tasks.cancel(found.id)


async def attempts(wish: ListAttempts, origin: Origin, runtime: Runtime) -> tuple[Attempt, ...]:
    """In the order in which they were recorded."""
    if wish.task is not None:
        return (await _named(wish.task, origin, runtime)).attempts
    updates = Updates()
    for item in await asyncio.to_thread(runtime.store.items, origin.thread_id):
        if item.call is not None:
            for _ in take_updates(updates, item):
                pass
    return tuple(updates.attempts)


async def patch(wish: ReadPatch, origin: Origin, runtime: Runtime) -> str:
    """Out of the blob that it was kept as."""
    path = wish.attempt.patch_path
    text: str | None = None
    if path is not None and wish.task is not None:
        task = await _named(wish.task, origin, runtime)
        try:
            text = (await runtime.tasks.text(task.id, path)).text
        except NotFound:
            text = None
    elif path is not None:
        text = await asyncio.to_thread(_kept_in_thread, runtime, origin.thread_id, path)
    if not text:
        raise ToolError(f"The patch of {wish.attempt.id} is not kept, so it can be neither shown nor tried.")
    return text


def _kept_in_thread(runtime: Runtime, thread_id: str, path: str) -> str | None:
    for item in runtime.store.items(thread_id):
        for kept in kept_texts(item.metadata):
            if path == f"{ROOT}{item.id}-{kept.name}":
                content = runtime.store.get_blob(kept.blob)
                return None if content is None else content.decode("utf-8", "replace")
    return None


async def _named(name: str, origin: Origin, runtime: Runtime) -> TaskRecord:
    try:
        record = await runtime.tasks.record(name)
    except (NotFound, InvalidInput) as error:
        raise ToolError(error.in_full(), category="invalid_input") from error
    if not is_here(origin, record.workspace) and record.origin_thread_id != origin.thread_id:
        raise ToolError(f"{record.id} is a task of another workspace.", category="permission_denied")
    return record


ANSWERS = {
    OwnTask: own,
    QueueTask: queue,
    ListTasks: listed,
    ReadTask: read,
    CancelTask: cancel,
    ListAttempts: attempts,
    ReadPatch: patch,
}
