"""The one redactor: of texts, of JSON, of texts that come in pieces. A marker says which kind of secret was there.

Invariants: redacting twice is redacting once; what holds no secret is given back as the same object; JSON stays JSON of the
same shape; the pieces that a stream gives add up to the redacted whole.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import cast

import msgspec

from codewhale.policy.redaction.judge import compiled
from codewhale.policy.redaction.known import Known
from codewhale.policy.redaction.shapes import SHAPES, Shape

KNOWN = "known-secret"
"""The kind of an exact value."""
HELD = 16 * 1024
"""Most characters that a stream holds back."""
CONTEXT = 8
_WINDOW = 1024
_MARK = "[redacted:"
_WORD_CHARS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+=~-"
_NAMES = ("api_key", "api-key", "apikey", "secret", "token", "password", "passwd", "passphrase", "pwd", "credentials")
_MORE_NAMES = ("private_key", "private-key", "access_key", "access-key", "account_key", "account-key", "auth_key")
_OTHERS = ("auth-key", "client_secret", "client-secret", "key", "authorization", "bearer", "-----begin ", "://")

_ASCII_LOWER = {n: n + 32 for n in range(ord("A"), ord("Z") + 1)}

Span = tuple[int, int, str]

_encode = msgspec.json.Encoder().encode


def marker(kind: str) -> str:
    """What stands in a secret's place."""
    return f"{_MARK}{kind}]"


class Redactor:
    """Redacts the `secrets` in all their forms, and what has one of the `shapes`."""

    def __init__(self, secrets: Iterable[str] = (), shapes: Sequence[Shape] = SHAPES) -> None:
        self._known = Known(secrets)
        self.shapes = tuple(shapes)
        self._hints = [(shape, tuple(hint.encode() for hint in shape.hints)) for shape in self.shapes]
        self._begins = tuple(begin for shape in self.shapes for begin in shape.begins)
        opening = (*_NAMES, *_MORE_NAMES, *_OTHERS, *self._begins)
        self._partial = {word[:n].lower() for word in opening for n in range(1, len(word) + 1)}
        self._longest = max(map(len, opening))

    def __call__(self, content: bytes) -> bytes:
        """`content`, JSON or text, without secrets. In JSON only texts are changed, those that hold JSON included."""
        shapes = self._hinted(content.lower())
        if not shapes and not self._known.hit(content):
            return content
        if content[:1] in (b"{", b"["):
            with suppress(msgspec.DecodeError, RecursionError):
                value: object = msgspec.json.decode(content)
                safe = self._walk(value, shapes)
                return content if safe is value else _encode(safe)
        text = content.decode("utf-8", "surrogateescape")
        safe_text = self._redacted(text, shapes)
        return content if safe_text is text else safe_text.encode("utf-8", "surrogateescape")

    def text(self, text: str) -> str:
        """`text` without secrets."""
        return self._redacted(text, self.shapes)

    def stream(self) -> "RedactingStream":
        """A redactor for one text that comes in pieces."""
        return RedactingStream(
            Sieve(self._known_spans, self._known.unfinished), Sieve(self._all_shape_spans, self._unfinished)
        )

    def _known_spans(self, text: str) -> list[Span]:
        return [(start, end, KNOWN) for start, end in self._known.spans(text)]

    def _all_shape_spans(self, text: str) -> list[Span]:
        return _spans(text, self.shapes)

    def _unfinished(self, text: str, start: int) -> int:
        """Where, from `start` on, the first thing begins that could have a shape once more text follows; the length of
        `text` when nothing could."""
        found = [len(text)]
        window = max(start, len(text) - _WINDOW)
        low = text[window:].lower()
        found += [len(text) - n for n in range(1, min(self._longest, len(low)) + 1) if low[-n:] in self._partial]
        found += self._words(text, max(start, len(text.rstrip(_WORD_CHARS))))
        for shape in self.shapes:
            if shape.open is not None and (window > start or any(hint in low for hint in shape.hints)):
                pattern = compiled(shape.open)
                match = pattern.match(text, start) or pattern.search(text, window)
                if match is not None:
                    found.append(match.start())
        return min(found)

    def _words(self, text: str, tail: int) -> list[int]:
        """Where in the last word of `text`, which begins at `tail`, a shape begins."""
        return [at for begin in self._begins if (at := text.find(begin, tail)) >= 0] if tail < len(text) else []

    def _hinted(self, low: bytes) -> list[Shape]:
        return [shape for shape, hints in self._hints if any(hint in low for hint in hints)]

    def _walk(self, value: object, shapes: Sequence[Shape]) -> object:
        """`value` without secrets; the same object when it has none."""
        if isinstance(value, str):
            return self._redacted(value, shapes)
        if isinstance(value, list):
            old = cast("list[object]", value)
            new = [self._walk(inner, shapes) for inner in old]
            return old if all(a is b for a, b in zip(old, new, strict=True)) else new
        if isinstance(value, dict):
            table = cast("dict[str, object]", value)
            made = {self._redacted(key, shapes): self._field(key, inner, shapes) for key, inner in table.items()}
            return table if all(key in made and made[key] is inner for key, inner in table.items()) else made
        return value

    def _field(self, key: str, value: object, shapes: Sequence[Shape]) -> object:
        """The value of a field, which its name may give away."""
        if isinstance(value, str) and shapes and 6 <= len(value) <= HELD and " " not in value:
            prefix = f"{key}="
            kind = next((kind for start, _, kind in _spans(prefix + value, shapes) if start == len(prefix)), None)
            if kind is not None:
                return marker(kind)
        return self._walk(value, shapes)

    def _redacted(self, text: str, shapes: Sequence[Shape]) -> str:
        safe = _marked(text, self._known_spans(text))
        safe = _marked(safe, _spans(safe, shapes))
        if safe is not text and text[:1] in ("{", "["):
            value = _decoded(text)
            if value is not None and _decoded(safe) is None:
                return _encode(self._walk(value, shapes)).decode()
        return safe


