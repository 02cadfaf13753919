"""What a running tool asks of others: a person's answer, a task, a stored output. A wish is a value; who grants it is
decided by its type, above the tools. The call that makes it is in the log before it is made.
"""

from typing import Generic, TypeVar

from msgspec import Struct

R = TypeVar("R")


class Wish(Struct, Generic[R], frozen=True, kw_only=True):
    """Something that a tool cannot do by itself; granted with an `R`, refused with a `ToolError`."""


class Origin(Struct, frozen=True, kw_only=True):
    """The call that a wish comes from."""

    thread_id: str
    turn_id: str
    item_id: str
    call_id: str
    workspace: str
