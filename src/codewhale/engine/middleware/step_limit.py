"""Ends a turn that asks for more model calls than it may have; never as `completed`."""

from codewhale.engine.middleware import LoopState, Stop


class StepLimit:
    """At most `limit` steps in a turn."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    def before_step(self, state: LoopState) -> Stop | None:
        if state.step <= self._limit:
            return None
        return Stop(
            error=f"Stopped at the limit of {self._limit} steps before the work was done. Send another message to go on.",
            code="step_limit",
        )
