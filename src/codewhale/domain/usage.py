"""What model calls used and cost: the receipt of one call, and the sums that `GET /v1/usage` answers (runtime-contract §4.14).

Money is US dollars, prices are dollars per million tokens. Reasoning tokens are part of the output tokens and never
charged twice. A price that nobody knows is said to be unknown, never guessed.
"""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from codewhale.domain.records import Usage

GroupBy = Literal["day", "model", "provider", "thread"]
GROUPINGS: tuple[GroupBy, ...] = ("day", "model", "provider", "thread")
UnpricedReason = Literal["no_price", "no_usage"]
"""`no_price`: no published price is known for the model at that time; `no_usage`: the provider told no token counts."""

MILLION = 1_000_000


class Rate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model cost at some time, and where that was published. `cache_hit` and `cache_miss` are prices of input;
    `cache_write` is that of a miss which the provider keeps, None where it costs no more than any other."""

    cache_hit: float
    cache_miss: float
    output: float
    valid_from: str
    source: str
    cache_write: float | None = None


RateAt = Callable[[str], Rate | None]
"""(time as records write it) to the rate of one model then; None when no price is known."""


class Charge(Struct, frozen=True, kw_only=True):
    """The receipt of one model call: what it cost and the rate that held when it was made."""

    cost_usd: float
    rate: Rate


class UsageQuery(Struct, frozen=True, kw_only=True):
    """Which turns to sum, by their `created_at` (both ends included, as records write times), and into which buckets."""

    group_by: GroupBy = "day"
    since: str | None = None
    until: str | None = None


class Unpriced(Struct, frozen=True, kw_only=True):
    """Model calls that have no price, and why."""

    provider: str
    model: str
    reason: UnpricedReason
    steps: int


class UsageTotals(Struct, frozen=True, kw_only=True):
    """Sums over turns. `cost_usd` covers the calls that have a price; `cost_complete` tells whether those are all.

    `turns` counts turns with any model call; `unpriced_turns` those of them with a call that has no price."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_usd: float
    turns: int
    reasoning_replay_tokens: int
    priced_turns: int
    unpriced_turns: int
    cost_complete: bool


class UsageBucket(UsageTotals, frozen=True, kw_only=True):
    """The sums of one day (UTC), model, provider or thread; `key` names it."""

    key: str


class UsageReport(Struct, frozen=True, kw_only=True):
    """The answer to a `UsageQuery`: totals, and buckets in the order of their keys. Archived threads are included; what a
    fork copied is not counted again."""

    since: str | None
    until: str | None
    group_by: GroupBy
    totals: UsageTotals
    buckets: tuple[UsageBucket, ...]
    unpriced_reasons: tuple[Unpriced, ...]


def charge(usage: Usage | None, rate: Rate | None) -> Charge | None:
    """The receipt of a call; None when its tokens or its price are not known. Cache hits are part of the input tokens."""
    if usage is None or rate is None:
        return None
    hit = min(usage.prompt_cache_hit_tokens or 0, usage.input_tokens)
    written = 0 if rate.cache_write is None else min(usage.cache_write_tokens or 0, usage.input_tokens - hit)
    dollars = hit * rate.cache_hit + (usage.input_tokens - hit - written) * rate.cache_miss
    dollars += written * (rate.cache_write or 0.0) + usage.output_tokens * rate.output
    return Charge(cost_usd=round(dollars / MILLION, 12), rate=rate)
