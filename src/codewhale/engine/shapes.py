"""Takes the measure of a thread's requests: how large each is, and from where on it is another than the one before.

Within a process the requests themselves are compared; over a restart their marks are. The marks are checksums against
mistakes, not against forgery. Costs what is new in a request, not its length.
"""

from binascii import crc32

import msgspec
from msgspec import Struct

from codewhale.domain.context import RequestShape
from codewhale.domain.messages import Message, ModelRequest, ToolSpec


class _Reached(Struct, frozen=True):
    """A message, and the mark and the characters of all messages up to it."""

    message: Message
    mark: int
    said: int


class Shapes:
    """The requests of one thread, in order. `last` is the shape of the latest one before this process."""

    def __init__(self, last: RequestShape | None = None) -> None:
        self._last = last
        self._request: ModelRequest | None = None
        self._way: list[_Reached] = []

    def of(self, request: ModelRequest) -> RequestShape:
        """The shape of the next request."""
        kept = self._kept(request.messages)
        del self._way[kept:]
        for message in request.messages[kept:]:
            self._way.append(self._next(message))
        shape = RequestShape(
            system=len(request.system),
            tools=sum(_size(tool) for tool in request.tools),
            messages=len(request.messages),
            said=self._way[-1].said if self._way else 0,
            marks=(_mark(request.system), _mark(request.tools), self._way[-1].mark if self._way else 0),
        )
        if self._last is not None:
            same, differs = self._compared(self._last, shape, request, kept)
            shape = msgspec.structs.replace(shape, before=self._last.whole, same=same, differs=differs)
        self._last, self._request = shape, request
        return shape

    def _kept(self, messages: tuple[Message, ...]) -> int:
        """How many messages at the beginning are those of the request before."""
        kept = 0
        for before, now in zip(self._way, messages, strict=False):
            if before.message is not now and before.message != now:
                break
            kept += 1
        return kept

    def _next(self, message: Message) -> _Reached:
        before = self._way[-1] if self._way else None
        content = msgspec.json.encode(message)
        mark = crc32(content, before.mark if before is not None else 0)
        return _Reached(message, mark, (before.said if before is not None else 0) + len(content))

    def _compared(self, last: RequestShape, now: RequestShape, request: ModelRequest, kept: int) -> tuple[int, str]:
        if last.marks[0] != now.marks[0]:
            return 0, "system"
        if last.marks[1] != now.marks[1]:
            return now.system + self._same_tools(request), "tools"
        header = now.system + now.tools
        if self._request is None:
            if last.messages <= now.messages and self._mark_at(last.messages) == last.marks[2]:
                return last.whole, ""
            return header, "messages"
        same = header + (self._way[kept - 1].said if kept else 0)
        return same, "" if kept == last.messages else f"message {kept + 1}"

    def _mark_at(self, count: int) -> int:
        return self._way[count - 1].mark if count else 0

    def _same_tools(self, request: ModelRequest) -> int:
        same = 0
        for before, now in zip(self._request.tools if self._request else (), request.tools, strict=False):
            if before != now:
                break
            same += _size(now)
        return same


def _size(tool: ToolSpec) -> int:
    return len(msgspec.json.encode(tool))


def _mark(value: object) -> int:
    return crc32(msgspec.json.encode(value))
