"""Time and identity as ports, so that a log can be replayed and a test can be exact.

Timestamps are RFC 3339 UTC strings with milliseconds and `Z` (fixed width, so they sort as text).
"""

import os
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time for records, monotonic time for deadlines; never mix the two."""

    def now(self) -> str:
        """The wall clock as `2026-01-31T23:59:59.123Z`."""
        ...

    def later(self, seconds: float) -> str:
        """The wall clock `seconds` from now."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards."""
        ...


class Ids(Protocol):
    """Makes ids `prefix_` + at least 16 lower-case hex digits; the store checks for collisions at insert."""

    def new(self, prefix: str) -> str: ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> str:
        return timestamp(time.time())

    def later(self, seconds: float) -> str:
        return timestamp(time.time() + seconds)

    def monotonic(self) -> float:
        return time.monotonic()


class RandomIds:
    """64 random bits per id."""

    def new(self, prefix: str) -> str:
        return f"{prefix}_{os.urandom(8).hex()}"


def timestamp(seconds: float) -> str:
    """Unix seconds as a record's timestamp."""
    millis = int(seconds * 1000)
    whole, rest = divmod(millis, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:03d}Z"


def is_id(text: str) -> bool:
    """Whether `text` may be an id at all: 1–128 of `[A-Za-z0-9_-]`. Says nothing about existence."""
    return 0 < len(text) <= 128 and text.isascii() and text.replace("_", "a").replace("-", "a").isalnum()
