"""From the bytes of a response to its content: gzip and deflate undone in small steps, never beyond a limit. Pure.

A few kilobytes can hold gigabytes: no step makes more than one piece, and what is beyond the limit is not made at all.
"""

import zlib
from collections.abc import Iterator

from codewhale.domain.errors import ToolError

PIECE = 64 * 1024
_WINDOW = zlib.MAX_WBITS
_MEMBER = b"\x1f"


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
        self._gzip = bool(words) and words[0] != "deflate"
        self._inflate = zlib.decompressobj(16 + _WINDOW) if self._gzip else None
        self._head = b"" if words and not self._gzip else None

    def feed(self, piece: bytes) -> bool:
        """Take more; False once the limit is reached and there was more."""
        for part in self._opened(piece):
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

    def _opened(self, piece: bytes) -> Iterator[bytes]:
        if self._head is not None:
            self._head += piece
            if len(self._head) < 2:
                return iter(())
            piece, self._head = self._head, None
            self._inflate = zlib.decompressobj(_WINDOW if _has_zlib_head(piece) else -_WINDOW)
        return self._inflated(piece) if self._inflate is not None else iter((piece,))

    def _inflated(self, piece: bytes) -> Iterator[bytes]:
        while piece and self._inflate is not None:
            if self._inflate.eof:
                if not self._gzip or piece[:1] != _MEMBER:
                    return  # padding after the end
                self._inflate = zlib.decompressobj(16 + _WINDOW)
            try:
                part = self._inflate.decompress(piece, PIECE)
            except zlib.error as error:
                raise ToolError(f"The compressed content is damaged: {error}.") from error
            if part:
                yield part
            piece = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail


def _has_zlib_head(piece: bytes) -> bool:
    """Whether a deflate stream has the wrapping that the standard asks for and some servers leave out (RFC 1950)."""
    return piece[0] & 0x0F == 8 and (piece[0] * 256 + piece[1]) % 31 == 0
