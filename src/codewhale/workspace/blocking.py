"""Runs blocking file work in a thread so that the event loop stays free; an interrupt asks the thread to end early.

The thread never outlives its wish by much: long work looks at `Stop`, and writing work looks before it commits.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Stop:
    """True once somebody no longer wants the result. `then` is called at that moment, from the loop's thread."""

    def __init__(self) -> None:
        self._asked = False
        self._then: Callable[[], None] | None = None

    def __bool__(self) -> bool:
        return self._asked

    def when_asked(self, then: Callable[[], None] | None) -> None:
        self._then = then
        if self._asked and then is not None:
            then()

    def ask(self) -> None:
        self._asked = True
        if self._then is not None:
            self._then()


async def blocking(work: Callable[[Stop], Result]) -> Result:
    """`work` in a thread of the loop's bounded pool. When the caller is cancelled, the work is asked to stop."""
    stop = Stop()
    try:
        return await asyncio.to_thread(work, stop)
    except asyncio.CancelledError:
        stop.ask()
        raise
