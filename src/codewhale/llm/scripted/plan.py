"""From a chosen reply to what is said, piece by piece, in no wire format. Both doors play the same plan.

Placeholders are filled here: `{{result}}` is the last tool result, `{{result|first}}` and `{{result|last}}` its first and
last line with text, `{{result|find WORDS}}` its first line that contains WORDS, `{{prompt}}` the last user message.
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

import msgspec
from msgspec import Struct

from codewhale.domain.errors import InvalidInput
from codewhale.domain.records import Usage
from codewhale.llm.scripted.asked import Asked
from codewhale.llm.scripted.choose import Chosen
from codewhale.llm.scripted.faults import Point
from codewhale.llm.scripted.script import Call, Repeat, Reply, Script, Words

_PLACEHOLDER = re.compile(r"\{\{(prompt|result(?:\|(?:first|last|find [^}]+))?)\}\}")


class Spoken(Struct, frozen=True):
    """`count` equal deltas of text or reasoning."""

    text: str
    reasoning: bool
    count: int = 1


class CallOpened(Struct, frozen=True):
    """A call begins: its place among the calls, id and name."""

    index: int
    id: str
    name: str


class CallPart(Struct, frozen=True):
    """More of a call's arguments."""

    index: int
    text: str


Piece = Spoken | CallOpened | CallPart | Point


class Plan(Struct, frozen=True, kw_only=True):
    """What to say, in order; `str` pieces are the points that a fault or hold can be at."""

    pieces: tuple[Piece, ...]
    finish: str
    usage: Usage | None
    reply: Reply
    pace: float


def plan(script: Script, chosen: Chosen, asked: Asked) -> Plan:
    """The reply as pieces. `InvalidInput` when it calls a tool that the request does not offer."""
    reply = chosen.reply
    size = reply.chunk or script.chunk
    pieces: list[Piece] = ["after_headers"]
    pieces += _spoken(reply.reasoning, size, asked, reasoning=True)
    pieces += _spoken(reply.text, size, asked, reasoning=False)
    pieces += _called(reply, size, asked, chosen.place)
    pieces.append("before_finish")
    return Plan(
        pieces=tuple(pieces),
        finish=reply.finish or ("tool_calls" if reply.calls else "stop"),
        usage=_usage(reply, pieces, asked),
        reply=reply,
        pace=script.pace if reply.pace is None else reply.pace,
    )


def fill(text: str, asked: Asked) -> str:
    """`text` with its placeholders filled from the request."""
    if "{{" not in text:
        return text
    return _PLACEHOLDER.sub(lambda match: _value(match.group(1), asked), text)


def _value(name: str, asked: Asked) -> str:
    if name == "prompt":
        return next((said.text or "" for said in reversed(asked.said) if said.role == "user"), "")
    if name == "result":
        return asked.result
    lines = [line for line in asked.result.splitlines() if line.strip()]
    what = name.partition("|")[2]
    if what == "first":
        return lines[0] if lines else ""
    if what == "last":
        return lines[-1] if lines else ""
    words = what.removeprefix("find ")
    return next((line.strip() for line in lines if words in line), "")


def _spoken(words: Words, size: int, asked: Asked, *, reasoning: bool) -> list[Piece]:
    point: Point = "mid_reasoning" if reasoning else "mid_text"
    if isinstance(words, Repeat):
        half = words.count // 2
        parts = [Spoken(words.text, reasoning, half), Spoken(words.text, reasoning, words.count - half)]
    else:
        texts = cut(fill(words, asked), size) if isinstance(words, str) else [fill(part, asked) for part in words]
        parts = [Spoken(text, reasoning) for text in texts]
    if not parts:
        return []
    middle = max(1, len(parts) // 2)
    return [*parts[:middle], point, *parts[middle:]]


def cut(text: str, size: int) -> list[str]:
    """Pieces of `size` characters; at least two where there are two characters, so that there is a middle."""
    size = min(size, max(1, (len(text) + 1) // 2))
    return [text[at : at + size] for at in range(0, len(text), size)]


def _called(reply: Reply, size: int, asked: Asked, place: str) -> list[Piece]:
    streams: list[list[Piece]] = []
    for index, call in enumerate(reply.calls):
        name = _offered(call, asked, f"{place}.calls[{index}]")
        opened = CallOpened(index, call.id or f"call_{asked.steps + 1}_{index + 1}", name)
        parts = cut(_arguments(call, asked), size) or [""]
        said: list[Piece] = [CallPart(index, text) for text in parts]
        middle = max(1, len(said) // 2)
        marks: list[Piece] = ["mid_arguments"] if index == 0 else []
        streams.append([opened, *said[:middle], *marks, *said[middle:]])
    if reply.interleave:
        return [piece for row in zip_longest(*streams) for piece in row if piece is not None]
    return [piece for stream in streams for piece in stream]


def _arguments(call: Call, asked: Asked) -> str:
    if call.raw_arguments is not None:
        return fill(call.raw_arguments, asked)
    return msgspec.json.encode(_filled(call.arguments or {}, asked)).decode()


def _filled(value: object, asked: Asked) -> object:
    if isinstance(value, str):
        return fill(value, asked)
    if isinstance(value, dict):
        return {key: _filled(entry, asked) for key, entry in msgspec.convert(value, dict[str, object]).items()}
    if isinstance(value, list):
        return [_filled(entry, asked) for entry in msgspec.convert(value, list[object])]
    return value


def _offered(call: Call, asked: Asked, place: str) -> str:
    if call.force:
        return call.names[0]
    for name in call.names:
        if name in asked.tools:
            return name
    offered = ", ".join(asked.tools)
    raise InvalidInput(
        f"The script's {place} wants to call {' or '.join(call.names)}, but the request offers only: {offered}",
        hint="Offer the tool, name an alternative, or set force = true on the call.",
    )


def _usage(reply: Reply, pieces: list[Piece], asked: Asked) -> Usage | None:
    """What the script says, or an estimate of four characters to a token."""
    if reply.usage == "none":
        return None
    if reply.usage is not None:
        return reply.usage
    said = sum(_length(piece) for piece in pieces)
    return Usage(input_tokens=max(1, asked.characters // 4), output_tokens=max(1, said // 4))


def _length(piece: Piece) -> int:
    if isinstance(piece, Spoken):
        return len(piece.text) * piece.count
    return len(piece.text) if isinstance(piece, CallPart) else 0


def whole(plan: Plan) -> tuple[str, str, list[tuple[CallOpened, str]]]:
    """(text, reasoning, calls with their arguments) of a plan, for an answer that is not streamed."""
    text = "".join(p.text * p.count for p in _said(plan) if not p.reasoning)
    reasoning = "".join(p.text * p.count for p in _said(plan) if p.reasoning)
    opened = [p for p in plan.pieces if isinstance(p, CallOpened)]
    parts = [p for p in plan.pieces if isinstance(p, CallPart)]
    return text, reasoning, [(o, "".join(p.text for p in parts if p.index == o.index)) for o in opened]


def _said(plan: Plan) -> Iterator[Spoken]:
    return (piece for piece in plan.pieces if isinstance(piece, Spoken))
