"""Time and identity that a test controls: a clock that moves only when told, ids that count.

Shipped as part of the product so that every golden log is exact. Nothing here reads the machine's clock.
"""

from codewhale.domain.ports import timestamp

START = 1_767_225_600.0
"""Where a `ManualClock` starts: 2026-01-01T00:00:00.000Z."""


class ManualClock:
    """A `Clock` that stands still. `advance` moves wall and monotonic time together; `tick` is added after each
    `now()`, so that records made one after the other can have different times."""

    def __init__(self, start: float = START, *, tick: float = 0.0) -> None:
        self._millis = round(start * 1000)
        self._tick = round(tick * 1000)
        self._begun = self._millis

    def now(self) -> str:
        whole, rest = divmod(self._millis, 1000)
        self._millis += self._tick
        return timestamp(whole)[:-4] + f"{rest:03d}Z"

    def later(self, seconds: float) -> str:
        whole, rest = divmod(self._millis + round(seconds * 1000), 1000)
        return timestamp(whole)[:-4] + f"{rest:03d}Z"

    def monotonic(self) -> float:
        """Seconds since the clock was made."""
        return (self._millis - self._begun) / 1000

    def advance(self, seconds: float) -> None:
        """Move time forward; `seconds` is not negative."""
        if seconds < 0:
            raise ValueError("time does not go backwards")
        self._millis += round(seconds * 1000)

    def jump(self, seconds: float) -> None:
        """Set the wall clock, in either direction; monotonic time stands still."""
        self._millis += round(seconds * 1000)
        self._begun += round(seconds * 1000)


class SequentialIds:
    """`Ids` that count per prefix: `thr_0000000000000001`, `thr_0000000000000002`, `turn_0000000000000001`, …"""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        number = self._last[prefix] = self._last.get(prefix, 0) + 1
        return f"{prefix}_{number:016x}"
