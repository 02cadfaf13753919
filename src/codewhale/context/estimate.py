"""How many tokens a request will be, before anybody counted it, and how much of a model's window that may be. Pure.

Four characters are a token until a provider has counted a request of the thread; then its count decides. Output is reserved
within the window, and never more than half of it: no window is too small to be guarded.
"""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from codewhale.domain.context import RequestShape
from codewhale.domain.messages import AssistantMessage, Message, ToolSpec
from codewhale.domain.records import Usage

CHARS_PER_TOKEN = 4
ASSUMED_WINDOW = 128_000
"""What a model is taken to have where nobody knows."""
PERCENT = 80
_DENSEST, _THINNEST = 2.0, 1 / 8
"""Tokens per character that a provider's count is believed to mean."""


class Size(Struct, frozen=True, kw_only=True):
    """A request in characters: its header (system text and tools) and its messages, and how many these are."""

    system: int
    tools: int
    said: int
    messages: int

    @property
    def header(self) -> int:
        """Characters that no compaction can take away."""
        return self.system + self.tools

    @property
    def whole(self) -> int:
        """All characters."""
        return self.header + self.said


class Gauge(Struct, kw_only=True):
    """The last request of a thread that its provider counted. `tokens` 0: none was."""

    tokens: int = 0
    chars: int = 0

    def counted(self, size: Size, usage: Usage | None) -> None:
        """A provider counted a request of this size."""
        if usage is not None and usage.input_tokens > 0 and size.whole > 0:
            self.tokens, self.chars = usage.input_tokens, size.whole

    @property
    def per_char(self) -> float:
        """Tokens of a character."""
        if not self.tokens or not self.chars:
            return 1 / CHARS_PER_TOKEN
        return min(max(self.tokens / self.chars, _THINNEST), _DENSEST)

    def estimate(self, size: Size) -> int:
        """Tokens of a request of this size."""
        return _up(size.whole * self.per_char)

    def chars_of(self, tokens: int) -> int:
        """Characters that so many tokens are."""
        return int(max(tokens, 0) / self.per_char)


class Limits(Struct, frozen=True, kw_only=True):
    """What a request may be, in tokens: `input` at most, and at `trigger` the conversation is made smaller. `automatic` false:
    only when it no longer fits."""

    window: int
    input: int
    trigger: int
    automatic: bool

    @property
    def crowded(self) -> int:
        """From here on people are told that it gets narrow."""
        return self.trigger * 3 // 4

    def room(self, header: int) -> int:
        """Tokens for messages beside a header of so many."""
        return max(self.trigger - header, self.trigger // 8)

    def goal(self, header: int) -> int:
        """Where a request is to be after it was made smaller: far enough below the trigger that it does not happen at every
        step."""
        return min(header + self.room(header) * 3 // 5, self.trigger)


def limits(window: int | None, output: int | None, *, percent: int = PERCENT, automatic: bool = True) -> Limits:
    """The limits of a model with this window (None: nobody knows it) whose answers may have `output` tokens."""
    known = window or ASSUMED_WINDOW
    usable = max(known - (output or 0), known // 2, 1)
    return Limits(window=known, input=usable, trigger=max(min(known * percent // 100, usable), 1), automatic=automatic)


def measured(system: str, tools: Iterable[ToolSpec], messages: Sequence[Message]) -> Size:
    """The size of a request with this header and these messages."""
    return Size(
        system=len(system),
        tools=sum(len(msgspec.json.encode(tool)) for tool in tools),
        said=size(messages),
        messages=len(messages),
    )


def size(messages: Iterable[Message]) -> int:
    """Characters of all texts, reasoning, arguments and results."""
    return sum(map(message_size, messages))


def message_size(message: Message) -> int:
    """Characters of one message."""
    if isinstance(message, AssistantMessage):
        called = sum(len(call.name) + len(call.arguments) for call in message.calls)
        return len(message.text) + len(message.reasoning) + called
    return len(message.text)


def gauge_of(shape: RequestShape | None, usage: Usage | None) -> Gauge:
    """The gauge that the log gives: the last request of the thread as it was recorded."""
    found = Gauge()
    if shape is not None:
        found.counted(Size(system=shape.system, tools=shape.tools, said=shape.said, messages=shape.messages), usage)
    return found


def _up(value: float) -> int:
    return -int(-value // 1)
