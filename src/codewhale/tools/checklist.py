"""The checklist of the work at hand. It lives in the metadata of the calls that change it, so in the log: the latest counts.

Items are numbered from 1 and keep their number; at most one is in progress.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import Effect, ToolOutput
from codewhale.domain.wishes import Wish
from codewhale.tools.tool import Tool, ToolContext

TodoStatus = Literal["pending", "in_progress", "completed"]
MOST = 100
_MARKS: dict[TodoStatus, str] = {"pending": " ", "in_progress": ">", "completed": "x"}
_RECORD: frozenset[Effect] = frozenset({"record"})


class ListedTodo(Struct, frozen=True, kw_only=True):
    """One line of the checklist as it is kept."""

    id: int
    content: str
    status: TodoStatus


class CurrentChecklist(Wish[tuple[ListedTodo, ...]], frozen=True, kw_only=True):
    """The thread's checklist as the calls before this one left it; empty when there is none."""


class Todo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a checklist."""

    content: Annotated[str, Meta(min_length=1, max_length=500)]
    status: TodoStatus = "pending"


class ChecklistWrite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `checklist_write`."""

    todos: Annotated[tuple[Todo, ...], Meta(max_length=MOST, description="The whole list; it replaces the old one.")]


class ChecklistUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `checklist_update`."""

    id: Annotated[int, Meta(ge=1, le=MOST, description="Number of the item, from 1.")]
    status: TodoStatus


class ChecklistList(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`checklist_list` takes nothing."""


async def write(args: ChecklistWrite, ctx: ToolContext) -> ToolOutput:  # noqa: ARG001
    """Number the list from 1 and put it into `metadata.task_updates.checklist`."""
    todos = [
        ListedTodo(id=number, content=todo.content, status=todo.status) for number, todo in enumerate(args.todos, 1)
    ]
    _check_active(todos)
    done = sum(todo.status == "completed" for todo in todos)
    text = f"Checklist saved: {done} of {len(todos)} items completed." if todos else "Checklist cleared."
    return ToolOutput(text=text, metadata=_update(todos))


async def add(args: Todo, ctx: ToolContext) -> ToolOutput:
    """One more item, at the end."""
    todos = await ctx.ask(CurrentChecklist())
    if len(todos) >= MOST:
        raise ToolError(
            f"The checklist has {MOST} items, and no more are kept. Write a shorter one with checklist_write."
        )
    number = max((todo.id for todo in todos), default=0) + 1
    changed = [*todos, ListedTodo(id=number, content=args.content, status=args.status)]
    _check_active(changed)
    return ToolOutput(text=f"Added item {number}.\n{_shown(changed)}", metadata=_update(changed))


async def update(args: ChecklistUpdate, ctx: ToolContext) -> ToolOutput:
    """Another status for one item."""
    todos = await ctx.ask(CurrentChecklist())
    if not any(todo.id == args.id for todo in todos):
        raise ToolError(f"The checklist has no item {args.id}.\n{_shown(todos)}", category="invalid_input")
    changed = [replace(todo, status=args.status) if todo.id == args.id else todo for todo in todos]
    _check_active(changed)
    return ToolOutput(text=_shown(changed), metadata=_update(changed))


async def show(args: ChecklistList, ctx: ToolContext) -> ToolOutput:  # noqa: ARG001
    """The list as it is."""
    return ToolOutput(text=_shown(await ctx.ask(CurrentChecklist())))


def _check_active(todos: Sequence[ListedTodo]) -> None:
    active = [str(todo.id) for todo in todos if todo.status == "in_progress"]
    if len(active) > 1:
        raise ToolError(
            f"Only one item can be in_progress; {len(active)} would be: {', '.join(active)}. Nothing was changed.",
            category="invalid_input",
        )


def _update(todos: Sequence[ListedTodo]) -> dict[str, object]:
    done = sum(todo.status == "completed" for todo in todos)
    checklist: dict[str, object] = {
        "items": [msgspec.to_builtins(todo) for todo in todos],
        "completion_pct": 100 * done // len(todos) if todos else 0,
        "in_progress_id": next((todo.id for todo in todos if todo.status == "in_progress"), None),
    }
    return {"task_updates": {"checklist": checklist}}


def _shown(todos: Sequence[ListedTodo]) -> str:
    if not todos:
        return "The checklist is empty."
    done = sum(todo.status == "completed" for todo in todos)
    lines = [f"[{_MARKS[todo.status]}] {todo.id}. {todo.content}" for todo in todos]
    return "\n".join([f"{done} of {len(todos)} items completed.", *lines])


TOOLS = (
    Tool(
        name="checklist_write",
        description="Replace the checklist of the task. Keep it current while you work; at most one item in_progress.",
        arguments=ChecklistWrite,
        effects=_RECORD,
        default="allow",
        run=write,
    ),
    Tool(
        name="checklist_add",
        description="Add one item to the end of the checklist.",
        arguments=Todo,
        effects=_RECORD,
        default="allow",
        run=add,
    ),
    Tool(
        name="checklist_update",
        description="Set the status of one checklist item. At most one item can be in_progress.",
        arguments=ChecklistUpdate,
        effects=_RECORD,
        default="allow",
        run=update,
    ),
    Tool(
        name="checklist_list",
        description="Show the checklist of the task with item numbers and statuses.",
        arguments=ChecklistList,
        effects=_RECORD,
        default="allow",
        run=show,
    ),
)
