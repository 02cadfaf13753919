"""What only an old event log knows: which tool a call item used and with what, text that a crash kept out of an item, and the
order of turns. A torn or damaged line costs only itself."""

from collections.abc import Container

import msgspec
from msgspec import Struct, field

from codewhale.domain.records import ToolCall
from codewhale.runtime.importing.reading import lines

MAX_TEXT = 4 * 1024 * 1024
"""Most characters of an item's text that are put together from deltas."""


class _Tool(Struct, frozen=True):
    id: str
    name: str
    input: object = None


class _Payload(Struct, frozen=True):
    tool: _Tool | None = None
    delta: str | None = None


class _Line(Struct, frozen=True):
    event: str
    payload: _Payload
    turn_id: str | None = None
    item_id: str | None = None


class OldLog(Struct, kw_only=True):
    """What was found. `damaged` are the numbers of lines that could not be read; `torn` when the last one was cut off."""

    calls: dict[str, ToolCall] = field(default_factory=dict[str, ToolCall])
    texts: dict[str, str] = field(default_factory=dict[str, str])
    turns: dict[str, int] = field(default_factory=dict[str, int])
    damaged: list[int] = field(default_factory=list[int])
    torn: bool = False


_decode = msgspec.json.Decoder(_Line).decode


def read_log(path: str, without_text: Container[str]) -> OldLog:
    """Read one log; text is gathered for the items of `without_text` only. Raises `Unreadable` when it cannot be opened."""
    log = OldLog()
    pieces: dict[str, list[str]] = {}
    for number, (raw, ended) in enumerate(lines(path), 1):
        try:
            line = _decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if raw.strip():
                log.torn = not ended
                if ended:
                    log.damaged.append(number)
            continue
        if line.turn_id is not None:
            log.turns.setdefault(line.turn_id, number)
        if line.item_id is None:
            continue
        if line.payload.tool is not None:
            log.calls[line.item_id] = _call(line.payload.tool)
        elif line.payload.delta is not None and line.item_id in without_text:
            pieces.setdefault(line.item_id, []).append(line.payload.delta)
    log.texts = {item_id: "".join(parts)[:MAX_TEXT] for item_id, parts in pieces.items()}
    return log


def _call(tool: _Tool) -> ToolCall:
    text = tool.input if isinstance(tool.input, str) else msgspec.json.encode(tool.input).decode()
    return ToolCall(id=tool.id, name=tool.name, arguments=text)
