"""Requests with an idempotency key: carried out at most once, answered alike every time, also by a later process.

What is promised, and when. The key is claimed in the store before the request acts; the claim and the effects go through one
writer in this order, and the answer is kept before it is given out. So after a crash a key has its answer, or nothing
happened, or it is claimed without an answer: then whether it took effect is not known, it is never carried out again, and
the client is told to look. A refusal (the request did nothing) gives the key back.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from msgspec import Struct

from codewhale.domain.errors import Conflict, StoreError
from codewhale.domain.ports import Clock
from codewhale.domain.receipts import IN_PROGRESS, KEPT_SECONDS, Receipt, RequestKey
from codewhale.store.port import Receipts

MAX_VOID = 1024

Refusals = tuple[type[Exception], ...]


class Kept(Struct, frozen=True, kw_only=True):
    """An answer that is kept: status and body. `replayed` when it was given before."""

    status: int
    body: bytes
    replayed: bool = False


class Idempotency:
    """The keys of one runtime. `ready` brings a log that has failed back into use."""

    def __init__(self, receipts: Receipts, clock: Clock, ready: Callable[[], Awaitable[None]]) -> None:
        self._receipts = receipts
        self._clock = clock
        self._ready = ready
        self._under_way: set[tuple[str, str]] = set()
        self._void: dict[tuple[str, str], None] = {}

    async def once(self, request: RequestKey, work: Callable[[], Awaitable[Kept]], refusals: Refusals) -> Kept:
        """The answer kept under this key, or else what `work` answers now. `Conflict` when the key stands for another
        request, when the same one is under way, or when nobody knows what became of it. `refusals` are the errors of `work`
        that say that nothing was done: they give the key back; any other leaves it claimed."""
        place = (request.scope, request.key)
        if place in self._under_way:
            raise Conflict(IN_PROGRESS, code="in_progress")
        self._under_way.add(place)
        try:
            await self._ready()
            found = self._found(request)
            return found if found is not None else await self._carry_out(request, work, refusals)
        finally:
            self._under_way.discard(place)

    def _found(self, request: RequestKey) -> Kept | None:
        found = self._receipts.find(request.scope, request.key, now=self._clock.now())
        if found is None or (request.scope, request.key) in self._void:
            return None
        if found.request.fingerprint != request.fingerprint:
            raise Conflict("This idempotency key was used with another request; use a new key", code="key_reused")
        if found.status is None:
            raise Conflict(
                "The server stopped while it worked on the first request with this idempotency key: whether it took effect"
                " is not known. Look before you send it again with a new key",
                code="outcome_unknown",
            )
        return Kept(status=found.status, body=found.body, replayed=True)

    async def _carry_out(self, request: RequestKey, work: Callable[[], Awaitable[Kept]], refusals: Refusals) -> Kept:
        self._void.pop((request.scope, request.key), None)
        receipt = Receipt(request=request, expires_at=self._clock.later(KEPT_SECONDS))
        self._receipts.claim(receipt, now=self._clock.now())
        try:
            kept = await work()
        except refusals:
            self._give_back(request)
            raise
        with suppress(StoreError):  # it took effect: better an answer that cannot be repeated than none
            await self._receipts.settle(request, kept.status, kept.body)
        return kept

    def _give_back(self, request: RequestKey) -> None:
        try:
            self._receipts.release(request)
        except StoreError:  # the log has failed; the claim may be on disk
            while len(self._void) >= MAX_VOID:
                del self._void[next(iter(self._void))]
            self._void[request.scope, request.key] = None
