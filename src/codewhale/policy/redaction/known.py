"""Exact secret values in the forms in which programs write them: JSON, base64 at every offset, URL, hex.

Values shorter than 8 bytes are ignored: they are no secrets, and replacing them would garble what is kept.
"""

import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

import msgspec

SHORTEST = 8
LONGEST = 8192
"""Characters of a form that are looked for; a longer secret is known by its beginning."""
_HEAD = 4
_SECRET_NAMES = frozenset(
    {"KEY", "APIKEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASS", "PWD", "CREDENTIAL", "CREDENTIALS", "PAT"}
)


class Known:
    """The forms of a set of secrets, for finding them in text."""

    def __init__(self, secrets: Iterable[str]) -> None:
        values = {value.strip() for value in secrets}
        forms = {form[:LONGEST] for value in values if len(value.encode()) >= SHORTEST for form in _forms(value)}
        self._forms = tuple(sorted(forms, key=lambda form: (-len(form), form)))
        self._bytes = tuple(form.encode("utf-8", "surrogatepass") for form in self._forms)

    @cached_property
    def _any(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(form) for form in self._forms))

    @cached_property
    def _heads(self) -> re.Pattern[str]:
        return re.compile("|".join(re.escape(head) for head in sorted({form[:_HEAD] for form in self._forms})))

    def hit(self, content: bytes) -> bool:
        """Whether a form stands in `content`, which may be JSON."""
        return any(form in content for form in self._bytes)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where forms stand in `text`, from left to right; the longest where several begin."""
        if not any(form in text for form in self._forms):
            return iter(())
        return (found.span() for found in self._any.finditer(text))

    def unfinished(self, text: str, start: int) -> int:
        """Where, from `start` on, the first form begins that the end of `text` cuts off; its length when there is none."""
        if not self._forms:
            return len(text)
        longest = len(self._forms[0])
        begin = max(start, len(text) - longest)
        for found in self._heads.finditer(text, begin):
            tail = text[found.start() :]
            if any(len(form) > len(tail) and form.startswith(tail) for form in self._forms):
                return found.start()
        for length in range(min(_HEAD - 1, len(text) - start), 0, -1):
            if any(form.startswith(text[-length:]) for form in self._forms):
                return len(text) - length
        return len(text)


def secrets_among(environ: Mapping[str, str]) -> list[str]:
    """The values of the variables that are named like secrets (`X_API_KEY`, `GITHUB_TOKEN`); no paths, no numbers."""
    return [
        value
        for name, value in environ.items()
        if _SECRET_NAMES & set(name.upper().split("_")) and _could_be(value.strip())
    ]


def _could_be(value: str) -> bool:
    return len(value) >= SHORTEST and value[0] not in "/~" and not value.isdigit() and len(set(value)) > 3


def _forms(text: str) -> set[str]:
    value = text.encode("utf-8", "surrogatepass")
    quoted = msgspec.json.encode(text).decode()[1:-1]
    twice = msgspec.json.encode(quoted).decode()[1:-1]
    hexed = value.hex()
    forms = {text, quoted, twice, _ascii_json(text), hexed, hexed.upper()}
    forms |= {_percent(value, upper=True), _percent(value, upper=False)}
    for shift in range(3):
        core = _base64_core(value, shift)
        forms |= {core, core.replace("+", "-").replace("/", "_")}
    return forms


def _ascii_json(text: str) -> str:
    """The JSON of encoders that escape everything outside ASCII, surrogate pairs included."""
    escaped = msgspec.json.encode(text).decode()[1:-1]
    return "".join(c if c < "\x80" else _utf16_escapes(c) for c in escaped)


def _utf16_escapes(char: str) -> str:
    raw = char.encode("utf-16-be")
    return "".join(f"\\u{raw[i : i + 2].hex()}" for i in range(0, len(raw), 2))


def _percent(value: bytes, *, upper: bool) -> str:
    spell = "%%%02X" if upper else "%%%02x"
    return "".join(chr(b) if chr(b).isascii() and (chr(b).isalnum() or b in b"-._~") else spell % b for b in value)


def _base64_core(value: bytes, shift: int) -> str:
    """The characters that are the same whatever stands around `value`, when it starts `shift` bytes into a triple."""
    text = binascii.b2a_base64(b"\0" * shift + value, newline=False)
    return text[(shift * 8 + 5) // 6 : (shift + len(value)) * 8 // 6].decode()
