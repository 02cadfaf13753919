"""Is a conversation well-formed, as the strictest real model servers demand? The proof behind "accepted by a strict server".

Pure: a request in, the first thing wrong out, in words that say which message it is.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from codewhale.llm.scripted.asked import Asked, Said

_OPENING = ("system", "developer")
_ROLES = (*_OPENING, "user", "assistant", "tool")


class _Object(Struct):
    """Any JSON object."""


def complaint(asked: Asked, *, arguments: bool = True) -> str | None:
    """What a strict server would refuse, or None. `arguments=False` leaves out whether arguments are JSON (inside the
    process they are still the model's own text; making them valid is the wire adapter's work)."""
    if not asked.said:
        return "messages is empty"
    if len(set(asked.tools)) != len(asked.tools):
        return "tools has two tools of the same name"
    seen: set[str] = set()
    for at, said in enumerate(asked.said):
        wrong = _shape(said, at, asked.said) or _calls(said, seen, arguments=arguments)
        if wrong is not None:
            return f"messages[{at}]: {wrong}"
    return _pairs(asked.said) or _ending(asked.said)


def _shape(said: Said, at: int, all_said: Sequence[Said]) -> str | None:
    if said.role not in _ROLES:
        return f"unknown role {said.role!r}"
    if not said.plain:
        return "content must be a string"
    if said.calls and said.role != "assistant":
        return "only an assistant message has tool_calls"
    if said.role in _OPENING:
        return None if all(s.role in _OPENING for s in all_said[:at]) else "a system message must be at the beginning"
    if at == 0 and said.role != "user":
        return "the first message must be from system or user"
    return _content(said)


def _content(said: Said) -> str | None:
    if said.role == "tool":
        if said.call_id is None:
            return "a tool message needs tool_call_id"
        return "a tool message needs content" if said.text is None else None
    if said.role == "user":
        return None if said.text else "a user message needs content"
    return None if said.text or said.calls else "an assistant message needs content or tool_calls"


def _calls(said: Said, seen: set[str], *, arguments: bool) -> str | None:
    for call in said.calls:
        if not call.id or not call.name:
            return "a tool call needs an id and a name"
        if call.id in seen:
            return f"the tool call id {call.id!r} is used twice"
        seen.add(call.id)
        if arguments and not _is_object(call.arguments):
            return f"the arguments of tool call {call.id!r} are not a JSON object"
    return None


def _is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=_Object)
    except (ValueError, RecursionError):
        return False
    return True


def _pairs(all_said: Sequence[Said]) -> str | None:
    """Every call has exactly one result, among the tool messages right after it; no other message comes between."""
    waiting: list[str] = []
    for at, said in enumerate(all_said):
        if said.role == "tool":
            if said.call_id not in waiting:
                return f"messages[{at}]: the result {said.call_id!r} belongs to no open tool call"
            waiting.remove(said.call_id)
            continue
        if waiting:
            return f"messages[{at}]: tool call {waiting[0]!r} has no result before the next message"
        waiting = [call.id for call in said.calls]
    return f"tool call {waiting[0]!r} has no result" if waiting else None


def _ending(all_said: Sequence[Said]) -> str | None:
    return None if all_said[-1].role in ("user", "tool") else "the last message must be from user or tool"
