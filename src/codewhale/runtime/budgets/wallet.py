"""The purse of one turn: from a request and its price to the most that the call can use, held back in every budget above it.

The bound on the input is sound: a token is at least one byte of the request, and of a request that continues the one before
only what is new is counted so; the rest is what the provider said it was.
"""

from collections import OrderedDict
from collections.abc import Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.budgets import Amount, BudgetPlan, BudgetReserved
from codewhale.domain.errors import BudgetSpent
from codewhale.domain.messages import ModelRequest
from codewhale.domain.records import Usage
from codewhale.domain.usage import MILLION, Charge, Rate
from codewhale.engine.purse import Held
from codewhale.engine.recorder import TurnRecorder
from codewhale.runtime.budgets.ledger import Ledger, Limited, Room, spent

USUAL_OUTPUT = 8_192
"""Tokens of output where nothing else limits them: a call without a limit has no worst case."""
LEAST_OUTPUT = 256
"""A call that could say less than this is not worth making."""
SLACK = 64
THREADS = 64


class _Seen(Struct, frozen=True):
    size: int
    tokens: int


class Meter:
    """What requests measured in bytes turned out to be in tokens, for the threads that were seen last."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, _Seen] = OrderedDict()

    def bound(self, thread_id: str, size: int) -> int:
        """The most input tokens that a request of `size` bytes can have."""
        last = self._seen.get(thread_id)
        if last is None or size < last.size:
            return size
        return min(size, last.tokens + (size - last.size) + SLACK)

    def saw(self, thread_id: str, size: int, tokens: int) -> None:
        """The provider counted."""
        self._seen[thread_id] = _Seen(size, tokens)
        self._seen.move_to_end(thread_id)
        if len(self._seen) > THREADS:
            self._seen.popitem(last=False)


class _Open(Struct, kw_only=True):
    amount: Amount
    input_tokens: int
    output_tokens: int
    size: int
    priced: bool
    thread_id: str


class Wallet:
    """`engine.purse.Purse` over the accounts of one turn, outermost first."""

    def __init__(self, ledger: Ledger, chain: Sequence[Limited], plan: BudgetPlan, meter: Meter) -> None:
        self._ledger = ledger
        self._chain = tuple(chain)
        self._plan = plan
        self._meter = meter
        self._last = False
        self._open: dict[str, _Open] = {}

    def reserve(self, recorder: TurnRecorder, request: ModelRequest, rate: Rate | None) -> Held:
        """Hold back the most that the call can use. Raises `BudgetSpent`."""
        room = self._room(rate, request.model)
        size = len(msgspec.json.encode([request.system, request.messages, request.tools]))
        thread_id = recorder.turn.thread_id
        given = self._meter.bound(thread_id, size)
        said = _output(request.max_output_tokens or USUAL_OUTPUT, given, room, rate)
        amount = Amount(usd=_cost(given, said, rate), tokens=given + said, requests=1)
        reservation = recorder.ports.ids.new("bud")
        self._ledger.hold(self._chain, reservation, amount)
        self._open[reservation] = _Open(
            amount=amount,
            input_tokens=given,
            output_tokens=said,
            size=size,
            priced=rate is not None,
            thread_id=thread_id,
        )
        durable = recorder.append(BudgetReserved(reservation_id=reservation, amount=amount))
        return Held(request=replace(request, max_output_tokens=said), reservation_id=reservation, durable=durable)

    def reprice(self, held: Held, rate: Rate | None) -> None:
        """The call goes to a model with another price. Raises `BudgetSpent` when that is too much."""
        opened = self._open.get(held.reservation_id or "")
        if opened is None or held.reservation_id is None:
            return
        room = self._room(rate, held.request.model)
        cost = _cost(opened.input_tokens, opened.output_tokens, rate)
        if room.usd is not None and room.of_usd is not None and cost > room.usd + opened.amount.usd:
            raise spent(room.of_usd, "money", f" at the price of {held.request.model}")
        opened.amount = replace(opened.amount, usd=cost)
        opened.priced = rate is not None
        self._ledger.hold(self._chain, held.reservation_id, opened.amount)

    def settle(self, held: Held, usage: Usage | None, charge: Charge | None) -> None:
        """What the call used takes the place of what was held."""
        opened = self._open.pop(held.reservation_id or "", None)
        if opened is None or held.reservation_id is None:
            return
        used = opened.amount
        if usage is not None:
            self._meter.saw(opened.thread_id, opened.size, usage.input_tokens)
            usd = charge.cost_usd if charge is not None else used.usd if opened.priced else 0.0
            used = Amount(usd=usd, tokens=usage.input_tokens + usage.output_tokens, requests=1)
        self._ledger.settle(self._chain, held.reservation_id, used)

    def last_words(self) -> None:
        """From here on what is kept for a final report may be used."""
        self._last = True

    def _room(self, rate: Rate | None, model: str) -> Room:
        room = self._ledger.room(self._chain, 0.0 if self._last else self._plan.report_share)
        if room.requests is not None and room.requests < 1 and room.of_requests is not None:
            raise spent(room.of_requests, "requests", "")
        if room.of_usd is None or rate is not None:
            return room
        if self._plan.unknown_price == "tokens" and room.tokens is not None:
            return replace(room, usd=None, of_usd=None)
        raise BudgetSpent(
            f"There is a budget in money and nobody knows the price of {model}, so the call was not made.",
            hint='set [budgets] unknown_price = "tokens" and a cap in tokens beside the one in money',
        )


def _output(wanted: int, given: int, room: Room, rate: Rate | None) -> int:
    """How much the call may say; `BudgetSpent` when that is too little."""
    said = wanted
    tight: tuple[Limited, str] | None = None
    if room.tokens is not None and room.of_tokens is not None and room.tokens - given < said:
        said, tight = room.tokens - given, (room.of_tokens, "tokens")
    if room.usd is not None and room.of_usd is not None and rate is not None:
        left = room.usd - _cost(given, 0, rate)
        affordable = wanted if rate.output == 0 and left >= 0 else int(left * MILLION / (rate.output or 1e-9))
        if affordable < said:
            said, tight = affordable, (room.of_usd, "money")
    if tight is not None and said < min(LEAST_OUTPUT, wanted):
        raise spent(*tight, f": it could read {given:,} tokens")
    return said


def _cost(given: int, said: int, rate: Rate | None) -> float:
    if rate is None:
        return 0.0
    return (given * max(rate.cache_miss, getattr(rate, "cache_write", None) or 0.0) + said * rate.output) / MILLION
