"""A compaction: the model summarises its conversation, and from then on the summary stands for what came before, with the state
of the work and the latest steps as they are.

History in the log is untouched. A summary that is empty, cut off or failed, or that would lose the state, replaces nothing: the
item fails and the conversation is as it was.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from codewhale.context.compaction import carries, fitting, instruction, replacement
from codewhale.context.conversation import Projection, project
from codewhale.context.estimate import Gauge, measured, size
from codewhale.context.pruning import about, kept_steps, prunable
from codewhale.context.state import state_of, words_of
from codewhale.domain.compactions import Compaction
from codewhale.domain.errors import CodewhaleError, ProviderError, StoreError
from codewhale.domain.messages import Message, ModelRequest, TextDelta, UserMessage, Waiting
from codewhale.domain.records import Item
from codewhale.engine.keeping import Keeping
from codewhale.engine.middleware import Stop
from codewhale.engine.recorder import OpenItem, TurnRecorder
from codewhale.engine.step import Heard, listen
from codewhale.engine.turn import TurnEnd
from codewhale.tools.activation import ACTIVATED

if TYPE_CHECKING:
    from codewhale.engine.turn import Conversation, TurnSetup

FEWEST = 2
"""A conversation of fewer messages has nothing to gain from a summary."""
ATTEMPTS = 2
"""Requests for one summary: a second one, of half the size, where the first is too long for the model."""
WORDS_TOKENS = 20_000
MOST_STEPS = 8
"""Latest steps that stay as they are, where there is room."""
MOST_AGAIN = 20
READS_AGAIN: dict[str, object] = {ACTIVATED: ["retrieve_tool_result"]}
"""Brings in the tool that the model is told of."""
ANSWER_TOKENS = 4096
"""Room for the summary itself where no limit of the output is known."""


Pending = Callable[[], frozenset[str]]


class Occasion(Struct, frozen=True, kw_only=True):
    """Why there is a compaction: by itself or wanted, in a person's words. `pending` gives the items that the model has yet to be
    told of; `share` is how much of the window the request for the summary may take."""

    auto: bool
    reason: str | None = None
    pending: Pending = frozenset[str]
    share: float = 1.0


class _Whole(Struct, frozen=True, kw_only=True):
    """The conversation that is to be compacted, and how it was measured."""

    items: list[Item]
    projection: Projection
    messages: list[Message]
    keeping: Keeping
    gauge: Gauge


async def compact(recorder: TurnRecorder, setup: "TurnSetup", conversation: "Conversation", reason: str | None) -> None:
    """The one thing that a turn does which a person asked for. Raises what ends the turn as failed."""
    recorder.begin_step(1)
    await summarize(recorder, setup, conversation, Occasion(auto=False, reason=reason))


async def summarize(
    recorder: TurnRecorder, setup: "TurnSetup", conversation: "Conversation", occasion: Occasion
) -> Item:
    """Record a `context_compaction` item whose detail stands for the conversation from here on, and make the conversation that.
    Raises what stands in the way, with the item failed and the conversation as it was."""
    keeping = setup.keeping
    assert keeping is not None
    opened = recorder.open_item("context_compaction", auto=occasion.auto)
    keeping.coherence("refreshing_context", "The conversation is being summarised.")
    after = "getting_crowded", "The conversation was not summarised."
    try:
        whole = await _whole(recorder, conversation, keeping, occasion)
        done, messages = await _replaced(recorder, setup, opened, whole, occasion)
        after = "healthy", "The conversation was summarised."
    except TurnEnd as end:
        opened.fail(end.stop.error)
        raise
    except CodewhaleError as error:
        opened.fail(error.in_full())
        raise
    finally:
        with suppress(StoreError):  # the turn's end meets the same failure
            keeping.coherence(*after)
    conversation.messages[:] = messages
    conversation.active.see(done)
    return done


async def _whole(recorder: TurnRecorder, conversation: "Conversation", keeping: Keeping, occasion: Occasion) -> _Whole:
    if len(conversation.messages) < FEWEST:
        raise _end("There is nothing to compact: the conversation is short as it is.", "nothing_to_compact")
    items = await told_items(recorder, occasion.pending)
    return _Whole(
        items=items,
        projection=project(items),
        messages=conversation.messages,
        keeping=keeping,
        gauge=conversation.gauge,
    )


async def told_items(recorder: TurnRecorder, pending: Pending) -> list[Item]:
    """The thread's items that its model knows of, as they are in the log."""
    store = recorder.ports.store
    await store.append([])  # what was recorded so far is read below
    waiting = pending()  # not before: more may have come meanwhile
    return [item for item in store.items(recorder.turn.thread_id) if item.id not in waiting]


