"""Runs blocking file work in a thread so that the event loop stays free; an interrupt asks the work to end early.

Long work looks at `Stop` as it goes, writing work before it commits. A cancelled caller waits a moment for the work to end,
so that what it wrote is on disk (or is not) before the next call runs.
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

PATIENCE = 0.05
"""Seconds that an interrupted caller waits for its thread."""


class Stop:
    """True once somebody no longer wants the result."""

    def __init__(self) -> None:
        self._asked = False

    def __bool__(self) -> bool:
        return self._asked

    def ask(self) -> None:
        self._asked = True


async def blocking(work: Callable[[Stop], Result]) -> Result:
    """`work` in a thread of the loop's bounded pool. When the caller is cancelled, the work is asked to stop."""
    stop = Stop()
    working = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        stop.ask()
        working.add_done_callback(_over)
        await asyncio.wait([working], timeout=PATIENCE)
        raise


def _over(working: "asyncio.Future[Result]") -> None:
    """Nobody is left to be told how interrupted work ended; asyncio would log its error as forgotten."""
    if not working.cancelled():
        working.exception()
