"""Messages of the language server protocol on a byte stream: a header with the length, then that many bytes. Bounded."""

from collections.abc import Iterator

MAX_FRAME = 4 * 1024 * 1024
MAX_HEADER = 4096
_END = b"\r\n\r\n"


class BadFrame(Exception):
    """The stream cannot be understood from here on; the message says why."""


class Frames:
    """Feed it bytes as they come; it gives whole message bodies and keeps at most one unfinished."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._limit = limit
        self._held = bytearray()
        self._wanted: int | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The bodies completed by `chunk`. Raises `BadFrame`, after which nothing more may be fed."""
        self._held += chunk
        while True:
            if self._wanted is None:
                end = self._held.find(_END)
                if (len(self._held) if end < 0 else end) > MAX_HEADER:
                    raise BadFrame("it sent something that is not a message of the protocol")
                if end < 0:
                    return
                self._wanted = self._length(bytes(self._held[:end]))
                del self._held[: end + len(_END)]
            if len(self._held) < self._wanted:
                return
            body = bytes(self._held[: self._wanted])
            del self._held[: self._wanted]
            self._wanted = None
            yield body

    def _length(self, header: bytes) -> int:
        for line in header.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit() and len(value) < 16:
                length = int(value)
                if length > self._limit:
                    raise BadFrame(f"it sent a message of {length:,} bytes; up to {self._limit:,} are read")
                return length
        raise BadFrame("it sent a message without its length")


def framed(body: bytes) -> bytes:
    """The message as it goes over the wire."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
