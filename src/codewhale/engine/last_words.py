"""How a turn ends whose budget is used up: with a report, where something was kept for one, and never in the middle of a call
that it cannot pay.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from codewhale.context.conversation import said
from codewhale.domain.errors import BudgetSpent
from codewhale.domain.messages import Message, ModelRequest
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.step import Caller, run_step

SOURCE = "budget"
ASKED = (
    "The budget for this turn is nearly used up: this is your last message. Call no tools, they will not run. Say what you "
    "did, what is unfinished, and how to go on."
)


async def last_words(
    recorder: TurnRecorder, caller: Caller, messages: list[Message], request: Callable[[], ModelRequest]
) -> None:
    """One more model call out of what was kept for it, for a report; nothing where not even that can be paid."""
    caller.purse.last_words()
    messages.append(said(recorder.told(ASKED, SOURCE)))
    recorder.begin_step(recorder.step + 1)  # what was told comes before the report, also in what is folded from the log
    with suppress(BudgetSpent):
        await run_step(recorder, caller, request())


@asynccontextmanager
async def within(seconds: float | None) -> AsyncGenerator[None, None]:
    """Ends what runs inside after so many seconds. Raises `BudgetSpent`."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        raise BudgetSpent(
            f"The budget of wall time for this turn ({seconds:g} seconds were left) is used up.",
            hint="raise `seconds` in [budgets.turn], or in the scope above it that has least left",
        ) from None
