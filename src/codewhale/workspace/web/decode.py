"""From the bytes of a response to its content: gzip and deflate undone in small steps, never beyond a limit. Pure.

A few kilobytes can hold gigabytes: no step makes more than one piece, and what is beyond the limit is not made at all.
"""

import zlib
from collections.abc import Iterator

from codewhale.domain.errors import ToolError

PIECE = 64 * 1024
_WINDOW = zlib.MAX_WBITS
_EITHER = 32 + _WINDOW


class Decoder:
    """Takes the pieces of a body as they come. `room` is how many bytes may still be made."""

    def __init__(self, encodings: str, limit: int) -> None:
        """`encodings` is the Content-Encoding header. `ToolError` for one that was not asked for."""
        words = [word.strip().lower() for word in encodings.split(",") if word.strip()]
        words = [word for word in words if word != "identity"]
        if len(words) > 1 or any(word not in ("gzip", "x-gzip", "deflate") for word in words):
            raise ToolError(f"The server answered in an encoding that was not asked for: {encodings[:80]}.")
        self.room = limit
        self.truncated = False
        self._made: list[bytes] = []
        self._inflate = zlib.decompressobj(_EITHER) if words else None
        self._raw = words == ["deflate"]

    def feed(self, piece: bytes) -> bool:
        """Take more; False once the limit is reached and there was more."""
        for part in self._inflated(piece) if self._inflate is not None else (piece,):
            if len(part) > self.room:
                self._made.append(part[: self.room])
                self.room = 0
                self.truncated = True
                return False
            self._made.append(part)
            self.room -= len(part)
        return True

    def content(self) -> bytes:
        """All that was made."""
        return b"".join(self._made)

    def _inflated(self, piece: bytes) -> Iterator[bytes]:
        while piece and self._inflate is not None:
            try:
                part = self._inflate.decompress(piece, PIECE)
            except zlib.error as error:
                if not self._raw:
                    raise ToolError(f"The compressed content is damaged: {error}.") from error
                self._raw, self._inflate = False, zlib.decompressobj(-_WINDOW)
                continue
            self._raw = False
            if part:
                yield part
            piece = self._inflate.unconsumed_tail
            if self._inflate.eof:
                piece = self._inflate.unused_data
                self._inflate = zlib.decompressobj(_EITHER)
                if not piece.startswith((b"\x1f\x8b", b"\x78")):
                    piece = b""  # padding after the end
