"""Takes known secret values out of bytes before they are stored, in the forms in which programs write them.

Exact values only, no guessing by pattern. A secret split between two calls is not seen: the caller keeps text whole.
"""

import binascii
import re
from collections.abc import Iterable
from contextlib import suppress
from typing import cast

import msgspec

SHORTEST = 8
SEARCH_EACH = 4096
"""From this size on, looking for one form after the other is faster than one pattern for all."""
PLACEHOLDER = b"[redacted]"


class Redactor:
    """`Redactor(secrets)(content)` is `content` with each secret replaced; the same object when there is none.

    JSON stays valid JSON: there only texts are changed, those that hold JSON themselves included. Values shorter than 8
    bytes are ignored: they are no secrets, and replacing them would garble what is kept.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {value.strip() for value in secrets}
        forms = {form for value in values if len(value.encode()) >= SHORTEST for form in _forms(value)}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._any = re.compile(b"|".join(re.escape(form) for form in self._forms)) if self._forms else None

    def __call__(self, content: bytes) -> bytes:
        if self._any is None or not self._hit(content, self._any):
            return content
        return self._redacted(content, self._any)

    def _hit(self, content: bytes, any_form: re.Pattern[bytes]) -> bool:
        if len(content) < SEARCH_EACH:
            return any_form.search(content) is not None
        return any(form in content for form in self._forms)

    def _redacted(self, content: bytes, any_form: re.Pattern[bytes]) -> bytes:
        if content[:1] in {b"{", b"["}:
            with suppress(msgspec.DecodeError, RecursionError):
                value: object = msgspec.json.decode(content)
                return msgspec.json.encode(self._walk(value))
        return any_form.sub(PLACEHOLDER, content)

    def _walk(self, value: object) -> object:
        if isinstance(value, str):
            return self(value.encode()).decode()
        if isinstance(value, list):
            return [self._walk(inner) for inner in cast("list[object]", value)]
        if isinstance(value, dict):
            return {self._walk(key): self._walk(inner) for key, inner in cast("dict[str, object]", value).items()}
        return value


def _forms(text: str) -> set[bytes]:
    value = text.encode()
    quoted = msgspec.json.encode(text)[1:-1]
    twice = msgspec.json.encode(quoted.decode())[1:-1]
    hexed = value.hex().encode()
    forms = {value, quoted, twice, _ascii_json(text), hexed, hexed.upper()}
    forms |= {_percent(value, upper=True), _percent(value, upper=False)}
    for shift in range(3):
        core = _base64_core(value, shift)
        forms |= {core, core.replace(b"+", b"-").replace(b"/", b"_")}
    return forms


def _ascii_json(text: str) -> bytes:
    """The JSON of encoders that escape everything outside ASCII, surrogate pairs included."""
    escaped = msgspec.json.encode(text).decode()[1:-1]
    units = "".join(c if c < "\x80" else _utf16_escapes(c) for c in escaped)
    return units.encode()


def _utf16_escapes(char: str) -> str:
    raw = char.encode("utf-16-be")
    return "".join(f"\\u{raw[i : i + 2].hex()}" for i in range(0, len(raw), 2))


def _percent(value: bytes, *, upper: bool) -> bytes:
    spell = "%%%02X" if upper else "%%%02x"
    return "".join(
        chr(b) if chr(b).isascii() and (chr(b).isalnum() or b in b"-._~") else spell % b for b in value
    ).encode()


def _base64_core(value: bytes, shift: int) -> bytes:
    """The characters that are the same whatever stands around `value`, when it starts `shift` bytes into a triple."""
    text = binascii.b2a_base64(b"\0" * shift + value, newline=False)
    return text[(shift * 8 + 5) // 6 : (shift + len(value)) * 8 // 6]