def _decoded(text: str) -> object:
    """The value of JSON text; None when it is none."""
    with suppress(msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return msgspec.json.decode(text)
    return None


def _marked(text: str, spans: list[Span], at: int = 0) -> str:
    """`text` from `at` on with a marker in each span's place; the same object when there is none."""
    if not spans:
        return text[at:] if at else text
    parts: list[str] = []
    for start, end, kind in spans:
        parts += [text[at:start], marker(kind)]
        at = end
    return "".join([*parts, text[at:]])


def _spans(text: str, shapes: Sequence[Shape]) -> list[Span]:
    """What has one of the shapes, from left to right, apart from each other."""
    low = _lower(text)
    found: list[Span] = []
    for shape in shapes:
        for hint in shape.hints:
            at = low.find(hint)
            if at < 0 or len(text) - at < shape.least:
                continue
            begins = compiled(shape.whole).match
            while at >= 0:
                match = begins(text, at)
                if match is not None:
                    start, end = match.span("v")
                    if not text.startswith(_MARK, start) and shape.judge(match["body"]):
                        found.append((start, end, shape.id))
                at = low.find(hint, at + 1 if match is None else match.end())
    if len(found) < 2:
        return found
    return _apart(sorted(found, key=lambda span: (span[0], -span[1])))


def _lower(text: str) -> str:
    """`text` in lower case, with every character in its place."""
    low = text.lower()
    return low if len(low) == len(text) else text.translate(_ASCII_LOWER)


class RedactingStream:
    """Redacts a text in pieces. It holds back only what could be the beginning of a secret."""

    def __init__(self, known: "Sieve", shapes: "Sieve") -> None:
        self._known = known
        self._shapes = shapes

    def feed(self, piece: str) -> str:
        """What can be shown now."""
        return self._shapes.feed(self._known.feed(piece))

    def end(self) -> str:
        """What was held back; nothing follows."""
        return self._shapes.feed(self._known.end()) + self._shapes.end()


class Sieve:
    """Takes the spans that `find` finds out of a text in pieces; `unfinished` says from where on to wait for more. At most
    `HELD` characters are held back; of a secret that is longer, all that follows without a break is dropped."""

    def __init__(self, find: Callable[[str], list[Span]], unfinished: Callable[[str, int], int]) -> None:
        self._find = find
        self._unfinished = unfinished
        self._before = ""
        self._held = ""
        self._dropping = False

    def feed(self, piece: str) -> str:
        """What can be shown now."""
        if self._dropping:
            piece = piece.lstrip(_WORD_CHARS)
            self._dropping = not piece
        if not piece:
            return ""
        known = len(self._before)
        text = self._before + self._held + piece
        spans = self._find(text)
        cut = self._unfinished(text, known)
        for start, end, _ in reversed(spans):
            if start < cut < end:
                cut = max(start, known)
        if len(text) - cut > HELD:
            cut = len(text)
            self._dropping = bool(spans) and spans[-1][1] == cut
        return self._take(text, spans, cut)

    def end(self) -> str:
        """What was held back; nothing follows."""
        text = self._before + self._held
        return self._take(text, self._find(text), len(text))

    def _take(self, text: str, spans: list[Span], cut: int) -> str:
        known = len(self._before)
        self._held = text[cut:]
        self._before = text[max(0, cut - CONTEXT) : cut]
        return _marked(text[:cut], [span for span in spans if known < span[1] <= cut], known)


def _apart(spans: list[Span]) -> list[Span]:
    """Overlapping spans as one, of the kind of the first."""
    out = [spans[0]]
    for start, end, kind in spans[1:]:
        last = out[-1]
        if start < last[1]:
            out[-1] = (last[0], max(last[1], end), last[2])
        else:
            out.append((start, end, kind))
    return out


OFF = Redactor((), ())
"""Redacts nothing."""
