"""Ctrl-C and its relatives while a turn runs: the first one asks the turn to stop, the second one leaves.

The signal's own exit code is kept, for the end of a turn that it stopped.
"""

import asyncio
import signal
from types import FrameType, TracebackType
from typing import Any, Self

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stops:
    """Installed while entered, in the main thread. `asked` is set by the first signal."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.code = 0
        self._loop = asyncio.get_running_loop()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in NUMBERS:
            self._before[number] = signal.signal(number, self._received)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _received(self, number: int, frame: FrameType | None) -> None:
        del frame
        if self.code:
            raise KeyboardInterrupt
        self.code = 128 + number
        self._loop.call_soon_threadsafe(self.asked.set)
