"""A stream's beginning and end in bounded memory: however much is fed, at most the head and about twice the tail stay."""

from msgspec import Struct


class Captured(Struct, frozen=True, kw_only=True):
    """What was kept of a stream. `length` counts all its bytes, `omitted` those between head and tail."""

    head: str
    tail: str
    length: int
    omitted: int

    @property
    def text(self) -> str:
        """The whole text; where bytes are missing, a line of its own says how many."""
        if not self.omitted:
            return self.head + self.tail
        return f"{self.head}\n[... {self.omitted} bytes left out ...]\n{self.tail}"


class Capture:
    """Feed it bytes; `captured` decodes once, at the end, with undecodable bytes replaced."""

    def __init__(self, head_limit: int, tail_limit: int) -> None:
        self._head_limit = head_limit
        self._tail_limit = tail_limit
        self._head = bytearray()
        self._tail = bytearray()
        self._length = 0

    def feed(self, chunk: bytes) -> None:
        self._length += len(chunk)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        if chunk:
            self._tail += chunk[-self._tail_limit :] if len(chunk) > self._tail_limit else chunk
            if len(self._tail) > 2 * self._tail_limit:
                del self._tail[: -self._tail_limit]

    def captured(self) -> Captured:
        tail = bytes(self._tail[-self._tail_limit :])
        omitted = self._length - len(self._head) - len(tail)
        if omitted <= 0:
            text = bytes(self._head + tail).decode("utf-8", "replace")
            return Captured(head=text, tail="", length=self._length, omitted=0)
        head = whole_end(bytes(self._head))
        start = whole_start(tail)
        omitted += len(self._head) - len(head) + start
        return Captured(
            head=head.decode("utf-8", "replace"),
            tail=tail[start:].decode("utf-8", "replace"),
            length=self._length,
            omitted=omitted,
        )


def whole_end(head: bytes) -> bytes:
    """`head` without a character that the cut left incomplete."""
    for back in range(1, min(4, len(head)) + 1):
        lead = head[-back]
        if lead < 0x80:
            return head
        if lead >= 0xC0:
            wanted = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return head if back >= wanted else head[:-back]
    return head


def whole_start(tail: bytes) -> int:
    """How many bytes at the start belong to a character that the cut split."""
    start = 0
    while start < min(4, len(tail)) and tail[start] & 0xC0 == 0x80:
        start += 1
    return start if start < 4 else 0
