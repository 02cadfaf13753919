"""Which tools fit a query: small, deterministic, lexical. Pure.

A word counts for more the fewer tools have it, and in a name for more than in a description.
"""

import re
from collections.abc import Sequence
from math import log
from typing import cast

from msgspec import Struct

from codewhale.domain.messages import ToolSpec
from codewhale.domain.tool_search import Match

_WORD = r"[a-z0-9]+"
_IDLE = (
    "a an and any are as at be by can do for from how i in into is it me my of on one or our please some something that the "
    "them this to tool tools use using want we what which with you your need"
)
_MEANS: dict[str, str] = {
    "undo": "revert",
    "rollback": "revert",
    "todo": "checklist",
    "todos": "checklist",
    "internet": "web",
    "download": "fetch",
    "picture": "image",
    "screenshot": "image",
    "cron": "automation",
    "schedule": "automation",
    "javascript": "js",
    "lint": "diagnostics",
}
"""What people say for what a tool's name says."""
_ENDINGS = ("ing", "ed", "es", "s", "e")
_IN_NAME = 4.0
_IN_DESCRIPTION = 1.0
_IN_FIELDS = 0.5
_EXACT = 100.0


class _Words(Struct, frozen=True):
    name: frozenset[str]
    description: frozenset[str]
    fields: frozenset[str]

    def place(self, word: str) -> float:
        return (
            _IN_NAME * (word in self.name)
            or _IN_DESCRIPTION * (word in self.description)
            or _IN_FIELDS * (word in self.fields)
        )


def ranked(query: str, specs: Sequence[ToolSpec], match: Match) -> list[ToolSpec]:
    """The specs that fit, best first; equals stay in the order given."""
    names = set(query.lower().replace(",", " ").split())
    if match == "name":
        return [spec for spec in specs if spec.name in names]
    meant = " ".join(_MEANS.get(word, word) for word in _words_of(query))
    wanted = _stems(f"{query} {meant}" if match == "any" else query) - _stems(_IDLE)
    index = [_words(spec) for spec in specs]
    weights = {word: _rarity(word, index) for word in sorted(wanted)}
    scored: list[tuple[float, int]] = []
    for at, (spec, words) in enumerate(zip(specs, index, strict=True)):
        hits = {word: words.place(word) for word in weights}
        if match == "all" and not all(hits.values()) and spec.name not in names:
            continue
        score = sum(place * weights[word] for word, place in hits.items()) + _EXACT * (spec.name in names)
        if score > 0:
            scored.append((-score, at))
    return [specs[at] for _, at in sorted(scored)]


def _rarity(word: str, index: Sequence[_Words]) -> float:
    having = sum(words.place(word) > 0 for words in index)
    return log(1 + len(index) / having) if having else 0.0


def _words(spec: ToolSpec) -> _Words:
    properties = spec.parameters.get("properties")
    fields = " ".join(cast("dict[str, object]", properties)) if isinstance(properties, dict) else ""
    return _Words(name=_stems(spec.name), description=_stems(spec.description), fields=_stems(fields))


def _stems(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _words_of(text))


def _words_of(text: str) -> list[str]:
    return re.findall(_WORD, text.lower())


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word
