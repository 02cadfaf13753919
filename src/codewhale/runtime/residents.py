"""Threads in memory: the record that commands change, the model's conversation, and the turn under way.

At most `CAPACITY` idle threads are kept (least recently used go first); one with an active turn is never dropped. What is
dropped is folded from the log again when it is needed, with the same result.
"""

import asyncio
from collections import OrderedDict

from msgspec import Struct, field

from codewhale.context.conversation import messages
from codewhale.context.estimate import Gauge, gauge_of
from codewhale.domain.errors import NotFound
from codewhale.domain.internal_events import StepCompleted
from codewhale.domain.records import Thread
from codewhale.engine.pins import Header
from codewhale.engine.recorder import TurnRecorder
from codewhale.engine.shapes import Shapes
from codewhale.engine.turn import Conversation, Steers
from codewhale.engine.watch import Watches
from codewhale.policy.posture import Posture
from codewhale.store.port import Store, Ticket
from codewhale.tools.activation import Activation

CAPACITY = 8


class ActiveTurn(Struct, kw_only=True, eq=False):
    """A turn under way. `reason` is set when somebody asked it to stop; a turn that is not `steerable` takes no input."""

    recorder: TurnRecorder
    posture: Posture
    steers: Steers = field(default_factory=Steers)
    task: asyncio.Task[None] | None = None
    reason: str | None = None
    ended: bool = False
    steerable: bool = True
    watches: Watches | None = None


class Resident(Struct, kw_only=True, eq=False):
    """One thread in memory. `conversation` None means: fold it from the log once `settled` is durable. `ending` is what
    still watches the end of an interrupted turn."""

    thread: Thread
    conversation: Conversation | None = None
    active: ActiveTurn | None = None
    settled: Ticket | None = None
    ending: asyncio.Task[None] | None = None


class Residents:
    """The threads in memory, by id."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._residents: OrderedDict[str, Resident] = OrderedDict()

    def get(self, thread_id: str) -> Resident:
        """The thread, loaded if need be; `NotFound` when there is none."""
        found = self._residents.get(thread_id)
        if found is None:
            thread = self._store.thread(thread_id)
            if thread is None:
                raise NotFound(f"Thread not found: {thread_id}")
            return self.add(thread)
        self._residents.move_to_end(thread_id)
        return found

    def add(self, thread: Thread) -> Resident:
        """Keep a thread that was just made or read."""
        resident = self._residents[thread.id] = Resident(thread=thread)
        idle = [key for key, other in self._residents.items() if other.active is None and other is not resident]
        for key in idle[: max(0, len(idle) - CAPACITY + 1)]:
            del self._residents[key]
        return resident

    def active(self) -> list[ActiveTurn]:
        """The turns under way."""
        return [r.active for r in self._residents.values() if r.active is not None]

    def clear(self) -> None:
        """Forget every thread without an active turn."""
        for key in [k for k, r in self._residents.items() if r.active is None]:
            del self._residents[key]


async def conversation_of(resident: Resident, store: Store, *, before: str) -> Conversation:
    """The thread's conversation up to the turn `before`, folded from the log unless it is in memory."""
    if resident.conversation is None:
        if resident.settled is not None:
            await resident.settled
            resident.settled = None
        last = _last_step(store, resident.thread.id)
        items = [item for item in store.items(resident.thread.id) if item.turn_id != before]
        taken = {item.call.id for item in items if item.call is not None}
        resident.conversation = Conversation(
            messages=messages(items),
            call_ids=taken,
            active=Activation(items),
            header=Header.of(store, resident.thread.id),
            shapes=Shapes(last.request if last is not None else None),
            gauge=gauge_of(last.request, last.usage) if last is not None else Gauge(),
        )
    return resident.conversation


def _last_step(store: Store, thread_id: str) -> StepCompleted | None:
    last = store.latest(thread_id, StepCompleted.WIRE)
    step = last.decode() if last is not None else None
    return step if isinstance(step, StepCompleted) else None
