"""The model calls of a turn, each with room made for it where the window is nearly full, or was.

A request that was refused for its length is made again, shorter, as long as nothing was said on it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from codewhale.context.estimate import measured
from codewhale.domain.errors import ProviderError
from codewhale.domain.messages import ModelRequest
from codewhale.engine.keeping import Keeping
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.step import StepResult, run_step

if TYPE_CHECKING:
    from codewhale.engine.crowding import Crowding
    from codewhale.engine.turn import Conversation, Steers, TurnSetup


class Asking:
    """For one turn; `request` makes the next one. `setup` is what it is made with: another one after a compaction."""

    def __init__(
        self,
        recorder: TurnRecorder,
        setup: "TurnSetup",
        steers: "Steers",
        request: "Callable[[TurnSetup, Conversation], ModelRequest]",
    ) -> None:
        self.setup = setup
        self._recorder = recorder
        self._steers = steers
        self._request = request
        self._crowding: Crowding | None = None

    async def step(self, conversation: "Conversation") -> StepResult:
        """One step. Raises `ProviderError`, and `TurnEnd` when the conversation can no longer be sent."""
        while True:
            await self._make_room(conversation)
            request = self._request(self.setup, conversation)
            counted = self._recorder.counted
            try:
                result = await run_step(self._recorder, self.setup.caller, request)
            except ProviderError as error:
                if not self._may_retry(error, conversation):
                    raise
                continue
            if self._recorder.counted is not counted:
                size = measured(request.system, request.tools, request.messages)
                conversation.gauge.counted(size, self._recorder.counted)
            if self._crowding is not None:
                self._crowding.answered()
            return result

    async def _make_room(self, conversation: "Conversation") -> None:
        keeping = self.setup.keeping
        if keeping is None:
            return
        tokens = conversation.gauge.estimate(measured(self.setup.system, self.setup.tools_now, conversation.messages))
        if keeping.ample(tokens) and (self._crowding is None or not self._crowding.refused):
            keeping.say(tokens)
            return
        self.setup = await self._crowd(keeping).relieved(self.setup, conversation)

    def _may_retry(self, error: ProviderError, conversation: "Conversation") -> bool:
        keeping = self.setup.keeping
        if keeping is None or error.category != "context_length" or not self._recorder.quiet:
            return False
        return self._crowd(keeping).overflowed(error, self.setup, conversation)

    def _crowd(self, keeping: Keeping) -> "Crowding":
        if self._crowding is None:
            from codewhale.engine.crowding import Crowding  # noqa: PLC0415 - start-up: most turns never come near

            self._crowding = Crowding(self._recorder, keeping, self._steers)
        return self._crowding
