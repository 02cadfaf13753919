"""What goes to the person: the answer to stdout, all else to stderr, in one write per batch.

Invariant: no control character from a model or a tool reaches the terminal, except newline and tab.
"""

import re
import sys
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from codewhale.config.environment import environment, given
from codewhale.domain.plain import PlainStream, plain, unturned

Kind = Literal["answer", "note", "problem"]
_C1_IN_JSON = rb"\xc2[\x80-\x9f]|\x7f"
_DIM, _RED, _RESET = "\x1b[2m", "\x1b[31m", "\x1b[0m"


class Piece(Struct, frozen=True):
    """Text to show: `answer` belongs to the answer and is written as it is; the others are whole lines about it."""

    kind: Kind
    text: str


def clean(text: str) -> str:
    """`text` without terminal sequences, control and direction-changing characters; newline and tab stay."""
    return unturned(plain(text))


class Terminal:
    """The process's own streams. `asks` tells whether a person can be asked something."""

    def __init__(self) -> None:
        env = environment()
        colorless = given(env, "NO_COLOR") is not None or given(env, "TERM") == "dumb"
        self.color = sys.stderr.isatty() and not colorless
        self.asks = sys.stdin.isatty() and sys.stderr.isatty()
        self._one_screen = sys.stderr.isatty() and sys.stdout.isatty()
        self._line_open = False
        self._stream = PlainStream()

    def show(self, pieces: Sequence[Piece]) -> None:
        """Write the pieces in order, adjacent ones of a stream in one write."""
        out: list[str] = []
        for piece in pieces:
            if piece.kind == "answer":
                out.append(piece.text)
                continue
            self._answer(out)
            out = []
            self._aside(piece)
        self._answer(out)

    def end_answer(self) -> None:
        """Make sure that what comes next begins on a line of its own."""
        if self._line_open:
            self._answer(["\n"])

    def _answer(self, out: list[str]) -> None:
        text = unturned(self._stream.feed("".join(out)))
        if text:
            write_text(text)
            self._line_open = not text.endswith("\n")

    def _aside(self, piece: Piece) -> None:
        text = clean(piece.text)
        if self.color:
            shade = _RED if piece.kind == "problem" else _DIM
            text = "\n".join(f"{shade}{line}{_RESET}" for line in text.split("\n"))
        if self._line_open and self._one_screen:
            text = "\n" + text
            self._line_open = False
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


def write_text(text: str) -> None:
    """Write to stdout at once, as UTF-8; what cannot be encoded is replaced."""
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def write_lines(lines: Sequence[bytes]) -> None:
    """Write lines of JSON to stdout in one go; control characters in them are escaped, all of them."""
    if lines:
        sys.stdout.buffer.write(b"".join(re.sub(_C1_IN_JSON, _escaped, line) + b"\n" for line in lines))
        sys.stdout.buffer.flush()


def _escaped(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found.group().decode())


def say(text: str, *, aside: bool = False) -> None:
    """Print a line that may hold names or words of others, to stderr if it is an aside."""
    print(clean(text), file=sys.stderr if aside else sys.stdout, flush=True)
