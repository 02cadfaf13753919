"""`model = "auto"` at the beginning of a turn: which model the turn gets, and why, in the log.

What words and length do not tell is asked of a small model, which sees the last few messages, cut, and never reasoning. If
it does not answer in time or says something else, the fast model does the turn.
"""

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from codewhale.config.routes import auto_models
from codewhale.config.settings import Settings
from codewhale.domain import events as e
from codewhale.domain.commands import TurnInput
from codewhale.domain.errors import ConfigError, ProviderError
from codewhale.domain.messages import (
    AssistantMessage,
    Effort,
    Message,
    ModelRequest,
    TextDelta,
    ToolMessage,
    UserMessage,
    Waiting,
)
from codewhale.domain.records import Thread
from codewhale.engine.purse import UNLIMITED, Purse
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.step import Caller, Heard, listen
from codewhale.llm.auto import INSTRUCTION, Choice, decide, effort_for, routed, rows
from codewhale.runtime.outside import AUTO, ModelSource

MOST_TOKENS = 200


class AutoRouter:
    """Chooses the model of turns whose thread leaves it open."""

    def __init__(self, settings: Settings, models: ModelSource) -> None:
        self._settings = settings
        self._models = models

    async def settled(
        self,
        recorder: TurnRecorder,
        thread: Thread,
        given: TurnInput,
        messages: Sequence[Message],
        purse: Purse = UNLIMITED,
    ) -> TurnInput:
        """What was asked for the turn, with a model in place of `auto`. Raises `ConfigError`."""
        strong, fast = auto_models(self._settings, thread.model_provider)
        auto = self._settings.auto
        choice, thinking = decide(given.prompt, cost_saving=auto.cost_saving), effort_for(given.prompt)
        if choice.strength is None:
            choice, said = await self._asked(recorder, thread, given.prompt, messages, purse)
            thinking = said or thinking
        model = strong if choice.strength == "strong" else fast
        effort = given.effort or self._settings.reasoning_effort or _normal(thinking)
        provider = thread.model_provider or self._settings.route.provider
        recorder.append(
            e.RouteChosen(cause="auto", provider=provider, model=model, reason=choice.reason, effort=effort)
        )
        recorder.chose(model)
        return replace(given, model=model, effort=effort)

    async def _asked(
        self, recorder: TurnRecorder, thread: Thread, prompt: str, messages: Sequence[Message], purse: Purse
    ) -> tuple[Choice, Effort | None]:
        router = self._settings.auto.router
        unknown = Choice(strength="fast", reason="the message tells too little")
        if not router.enabled:
            return unknown, None
        pieces: list[str] = []

        def hear(event: Heard) -> None:
            if isinstance(event, TextDelta) and len(pieces) < MOST_TOKENS:
                pieces.append(event.text)
            elif isinstance(event, Waiting):
                pieces.clear()

        try:
            model = self._models(router.model or AUTO, thread.model_provider)
            asked = recorder.ports.redactor.text(rows([*_rows(messages), ("person", prompt)]))
            request = ModelRequest(
                model=model.name,
                system=INSTRUCTION,
                messages=(UserMessage(text=asked),),
                max_output_tokens=MOST_TOKENS,
                effort=router.thinking,
            )
            caller = Caller(provider=model.provider, rate=model.rate, other=model.other, purse=purse)
            async with asyncio.timeout(router.timeout_secs):
                await listen(recorder, caller, request, hear)
        except TimeoutError:
            return Choice(strength="fast", reason=f"{unknown.reason}, and the router took too long"), None
        except (ProviderError, ConfigError) as error:
            return Choice(strength="fast", reason=f"{unknown.reason}, and the router failed: {error.message}"), None
        found = routed("".join(pieces))
        if found is None:
            return Choice(strength="fast", reason=f"{unknown.reason}, and the router's answer was no choice"), None
        return Choice(strength=found[0], reason=f"the router chose {found[0]}"), found[1]


def _normal(effort: Effort) -> Effort:
    """Between a little and a lot there is no difference that would be worth a cache."""
    return "high" if effort in ("low", "medium") else effort


def _rows(messages: Sequence[Message]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for message in messages:
        match message:
            case UserMessage():
                found.append(("person", message.text))
            case AssistantMessage() if message.text:
                found.append(("model", message.text))
            case AssistantMessage():
                found.append(("model", "called " + ", ".join(call.name for call in message.calls)))
            case ToolMessage():
                pass
    return found
