"""A compaction: the model summarises its conversation, and from then on the summary stands for what came before.

History in the log is untouched. A summary that is empty, cut off or failed replaces nothing: the item and the turn fail.
"""

from collections.abc import Sequence

from msgspec import Struct

from codewhale.context.compaction import fitting, instruction, replacement
from codewhale.domain.errors import CodewhaleError
from codewhale.domain.messages import Message, ModelRequest, TextDelta, UserMessage
from codewhale.engine.middleware import Stop
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.step import Heard, listen
from codewhale.engine.turn import TurnEnd, TurnSetup

USUAL_WINDOW = 128_000
CHARS_PER_TOKEN = 3
"""A cautious guess: more text per token than this is common, less is rare."""
FEWEST = 2
"""A conversation of fewer messages has nothing to gain from a summary."""


class Focus(Struct, frozen=True, kw_only=True):
    """How large the model's window is, in tokens, and why the person asks for a compaction."""

    window: int | None
    reason: str | None


async def compact(recorder: TurnRecorder, setup: TurnSetup, messages: Sequence[Message], focus: Focus) -> None:
    """Record a `context_compaction` item whose detail replaces `messages`. Raises what ends the turn as failed."""
    recorder.begin_step(1)
    item = recorder.open_item("context_compaction", auto=False)
    try:
        summary = await _summary(recorder, setup, messages, focus)
    except TurnEnd as end:
        item.fail(end.stop.error)
        raise
    except CodewhaleError as error:
        item.fail(error.message)
        raise
    item.replaced(before=len(messages), after=1)
    item.complete(replacement(summary, messages))


async def _summary(recorder: TurnRecorder, setup: TurnSetup, messages: Sequence[Message], focus: Focus) -> str:
    if len(messages) < FEWEST:
        raise _end("There is nothing to compact: the conversation is short as it is.", "nothing_to_compact")
    asked = instruction(focus.reason)
    tokens = (focus.window or USUAL_WINDOW) * 85 // 100 - (setup.max_output_tokens or 0)
    room = max(tokens, 1000) * CHARS_PER_TOKEN - len(asked) - len(setup.system)
    # As long as all of it fits, the request begins like the last one did, so that the provider's cache serves it.
    request = ModelRequest(
        model=setup.model,
        system=setup.system,
        messages=(*fitting(messages, room), UserMessage(text=asked)),
        tools=setup.tools_now,
        max_output_tokens=setup.max_output_tokens,
        effort=setup.effort,
    )
    pieces: list[str] = []

    def hear(event: Heard) -> None:
        if isinstance(event, TextDelta):
            pieces.append(event.text)

    finish = await listen(recorder, setup.caller, request, hear)
    summary = "".join(pieces).strip()
    if finish in ("length", "content_filter"):
        raise _end(f"The summary was cut off ({finish}), so nothing was replaced.", "compaction_failed")
    if not summary:
        raise _end("The model wrote no summary, so nothing was replaced.", "compaction_failed")
    return summary


def _end(error: str, code: str) -> TurnEnd:
    return TurnEnd(Stop(error=error, code=code))
