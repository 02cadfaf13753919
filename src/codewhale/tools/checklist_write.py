"""`checklist_write`: replaces the checklist of the work at hand. The list lives in the item's metadata, so in the log."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from codewhale.domain.errors import ToolError
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext

TodoStatus = Literal["pending", "in_progress", "completed"]


class Todo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a checklist."""

    content: Annotated[str, Meta(min_length=1, max_length=500)]
    status: TodoStatus = "pending"


class ChecklistWrite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The arguments of `checklist_write`."""

    todos: Annotated[tuple[Todo, ...], Meta(max_length=100, description="The whole list; it replaces the old one.")]


async def run(args: ChecklistWrite, ctx: ToolContext) -> ToolOutput:  # noqa: ARG001
    """Number the list from 1 and put it into `metadata.task_updates.checklist`."""
    active = [number for number, todo in enumerate(args.todos, 1) if todo.status == "in_progress"]
    if len(active) > 1:
        raise ToolError(f"Only one item can be in_progress; {len(active)} are.", category="invalid_input")
    done = sum(todo.status == "completed" for todo in args.todos)
    total = len(args.todos)
    checklist: dict[str, object] = {
        "items": [
            {"id": number, "content": todo.content, "status": todo.status} for number, todo in enumerate(args.todos, 1)
        ],
        "completion_pct": 100 * done // total if total else 0,
        "in_progress_id": active[0] if active else None,
    }
    text = f"Checklist saved: {done} of {total} items completed." if total else "Checklist cleared."
    return ToolOutput(text=text, metadata={"task_updates": {"checklist": checklist}})


TOOLS = (
    Tool(
        name="checklist_write",
        description="Replace the checklist of the task. Keep it current while you work; at most one item in_progress.",
        arguments=ChecklistWrite,
        effects=frozenset({"read"}),
        default="allow",
        run=run,
    ),
)
