"""Server-sent events out of bytes, a whole network read at a time, however the reads cut the stream.

Two steps, both pure: `SseFrames` cuts the stream into blocks (one event each, line ends normalised), `data_of` and
`event_of` read a block. Text stays bytes until an event is whole, so a split character cannot be damaged; bytes that are
not UTF-8 are an error, never a replacement character.
"""

from msgspec import Struct

from codewhale.domain.errors import ProviderError

MAX_EVENT_BYTES = 10 * 1024 * 1024
_DAMAGED = "A gateway in between may damage the stream; check base_url and any proxy."
_BOM = b"\xef\xbb\xbf"


class SseEvent(Struct, frozen=True, kw_only=True):
    """One event: its name (`message` when none was given), its data lines joined by newlines, its id if it has one."""

    event: str
    data: str
    id: str | None = None


class SseFrames:
    """Cuts a byte stream into event blocks. Lines may end in LF, CRLF or CR; a leading byte order mark is dropped."""

    def __init__(self, *, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._rest: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._opening: bytes | None = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The blocks that are whole now. `ProviderError` (`protocol`) for an event above the size limit."""
        if self._opening is not None:
            chunk = self._without_bom(chunk)
        if self._after_cr or b"\r" in chunk:
            chunk = self._normalised(chunk)
        if self._rest:
            if b"\n\n" not in chunk and not (chunk.startswith(b"\n") and self._rest[-1].endswith(b"\n")):
                self._keep(chunk)
                return []
            chunk = b"".join(self._rest) + chunk
            self._rest.clear()
            self._size = 0
        blocks = chunk.split(b"\n\n")
        self._keep(blocks.pop())
        return blocks

    def flush(self) -> list[bytes]:
        """At the end of the stream: the last block although nothing terminated it."""
        last = (self._opening or b"") + b"".join(self._rest)
        self._rest.clear()
        return [last] if last.strip(b"\n") else []

    def _keep(self, piece: bytes) -> None:
        if not piece:
            return
        self._rest.append(piece)
        self._size += len(piece)
        if self._size > self._max:
            raise ProviderError(
                f"One event of the stream is larger than {self._max} bytes.", category="protocol", hint=_DAMAGED
            )

    def _normalised(self, chunk: bytes) -> bytes:
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if chunk:
            self._after_cr = chunk.endswith(b"\r")
        return chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _without_bom(self, chunk: bytes) -> bytes:
        opening = (self._opening or b"") + chunk
        if len(opening) < len(_BOM) and _BOM.startswith(opening):
            self._opening = opening
            return b""
        self._opening = None
        return opening.removeprefix(_BOM)


def data_of(block: bytes) -> bytes | None:
    """The data of a block, None when it has none (a comment, a bare id). Not checked for UTF-8: decoding it does that."""
    if block.startswith(b"data: ") and b"\n" not in block:
        return block[6:]
    lines = [value for name, value in _fields(block) if name == b"data"]
    return b"\n".join(lines) if lines else None


def event_of(block: bytes) -> SseEvent | None:
    """The whole event, None when it has no data. `ProviderError` (`protocol`) when it is not UTF-8."""
    event, ident, lines = b"", None, list[bytes]()
    for name, value in _fields(block):
        if name == b"data":
            lines.append(value)
        elif name == b"event":
            event = value
        elif name == b"id" and b"\0" not in value:
            ident = value
    if not lines:
        return None
    try:
        return SseEvent(
            event=event.decode() or "message",
            data=b"\n".join(lines).decode(),
            id=None if ident is None else ident.decode(),
        )
    except UnicodeDecodeError as error:
        raise ProviderError(f"The event stream is not UTF-8: {error}.", category="protocol", hint=_DAMAGED) from error


def _fields(block: bytes) -> list[tuple[bytes, bytes]]:
    fields: list[tuple[bytes, bytes]] = []
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name:
            fields.append((name, value.removeprefix(b" ")))
    return fields
