"""What a turn needs to keep its conversation within the window, and the way back from a compaction."""

from typing import TYPE_CHECKING

from msgspec import Struct

from codewhale.context.conversation import in_force, messages
from codewhale.context.estimate import Size, limits, measured
from codewhale.domain.compactions import Compaction
from codewhale.domain.errors import ConfigError, Conflict
from codewhale.domain.messages import Message
from codewhale.domain.records import SCHEMA_VERSION, Item
from codewhale.engine.keeping import Keeping
from codewhale.engine.pins import system_text
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.turn import Conversation
from codewhale.runtime.coherence import coherence_of
from codewhale.runtime.outside import Outside
from codewhale.runtime.residents import Resident
from codewhale.runtime.threads import Defaults
from codewhale.runtime.turn_setup import Prepared
from codewhale.store.port import Store

if TYPE_CHECKING:
    from codewhale.context.state import Around


class Return(Struct, frozen=True, kw_only=True):
    """A compaction that is to be taken back: the messages before and after that, and estimates in tokens."""

    before: int
    after: int
    tokens_before: int
    tokens_after: int


def keeping_of(
    defaults: Defaults, resident: Resident, recorder: TurnRecorder, prepared: Prepared, conversation: Conversation
) -> Keeping:
    """For a turn with this model."""
    store, thread_id = recorder.ports.store, resident.thread.id
    wish, model = defaults.compaction, prepared.model

    def around() -> "Around":
        from codewhale.context.state import Around  # noqa: PLC0415 - start-up: only a compaction needs it

        return Around(
            processes=store.processes.of_thread(thread_id),
            requests=store.open_requests(thread_id),
            tools=conversation.active.names,
            task=resident.thread.task_id or "",
        )

    return Keeping(
        limits=limits(
            model.window,
            model.max_output_tokens,
            percent=wish.threshold_percent,
            automatic=model.window is not None if wish.auto is None else wish.auto,
        ),
        wanted=prepared.wanted,
        around=around,
        coherence=coherence_of(resident, recorder),
    )


def way_back(resident: Resident, store: Store, outside: Outside, conversation: Conversation) -> Return:
    """What taking back the thread's last compaction comes to. `Conflict` when there is none, or it would not fit."""
    items = store.items(resident.thread.id)
    standing = in_force(items)
    if not standing:
        raise Conflict("There is no compaction of this thread that could be taken back")
    restored = messages([*items, _undone(standing[-1])])
    before, after = _size(conversation, conversation.messages), _size(conversation, restored)
    gauge, window = conversation.gauge, limits(_window(outside, resident), None).window
    if gauge.estimate(after) > window:
        raise Conflict(
            f"The conversation would be about {gauge.estimate(after):,} tokens and the model's window is {window:,}: the compaction stays",
            hint="choose a model with a larger window for the thread, or fork the thread from before the compaction",
        )
    return Return(
        before=len(conversation.messages),
        after=len(restored),
        tokens_before=gauge.estimate(before),
        tokens_after=gauge.estimate(after),
    )


def take_back(recorder: TurnRecorder, back: Return) -> None:
    """Record that the compaction is no longer in force."""
    recorder.begin_step(1)
    opened = recorder.open_item("context_compaction", auto=False)
    act = Compaction(act="restored", tokens_before=back.tokens_before, tokens_after=back.tokens_after)
    opened.replaced(before=back.before, after=back.after, compaction=act)
    opened.complete(
        f"The last compaction was taken back: the model is sent {back.after} messages again, about {back.tokens_after:,} tokens."
    )


def _size(conversation: Conversation, said: list[Message]) -> Size:
    pinned = conversation.header.pinned
    system, tools = (system_text(pinned), pinned.tools) if pinned is not None else ("", ())
    return measured(system, tools, said)


def _window(outside: Outside, resident: Resident) -> int | None:
    try:
        return outside.models(resident.thread.model, resident.thread.model_provider).window
    except ConfigError:  # without a key nothing can be called, and nothing need fit
        return None


def _undone(item: Item) -> Item:
    return Item(
        schema_version=SCHEMA_VERSION,
        id="",
        turn_id=item.turn_id,
        kind="context_compaction",
        status="completed",
        summary="",
        artifact_refs=(),
        compaction=Compaction(act="restored", tokens_before=0, tokens_after=0),
    )
