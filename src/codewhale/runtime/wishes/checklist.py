"""The checklist of a thread, folded from its items: the latest that a checklist tool left in its metadata."""

import asyncio

import msgspec
from msgspec import Struct

from codewhale.domain.records import Item
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.tools.checklist import CurrentChecklist, ListedTodo


class _Checklist(Struct):
    items: tuple[ListedTodo, ...]


class _Updates(Struct):
    checklist: _Checklist | None = None


class _Metadata(Struct):
    task_updates: _Updates


async def current(wish: CurrentChecklist, origin: Origin, runtime: Runtime) -> tuple[ListedTodo, ...]:
    """The list, empty when there is none."""
    del wish
    return _latest(await asyncio.to_thread(runtime.store.items, origin.thread_id))


def _latest(items: list[Item]) -> tuple[ListedTodo, ...]:
    for item in reversed(items):
        if item.call is None or not item.call.name.startswith("checklist_") or item.status != "completed":
            continue
        if "task_updates" in (item.metadata or {}):
            found = msgspec.convert(item.metadata, _Metadata).task_updates.checklist
            if found is not None:
                return found.items
    return ()


ANSWERS = {CurrentChecklist: current}
