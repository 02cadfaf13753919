"""A thread's items as the messages of a session: text, thinking, tool_use and tool_result blocks. Pure.

A step is one assistant message, and one user message with the results of its calls; what a person says is a message of its
own. Only what has ended is shown.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec import Struct, field

from codewhale.domain.records import OPEN_STATUSES, Item, ToolCall
from codewhale.domain.session_places import places


class TextBlock(Struct, frozen=True, kw_only=True, tag="text", tag_field="type"):
    """What was said."""

    text: str


class ThinkingBlock(Struct, frozen=True, kw_only=True, tag="thinking", tag_field="type"):
    """What the model thought."""

    text: str


class ToolUseBlock(Struct, frozen=True, kw_only=True, tag="tool_use", tag_field="type"):
    """A call; `input` is the arguments, decoded (a string when they were not valid JSON)."""

    id: str
    name: str
    input: object


class ToolResultBlock(Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tool_result", tag_field="type"):
    """What the call gave back."""

    tool_use_id: str
    content: str
    is_error: bool = False


Block = TextBlock | ThinkingBlock | ToolUseBlock | ToolResultBlock


class SessionMessage(Struct, frozen=True, kw_only=True):
    """`role` is `user` or `assistant`; the results of tools come back as the user's, as models are sent them."""

    role: str
    content: tuple[Block, ...]


class _Step(Struct):
    spoken: list[Block] = field(default_factory=list[Block])
    results: list[Block] = field(default_factory=list[Block])
    said: list[Block] = field(default_factory=list[Block])


def session_messages(items: Iterable[Item]) -> Iterator[SessionMessage]:
    """All messages, oldest first. `items` are in order of creation; those of a turn are together."""
    turns: dict[str, dict[int, _Step]] = {}
    for item in items:
        if item.status not in OPEN_STATUSES:
            _place(turns.setdefault(item.turn_id, {}).setdefault(item.step or 0, _Step()), item)
    for steps in turns.values():
        for number in sorted(steps):
            step = steps[number]
            if step.spoken:
                yield SessionMessage(role="assistant", content=tuple(step.spoken))
            if step.results:
                yield SessionMessage(role="user", content=tuple(step.results))
            yield from (SessionMessage(role="user", content=(block,)) for block in step.said)


def _place(step: _Step, item: Item) -> None:
    where = places(item)
    if where.own:
        step.said.append(TextBlock(text=item.detail or ""))
    elif item.call is not None:
        step.spoken.append(ToolUseBlock(id=item.call.id, name=item.call.name, input=_input(item.call)))
        failed = item.status != "completed"
        step.results.append(
            ToolResultBlock(tool_use_id=item.call.id, content=item.detail or item.summary, is_error=failed)
        )
    elif where.step is not None:
        text = item.detail or ""
        step.spoken.append(TextBlock(text=text) if item.kind == "agent_message" else ThinkingBlock(text=text))


def _input(call: ToolCall) -> object:
    try:
        return msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        return call.arguments
