"""Makes room in the middle of a turn, between two steps: old results go first, without a model call; when that is not enough
the model summarises the conversation.

It happens at a share of the window, never by the number of messages, and when a request no longer fits: then at most twice for
one step, and a turn that cannot be saved fails with words that help. What could not be made smaller stays as it is.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from codewhale.context.conversation import project
from codewhale.context.estimate import Size, limits, measured
from codewhale.context.pruning import LATEST_STEPS, kept_steps, prune, saved
from codewhale.domain.compactions import Compaction
from codewhale.domain.errors import ProviderError
from codewhale.engine.compact import FEWEST, READS_AGAIN, Occasion, summarize, told_items
from codewhale.engine.keeping import Keeping
from codewhale.engine.middleware import Stop
from codewhale.engine.pins import system_text
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.turn import TurnEnd

if TYPE_CHECKING:
    from codewhale.engine.turn import Conversation, Steers, TurnSetup

MOST_OVERFLOWS = 2


class Crowding:
    """For one turn. `refused` once a provider has said that the last request was too long for its model."""

    def __init__(self, recorder: TurnRecorder, keeping: Keeping, steers: "Steers") -> None:
        self._recorder = recorder
        self._keeping = keeping
        self._steers = steers
        self._tried = 0
        self._overflows = 0
        self._error: ProviderError | None = None

    @property
    def refused(self) -> bool:
        """Whether the last request was too long."""
        return self._error is not None

    def answered(self) -> None:
        """The request was not too long."""
        self._overflows = 0
        self._error = None

    def overflowed(self, error: ProviderError, setup: "TurnSetup", conversation: "Conversation") -> bool:
        """The provider says that the request is too long. False when nothing can be done about it. For the rest of the turn the
        window is no larger than this request."""
        self._error = error
        self._overflows += 1
        known = self._keeping.limits
        tokens = conversation.gauge.estimate(_size(setup, conversation))
        if tokens < known.window:
            narrower = limits(tokens, None, automatic=known.automatic)
            self._keeping = replace(self._keeping, limits=narrower)
        return self._overflows <= MOST_OVERFLOWS and len(conversation.messages) >= FEWEST

    async def relieved(self, setup: "TurnSetup", conversation: "Conversation") -> "TurnSetup":
        """The set-up to go on with, once the conversation has room, or where it cannot have more and may still fit. Raises
        `TurnEnd` when it cannot be sent."""
        setup = replace(setup, keeping=self._keeping)
        size, limit = _size(setup, conversation), self._keeping.limits
        tokens, header = conversation.gauge.estimate(size), _header(conversation, size)
        lost = self.refused or tokens > limit.window
        if not lost and tokens < self._tried + limit.window // 20:
            return setup
        self._tried = tokens
        if lost and header >= limit.window:
            raise self._hopeless(f"What every request begins with alone is about {header:,} tokens.")
        goal = min(limit.goal(header), tokens * 6 // 10 if lost else tokens)
        if await self._pruned(setup, conversation, size, goal):
            return setup
        try:
            setup = await self._summarized(setup, conversation)
        except (ProviderError, TurnEnd) as error:
            if not lost:
                return setup  # its item says why; the request still fits
            last = min(limit.input, tokens * 8 // 10)
            if await self._pruned(setup, conversation, size, last, latest=1):
                return setup
            if _passing(error):
                raise
            raise self._hopeless(_words(error)) from error
        left = conversation.gauge.estimate(_size(setup, conversation))
        if left > limit.window:
            raise self._hopeless(f"It is still about {left:,} tokens after it was summarised.")
        return setup

    async def _pruned(
        self, setup: "TurnSetup", conversation: "Conversation", size: Size, goal: int, latest: int | None = None
    ) -> bool:
        """Whether leaving out old results was enough; when it would not be, none is left out. Those of the `latest` steps stay:
        as many as have room, where it is not said."""
        gauge = conversation.gauge
        over = size.whole - gauge.chars_of(goal)
        items = await told_items(self._recorder, self._pending)
        projection = project(items)
        if latest is None:
            room = gauge.chars_of(self._keeping.limits.room(_header(conversation, size)))
            latest = max(kept_steps(projection, room * 2 // 5, LATEST_STEPS), 1)
        stubs = prune(projection, over, latest=latest)
        gone = saved(projection, stubs)
        if not stubs or gone < over:
            return False
        opened = self._recorder.open_item("context_compaction", auto=True)
        count = len(conversation.messages)
        after = gauge.estimate(replace(size, said=size.said - gone))
        act = Compaction(act="pruned", tokens_before=gauge.estimate(size), tokens_after=after, pruned=stubs)
        opened.replaced(before=count, after=count, compaction=act)
        done = opened.complete(_told(len(stubs), gone), metadata=READS_AGAIN)
        conversation.active.see(done)
        conversation.messages[:] = project([*items, done]).messages
        self._keeping.say(gauge.estimate(_size(setup, conversation)))
        return True

    async def _summarized(self, setup: "TurnSetup", conversation: "Conversation") -> "TurnSetup":
        share = 0.6 / self._overflows if self._overflows else 1.0
        occasion = Occasion(auto=True, pending=self._pending, share=share)
        await summarize(self._recorder, setup, conversation, occasion)
        self._tried = conversation.gauge.estimate(_size(setup, conversation))
        return renewed(self._recorder, setup, conversation, self._keeping)

    def _pending(self) -> frozenset[str]:
        return frozenset(item.id for item in self._steers.items)

    def _hopeless(self, why: str) -> TurnEnd:
        window = self._keeping.limits.window
        return TurnEnd(
            Stop(
                error=f"The conversation no longer fits into the model's window of {window:,} tokens, and it could not be made "
                f"smaller: {why} Nothing is lost. Choose a model with a larger window, or begin a new thread.",
                code="context_full",
            )
        )


def renewed(recorder: TurnRecorder, setup: "TurnSetup", conversation: "Conversation", keeping: Keeping) -> "TurnSetup":
    """After a summary nothing is cached: the header may be composed anew, and has to be where the model was told of changes."""
    header = conversation.header
    before = len(header.pinned.tools) if header.pinned is not None else 0
    header.compacted(recorder)
    pinned = header.settle(recorder, keeping.wanted)
    return replace(setup, system=system_text(pinned), tools=(*pinned.tools, *setup.tools[before:]))


def _size(setup: "TurnSetup", conversation: "Conversation") -> Size:
    return measured(setup.system, setup.tools_now, conversation.messages)


def _header(conversation: "Conversation", size: Size) -> int:
    return conversation.gauge.estimate(replace(size, said=0, messages=0))


def _passing(error: ProviderError | TurnEnd) -> bool:
    """Whether it says nothing about the length of the conversation."""
    return isinstance(error, ProviderError) and error.category != "context_length"


def _words(error: ProviderError | TurnEnd) -> str:
    return error.stop.error if isinstance(error, TurnEnd) else error.message


def _told(results: int, characters: int) -> str:
    return (
        f"{results} old tool result{'s' * (results != 1)} ({characters:,} characters) left out of what the model is sent; "
        "each is kept, and it can read it again."
    )
