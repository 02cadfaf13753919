"""Paths as git writes them, and as it reads them in a stream: C-like quotes around what is not plain. Pure."""

import os
import re

_ESCAPE = re.compile(rb"\\([abfnrtv\"\\]|[0-7]{3})")
_NAMED = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b'"': b'"',
    b"\\": b"\\",
}


def quoted(path: str) -> bytes:
    """A path for git to read."""
    raw = os.fsencode(path)
    if b"\n" not in raw and not raw.startswith(b'"'):
        return raw
    return b'"' + raw.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n") + b'"'


def unquoted(text: str) -> str:
    """The path that git wrote, byte for byte (bytes that are no UTF-8 as lone surrogates)."""
    if not text.startswith('"'):
        return text
    return os.fsdecode(_ESCAPE.sub(_plain, os.fsencode(text[1:-1])))


def _plain(found: "re.Match[bytes]") -> bytes:
    code = found[1]
    return _NAMED.get(code) or bytes((int(code, 8) & 0xFF,))
