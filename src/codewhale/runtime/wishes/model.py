"""One model call beside the conversation: same model and provider as the turn, recorded and charged as a call of its."""

import asyncio

from codewhale.domain.errors import ConfigError, ProviderError, ToolError
from codewhale.domain.messages import ModelRequest, TextDelta, UserMessage, Waiting
from codewhale.domain.model_wish import AskModel
from codewhale.domain.wishes import Origin
from codewhale.engine.step import Caller, Heard, listen
from codewhale.runtime.runtime import Runtime

SECONDS = 300.0
MOST_CHARS = 400_000


async def ask(wish: AskModel, origin: Origin, runtime: Runtime) -> str:
    """What the model says; `ToolError` when it cannot be asked or says nothing."""
    recorder = runtime.recorder(origin.thread_id)
    if recorder is None or recorder.turn.id != origin.turn_id:
        raise ToolError("The turn that asks is over.", category="cancelled")
    pieces: list[str] = []
    size = 0

    def hear(event: Heard) -> None:
        nonlocal size
        if isinstance(event, TextDelta) and size < MOST_CHARS:
            pieces.append(event.text)
            size += len(event.text)
        elif isinstance(event, Waiting):
            pieces.clear()
            size = 0

    try:
        thread = await runtime.thread(origin.thread_id)
        model = runtime.outside.models(recorder.turn.effective_model or thread.model, thread.model_provider)
        limit = min(wish.max_output_tokens, model.max_output_tokens or wish.max_output_tokens)
        request = ModelRequest(
            model=model.name,
            system=wish.system,
            messages=(UserMessage(text=wish.prompt),),
            max_output_tokens=limit,
            effort=model.effort,
        )
        async with asyncio.timeout(SECONDS):
            await listen(recorder, Caller(provider=model.provider, rate=model.rate, other=model.other), request, hear)
    except TimeoutError:
        raise ToolError(f"The model needed more than {SECONDS:.0f} seconds.", category="timeout") from None
    except (ProviderError, ConfigError) as error:
        raise ToolError(f"The model could not be asked: {error.in_full()}") from error
    text = "".join(pieces).strip()
    if not text:
        raise ToolError("The model gave no answer.")
    return text


ANSWERS = {AskModel: ask}