async def _replaced(
    recorder: TurnRecorder, setup: "TurnSetup", opened: OpenItem, whole: _Whole, occasion: Occasion
) -> tuple[Item, list[Message]]:
    """The finished item and the messages that are left."""
    summary = await _summary(recorder, setup, whole, occasion)
    before = measured(setup.system, setup.tools_now, whole.messages)
    gauge = whole.gauge
    room = gauge.chars_of(whole.keeping.limits.room(gauge.estimate(replace(before, said=0, messages=0))))
    state = state_of(whole.items, whole.keeping.around(), room // 4)
    kept = _kept(whole.projection, room, before.said)
    tail = _tail(whole, opened.item, kept)
    words = words_of(
        [item for item in whole.items if item.id not in tail.said_ids],
        min(gauge.chars_of(WORDS_TOKENS), room * 15 // 100),
    )
    again = _again(whole.projection, tail, room)
    text = recorder.ports.redactor.text(replacement(summary, state, words, again))
    if not carries(text, state, words):
        raise _end("The state of the work would not have survived, so nothing was replaced.", "compaction_failed")
    messages: list[Message] = [UserMessage(text=text), *tail.messages[1:]]
    after = measured(setup.system, setup.tools_now, messages)
    if occasion.auto and after.said >= before.said:
        raise _end("The summary is no shorter than the conversation, so nothing was replaced.", "compaction_failed")
    act = Compaction(
        act="summarized", tokens_before=gauge.estimate(before), tokens_after=gauge.estimate(after), kept_steps=kept
    )
    opened.replaced(before=len(whole.messages), after=len(messages), compaction=act)
    return opened.complete(text, metadata=READS_AGAIN if again else None), messages


def _tail(whole: _Whole, item: Item, kept: int) -> Projection:
    """What stays beside a summary when the latest steps do."""
    act = Compaction(act="summarized", tokens_before=0, tokens_after=0, kept_steps=kept)
    done = replace(item, status="completed", detail="-", compaction=act)
    return project([*(one for one in whole.items if one.id != item.id), done])


def _kept(projection: Projection, room: int, said: int) -> int:
    """How many steps stay: a few that are small against the rest, and the latest one, which the model has just made, even when
    it is not so small."""
    few = kept_steps(projection, min(room // 5, said // 4), MOST_STEPS)
    return max(few, kept_steps(projection, min(room * 2 // 5, said // 2), 1))


def _again(projection: Projection, tail: Projection, room: int) -> list[str]:
    """The latest results that leave and can be read again, as lines of a list."""
    stays = {item.id for step in tail.steps for item in step}
    left = [item for item in prunable(projection, latest=0) if item.id not in stays]
    gone = sorted(left, key=lambda item: item.started_at or "")
    most = min(MOST_AGAIN, room // 2000)
    lines: list[str] = []
    for item in gone[-most:] if most else []:
        assert item.call is not None
        lines.append(f"{item.call.id}: {item.call.name} {about(item)} ({len(item.detail or ''):,} characters)")
    return lines


async def _summary(recorder: TurnRecorder, setup: "TurnSetup", whole: _Whole, occasion: Occasion) -> str:
    asked = instruction(occasion.reason)
    limits, gauge = whole.keeping.limits, whole.gauge
    header = measured(setup.system, setup.tools_now, ()).header
    usable = min(limits.window - min(limits.window // 8, ANSWER_TOKENS), limits.input)
    room = max(gauge.chars_of(int(usable * occasion.share)) - header - len(asked), 2000)
    attempt = 1
    while True:
        sent = fitting(whole.messages, room)
        try:
            return await _told(recorder, setup, sent, asked)
        except ProviderError as error:
            if error.category != "context_length" or attempt == ATTEMPTS:
                raise
        attempt, room = attempt + 1, size(sent) // 2


async def _told(recorder: TurnRecorder, setup: "TurnSetup", messages: list[Message], asked: str) -> str:
    # As long as all of it fits, the request begins like the last one did, so that the provider's cache serves it.
    request = ModelRequest(
        model=setup.model,
        system=setup.system,
        messages=(*messages, UserMessage(text=asked)),
        tools=setup.tools_now,
        max_output_tokens=setup.max_output_tokens,
        effort=setup.effort,
    )
    pieces: list[str] = []

    def hear(event: Heard) -> None:
        if isinstance(event, TextDelta):
            pieces.append(event.text)
        elif isinstance(event, Waiting):
            pieces.clear()

    finish = await listen(recorder, setup.caller, request, hear)
    summary = "".join(pieces).strip()
    if finish in ("length", "content_filter"):
        raise _end(f"The summary was cut off ({finish}), so nothing was replaced.", "compaction_failed")
    if not summary:
        raise _end("The model wrote no summary, so nothing was replaced.", "compaction_failed")
    return summary


def _end(error: str, code: str) -> TurnEnd:
    return TurnEnd(Stop(error=error, code=code))
