"""Follows the log for each sink and delivers what it asked for. One event is delivered at a time; while a sink cannot be
reached its events wait in the log, and no other sink waits with it.

A sink that is seen for the first time begins with what happens from then on. An event that a sink refuses for good is left
out after some attempts and named in `dropped.jsonl`.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing

import msgspec
from msgspec import Struct

from codewhale.domain.errors import StoreError
from codewhale.domain.events import INTERNAL, Event
from codewhale.domain.hooks import Sink
from codewhale.runtime.outbox.deliveries import Deliver, Refused, Unreachable
from codewhale.runtime.outbox.places import Places
from codewhale.store.port import Store
from codewhale.work.port import Waiter

FIRST_DELAY = 1.0
MAX_DELAY = 300.0
REFUSALS = 5
"""An event that was refused so often will not be taken."""
CLOSING = 5.0
"""Seconds that the last events may take when the runtime closes; the rest is delivered next time."""


class Envelope(Struct, frozen=True, omit_defaults=True):
    """An event as sinks get it."""

    schema_version: int
    seq: int
    event: str
    timestamp: str
    thread_id: str
    payload: msgspec.Raw
    turn_id: str | None = None
    item_id: str | None = None


class Outbox:
    """The sinks of one runtime. `folder` keeps where each of them is. The events of one without a way to deliver wait."""

    def __init__(
        self,
        sinks: Mapping[Sink, Deliver | None],
        folder: str,
        store: Store,
        waiter: Waiter,
        say: Callable[[str], None],
    ) -> None:
        self._sinks = sinks
        self._places = Places(folder)
        self._store = store
        self._waiter = waiter
        self._say = say
        self._closing = asyncio.Event()
        self._began = store.latest_seq
        self._from = {sink: self._place(sink) for sink in sinks}

    async def follow(self) -> None:
        """Deliver until `close`. Every sink on its own."""
        async with asyncio.TaskGroup() as group:
            for sink, deliver in self._sinks.items():
                if deliver is not None:
                    group.create_task(self._follow(sink, deliver))

    def close(self) -> None:
        """Stop once everything recorded so far is delivered, or within a few seconds."""
        self._closing.set()

    def _place(self, sink: Sink) -> int:
        at = self._places.get(sink)
        if at is None:
            at = self._store.latest_seq
            self._places.put(sink, at)
        return at

    async def _follow(self, sink: Sink, deliver: Deliver) -> None:
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(sink, deliver))
            await self._until_closed(sink, reading)

    async def _until_closed(self, sink: Sink, reading: "asyncio.Task[None]") -> None:
        """When it is time to close, what is recorded until then may still go out, for a while; nobody waits where nothing
        was recorded since the beginning."""
        await self._closing.wait()
        last = self._store.latest_seq
        if last > self._began:
            done = asyncio.Event()
            self._places.tell(sink, last, done)
            await self._waiter.until(done, CLOSING)
        reading.cancel()

    async def _read(self, sink: Sink, deliver: Deliver) -> None:
        try:
            async with aclosing(self._store.subscribe(None, after=self._from[sink])) as log:
                async for batch in log:
                    await self._batch(sink, deliver, batch)
        except (StoreError, OSError) as error:  # a full disk stops deliveries, not the runtime; the next start goes on
            self._say(f"{sink.kind} {sink.target}: deliveries stopped: {error}")

    async def _batch(self, sink: Sink, deliver: Deliver, batch: list[Event]) -> None:
        for event in batch:
            if wanted(sink, event):
                await self._one(sink, deliver, event)
                self._places.put(sink, event.seq)
        self._places.put(sink, batch[-1].seq, delivered=False)

    async def _one(self, sink: Sink, deliver: Deliver, event: Event) -> None:
        """Deliver one event, however long it takes; leave it out when it is refused for good."""
        delay, refusals = FIRST_DELAY, 0
        body = enveloped(event)
        while True:
            try:
                await deliver(body, event)
            except Refused as error:
                refusals += 1
                if refusals >= REFUSALS:
                    self._places.drop(sink, event, str(error))
                    self._say(f"{sink.kind} {sink.target}: event {event.seq} was left out: {error}")
                    return
            except Unreachable as error:
                if delay == FIRST_DELAY:
                    self._say(f"{sink.kind} {sink.target}: {error}; trying again until it can be delivered")
            else:
                return
            await self._waiter.until(asyncio.Event(), delay)
            delay = min(delay * 2, MAX_DELAY)


def wanted(sink: Sink, event: Event) -> bool:
    """Whether the sink gets this event: of the published ones those that it names (`item.*` names a family), or all."""
    if event.event in INTERNAL:
        return False
    return not sink.events or any(_names(name, event.event) for name in sink.events)


def enveloped(event: Event) -> bytes:
    """The bytes of one delivery."""
    return msgspec.json.encode(
        Envelope(
            schema_version=1,
            seq=event.seq,
            event=event.event,
            timestamp=event.timestamp,
            thread_id=event.thread_id,
            payload=event.payload,
            turn_id=event.turn_id,
            item_id=event.item_id,
        )
    )


def _names(name: str, event: str) -> bool:
    return event.startswith(name[:-1]) if name.endswith(".*") else event == name
