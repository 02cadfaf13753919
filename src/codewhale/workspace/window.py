"""A range of a file's lines for reading, in bounded memory: small files are decoded whole, large ones scanned in chunks.

A window holds at most `MAX_BYTES` of text; a longer line is cut with a note, so that reading on always gets further.
"""

import os
from collections.abc import Iterator

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import Spot, shown
from codewhale.workspace.blocking import Stop
from codewhale.workspace.files import FileBytes, Files
from codewhale.workspace.text import UNKNOWN, Text, bare, decode, split_lines

USUAL_LINES = 200
MAX_LINES = 500
MAX_BYTES = 16 * 1024
_WHOLE = 4 * 1024 * 1024
_CHUNK = 1024 * 1024


class Window(Struct, frozen=True, kw_only=True):
    """`lines` are without line ends, from line `first`; `next_line` is None when the file's end is shown."""

    path: str
    lines: tuple[str, ...]
    first: int
    total: int
    next_line: int | None
    encoding: str
    line_ends: str
    final_newline: bool

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1

    @property
    def complete(self) -> bool:
        """Whether the window is the whole file."""
        return self.first == 1 and self.next_line is None

    @property
    def known(self) -> bool:
        return self.encoding != UNKNOWN

    @property
    def text(self) -> str:
        return "\n".join(self.lines) + ("\n" if self.final_newline and self.lines else "")


def read_window(files: Files, path: str, start: int, count: int, stop: Stop | None = None) -> Window:
    """`count` lines from line `start`, fewer where the bytes do not allow it."""
    read = files.read_up_to(path, _WHOLE)
    if read is None:
        return _scan(files, path, _Range(start, count), stop or Stop())
    return window_of(read, start, count)


def window_of(read: FileBytes, start: int, count: int) -> Window:
    """`count` lines from line `start` of a file that was read whole."""
    form = decode(read.content, read.path)
    lines = split_lines(form.text)
    part = [bare(line) for line in lines[start - 1 : start - 1 + count]]
    return _window(read.path, form, part, _Extent(start, len(lines), form.text.endswith("\n")))


class _Range(Struct, frozen=True):
    start: int
    count: int


class _Extent(Struct, frozen=True):
    first: int
    total: int
    final_newline: bool


def _window(path: str, form: Text, part: list[str], extent: _Extent) -> Window:
    kept = _within(part)
    following = extent.first + len(kept)
    return Window(
        path=path,
        lines=tuple(kept),
        first=extent.first,
        total=extent.total,
        next_line=following if kept and following <= extent.total else None,
        encoding="utf-8-bom" if form.bom and form.encoding == "utf-8" else form.encoding,
        line_ends=form.line_ends,
        final_newline=extent.final_newline,
    )


def _within(lines: list[str]) -> list[str]:
    kept: list[str] = []
    room = MAX_BYTES
    for line in lines:
        size = len(line) if line.isascii() else len(line.encode())
        if size > room:
            if not kept:
                head = line.encode()[: MAX_BYTES - 200].decode("utf-8", "ignore")
                kept.append(f"{head} [the line goes on, but is cut here]")
            break
        kept.append(line)
        room -= size + 1
    return kept


def _scan(files: Files, path: str, wanted: _Range, stop: Stop) -> Window:
    """The window of a large file: its lines are counted to the end, only the wanted ones are kept."""

    def act(spot: Spot) -> Window:
        fd = files.open(spot, path)
        try:
            return _scanned(_chunks(fd, path, stop), files.name(spot), wanted)
        finally:
            os.close(fd)

    return files.use(path, act)


def _chunks(fd: int, path: str, stop: Stop) -> Iterator[bytes]:
    first = True
    while chunk := os.read(fd, _CHUNK):
        if stop:
            raise ToolError("Interrupted while reading.", category="cancelled")
        if b"\0" in chunk:
            kind = "binary" if not first or chunk[:2] not in {b"\xff\xfe", b"\xfe\xff"} else "UTF-16 of this size"
            raise ToolError(f"{shown(path)} cannot be shown: it is {kind}.", category="invalid_input")
        first = False
        yield chunk


def _scanned(chunks: Iterator[bytes], path: str, wanted: _Range) -> Window:
    newlines = 0
    kept = bytearray()
    last = b""
    for chunk in chunks:
        found = chunk.count(b"\n")
        begin, end = wanted.start - 1, wanted.start - 1 + wanted.count
        if newlines < end and newlines + found >= begin and len(kept) < 2 * MAX_BYTES:
            low = _after(chunk, begin - newlines)
            high = _after(chunk, end - newlines) if newlines + found >= end else len(chunk)
            kept += chunk[low : min(high, low + 2 * MAX_BYTES)]
        newlines += found
        last = chunk
    total = newlines + (0 if last.endswith(b"\n") else 1)
    form = _decoded(bytes(kept[: 2 * MAX_BYTES]), path)
    part = [bare(line) for line in split_lines(form.text)][: wanted.count]
    return _window(path, form, part, _Extent(wanted.start, total, last.endswith(b"\n")))


def _after(chunk: bytes, newlines: int) -> int:
    """The offset after that many line ends."""
    at = 0
    for _ in range(newlines):
        at = chunk.index(b"\n", at) + 1
    return at


def _decoded(part: bytes, path: str) -> Text:
    """`part` may end within a character."""
    for cut in range(4):
        form = decode(part[: len(part) - cut], path)
        if form.known:
            return form
    return decode(part, path)
