"""What a background process has said, read from its supervisor's files by the offset of each byte.

The files are named after the offset they begin at; the first and the last few are there, so what lies between may be missing.
Reading never changes anything and may happen while the supervisor writes.
"""

import os

from msgspec import Struct

from codewhale.workspace.capture import Captured, whole_end, whole_start

LOG = "log"


class Piece(Struct, frozen=True, kw_only=True):
    """Output from one offset on: what is shown of it, and the offset to go on from."""

    shown: Captured
    after: int


def length_of(folder: str) -> int:
    """How many bytes were written so far."""
    parts = _parts(folder)
    return parts[-1][1] if parts else 0


def piece_of(folder: str, after: int, head_limit: int, tail_limit: int, *, whole: bool) -> Piece:
    """The output from `after` on: all of it, or its first `head_limit` and last `tail_limit` bytes. Unless it is the `whole`
    rest, an unfinished character at the end waits for the next piece."""
    parts = _parts(folder)
    end = parts[-1][1] if parts else 0
    length = max(end - after, 0)
    content, reached = _read(parts, after, min(length, head_limit + tail_limit))
    if reached == end:
        kept = content if whole else whole_end(content)
        text = kept.decode("utf-8", "replace")
        shown = Captured(head=text, tail="", length=len(kept), omitted=0)
        return Piece(shown=shown, after=after + len(kept))
    head = whole_end(content[:head_limit])
    tail, _ = _read(parts, max(end - tail_limit, after + len(head), _last_run(parts)), tail_limit)
    tail = tail[whole_start(tail) :]
    last = tail if whole else whole_end(tail)
    used = length - (len(tail) - len(last))
    shown = Captured(
        head=head.decode("utf-8", "replace"),
        tail=last.decode("utf-8", "replace"),
        length=used,
        omitted=used - len(head) - len(last),
    )
    return Piece(shown=shown, after=after + used)


def _parts(folder: str) -> list[tuple[int, int, str]]:
    """Where each file begins and ends, in order."""
    try:
        names = sorted(os.listdir(os.path.join(folder, LOG)))
    except FileNotFoundError:
        return []
    found: list[tuple[int, int, str]] = []
    for name in names:
        path = os.path.join(folder, LOG, name)
        try:
            found.append((int(name), int(name) + os.path.getsize(path), path))
        except (FileNotFoundError, ValueError):  # the supervisor let it go in this moment
            continue
    return found


def _last_run(parts: list[tuple[int, int, str]]) -> int:
    """Where the last stretch without a gap begins."""
    start = parts[-1][0] if parts else 0
    for begin, end, _ in reversed(parts):
        if end < start:
            break
        start = min(start, begin)
    return start


def _read(parts: list[tuple[int, int, str]], start: int, size: int) -> tuple[bytes, int]:
    """Bytes from `start` on, as far as they lie together, and the offset after them; none when the first is missing."""
    content = bytearray()
    for begin, end, path in parts:
        at = start + len(content)
        if len(content) >= size or begin > at:
            break
        if end <= at:
            continue
        try:
            with open(path, "rb") as file:
                file.seek(at - begin)
                content += file.read(min(size - len(content), end - at))
        except FileNotFoundError:
            break
    return bytes(content), start + len(content)
