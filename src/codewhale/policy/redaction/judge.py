"""Is this value a secret? The judges of what stands after a shape's beginning, or after `password=`. Pure.

They look at 128 characters at most, so that a value which is still arriving is judged like one that is complete.
"""

import re
from collections import Counter
from functools import lru_cache
from math import log2

LOOKED_AT = 128
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z"
_OWN_ID = r"(?:thr|turn|item|task|auto|occ|sess|call|snap|proc|run|sha256:?)_?[0-9a-f]{8,64}\Z"
_STANDS_FOR = r"(?i)your|example|change.?me|redacted|placeholder|x{4}|\*{3}|\.{3}|dummy|insert|replace"
_PLACE = r"(?:[A-Za-z]:)?[~.]{0,2}[/\\]|[a-z]+://"
_CODE = r"[A-Za-z_]+(?:[._-][A-Za-z_]+)*\d{0,3}\Z|[a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)+\Z"
_NAME_OF_FILE = r"[\w./-]+\.[A-Za-z]{1,5}\Z"
_HEX = frozenset("0123456789abcdef")
_HASHES = frozenset({32, 40, 56, 64, 96, 128})


def token(body: str) -> bool:
    """What follows a vendor's prefix: some run of it must mix digits and letters, as words with hyphens do not."""
    return any(len(run) >= 12 and _mixed(run) for run in re.split(r"[_.-]", body[:LOOKED_AT]))


def anything(body: str) -> bool:
    """Shapes that nothing else has."""
    del body
    return True


def numbered(body: str) -> bool:
    """Shapes that nothing else has but their own stand-ins (`xoxb-your-token`), which have no digits."""
    return any(c.isdigit() for c in body[:LOOKED_AT])


def bearer(value: str) -> bool:
    """What follows `Bearer` or `Authorization:`; prose has no digits there."""
    value = value[:LOOKED_AT]
    return not _found(_STANDS_FOR, value) and (_mixed(value) or entropy(value) >= 4.0)


def password(value: str) -> bool:
    """A password in an address or after `password=`: anything that is no stand-in, no word of code and no path."""
    value = value[:LOOKED_AT]
    return (
        not _found(_STANDS_FOR, value)
        and not _begins(_CODE, value)
        and not _begins(_PLACE, value)
        and len(set(value)) > 3
    )


def key(value: str) -> bool:
    """After `api_key=`, `token=`, `secret=`: a value that looks random. Ids of ours, UUIDs, paths and code are none."""
    value = value[:LOOKED_AT]
    if len(value) < 12 or not _mixed(value) or _ordinary(value):
        return False
    return entropy(value) >= (2.5 if _HEX.issuperset(value) else 3.2)


def bare_key(value: str) -> bool:
    """After a bare `key=`, where hashes are common: as `key`, but none that could be a digest."""
    plain_hex = _HEX.issuperset(value.lower())
    return key(value) and len(value) >= 20 and not (plain_hex and len(value) in _HASHES)


def entropy(value: str) -> float:
    """Bits per character."""
    total = len(value)
    return -sum(n / total * log2(n / total) for n in Counter(value).values()) if total else 0.0


def _ordinary(value: str) -> bool:
    return _found(_STANDS_FOR, value) or any(
        _begins(pattern, value) for pattern in (_UUID, _OWN_ID, _PLACE, _CODE, _NAME_OF_FILE)
    )


def _found(pattern: str, value: str) -> bool:
    return compiled(pattern).search(value) is not None


def _begins(pattern: str, value: str) -> bool:
    return compiled(pattern).match(value) is not None


def _mixed(value: str) -> bool:
    return any(c.isdigit() for c in value) and any(c.isalpha() for c in value)


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """Compiled at the first need: most texts hint at no secret, and compiling all would be felt at every start."""
    return re.compile(pattern)
