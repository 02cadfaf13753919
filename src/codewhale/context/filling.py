"""What fills a request: its header part by part, its tools, and its messages by kind, the largest of them named. Pure."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from msgspec import Struct

from codewhale.context.compaction import HEADER as SUMMARY
from codewhale.domain.context import ContextPart
from codewhale.domain.context_report import Large, Piece, PieceKind
from codewhale.domain.messages import AssistantMessage, Message, ToolMessage, ToolSpec

MOST_NAMED = 10
_SHOWN = 120


class _Share(Struct, frozen=True):
    kind: str
    chars: int
    name: str


def pieces(
    parts: Iterable[ContextPart], tools: Iterable[ToolSpec], messages: Sequence[Message], ratio: float
) -> tuple[Piece, ...]:
    """The pieces in the order in which they are sent; `ratio` is characters per token."""

    def piece(kind: PieceKind, name: str, count: int, chars: int) -> Piece:
        return Piece(kind=kind, name=name, count=count, chars=chars, tokens=round(chars / ratio))

    groups: dict[str, tuple[int, int]] = {}
    for share in _shares(messages):
        count, chars = groups.get(share.kind, (0, 0))
        groups[share.kind] = (count + 1, chars + share.chars)
    return (
        *(piece("part", part.name, 1, len(part.text)) for part in parts),
        *(piece("tool", tool.name, 1, len(msgspec.json.encode(tool))) for tool in tools),
        *(piece("messages", kind, count, chars) for kind, (count, chars) in groups.items()),
    )


def largest(messages: Sequence[Message], ratio: float) -> tuple[Large, ...]:
    """The messages that take most room, largest first."""
    asked = _asked(messages)
    every = [
        Large(number=number, name=share.name, chars=share.chars, tokens=round(share.chars / ratio))
        for number, message in enumerate(messages, 1)
        for share in _shares_of(message, asked)
    ]
    return tuple(sorted(every, key=lambda one: (-one.chars, one.number))[:MOST_NAMED])


def _shares(messages: Sequence[Message]) -> Iterator[_Share]:
    asked = _asked(messages)
    for message in messages:
        yield from _shares_of(message, asked)


def _asked(messages: Iterable[Message]) -> dict[str, str]:
    """What each call was asked for, by its id."""
    calls = (call for message in messages if isinstance(message, AssistantMessage) for call in message.calls)
    return {call.id: call.arguments for call in calls}


def _shares_of(message: Message, asked: dict[str, str]) -> Iterator[_Share]:
    if isinstance(message, ToolMessage):
        words = " ".join(asked.get(message.call_id, "").split())[:_SHOWN]
        yield _Share(f"results of {message.name}", len(message.text), f"result of {message.name} {words}".rstrip())
    elif isinstance(message, AssistantMessage):
        called = sum(len(call.name) + len(call.arguments) for call in message.calls)
        names = ", ".join(dict.fromkeys(call.name for call in message.calls))
        for kind, chars, name in (
            ("the model's words", len(message.text), "the model's words"),
            ("the model's reasoning", len(message.reasoning), "the model's reasoning"),
            ("tool calls", called, f"calls of {names}"),
        ):
            if chars:
                yield _Share(kind, chars, name)
    elif message.text.startswith(SUMMARY):
        yield _Share("summaries", len(message.text), "summary of a compaction")
    elif message.text.startswith("<context_update>"):
        yield _Share("context updates", len(message.text), "context update")
    else:
        yield _Share("the person's words", len(message.text), f"the person: {' '.join(message.text.split())[:60]}")
