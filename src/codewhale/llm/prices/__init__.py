"""What models cost, as dated data: one TOML file per provider, in this folder or in the person's own `prices` folder.

Of ours a run reads `prices.json`, which `./run reference` makes: TOML takes longer to read. A file only grows: a changed
price is a new entry with its own `valid_from`, the old one gets a `valid_to`, so what a call cost stays true. Of the
entries for a model at a time the first counts, the person's own before ours. A model without an entry has no known price:
nothing is ever guessed from another model's.
"""

import os
import time
from functools import cache
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from codewhale.domain.errors import ConfigError
from codewhale.domain.usage import Rate, RateAt
from codewhale.llm.profiles import fits

Dollars = Annotated[float, Meta(ge=0, le=100_000)]
Hour = Annotated[int, Meta(ge=0, le=24)]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Instant = Annotated[str, Meta(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]

_WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HERE = os.path.dirname(os.path.abspath(__file__))


class PriceEntry(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The price of the models that fit `match` (lower case; `*` stands for anything) from `valid_from` up to, not
    including, `valid_to`; with `hours_utc` only in these hours of the day, with `weekdays` only on these days (UTC)."""

    match: str
    valid_from: Instant
    cache_hit: Dollars
    cache_miss: Dollars
    output: Dollars
    source: str
    cache_write: Dollars | None = None
    valid_to: Instant | None = None
    hours_utc: tuple[tuple[Hour, Hour], ...] = ()
    weekdays: tuple[Weekday, ...] = ()


class PriceTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The prices of one provider."""

    prices: tuple[PriceEntry, ...] = ()


def published_prices(provider: str) -> tuple[PriceEntry, ...]:
    """Our entries of a provider; empty when we know none."""
    found = _shipped().get(provider)
    return () if found is None else msgspec.json.decode(found, type=tuple[PriceEntry, ...])


def own_prices(provider: str, folder: str) -> tuple[PriceEntry, ...]:
    """The entries of the table that `folder` has for a provider. `ConfigError` for a file that is no price table."""
    if not provider or not all(c.isascii() and (c.isalnum() or c in "-_.") for c in provider):
        return ()
    return _read(os.path.join(folder, f"{provider}.toml"))


def rate_of(entries: tuple[PriceEntry, ...], model: str) -> RateAt:
    """The rates of one model over time."""
    name = model.lower()
    known = [entry for entry in entries if fits(entry.match, name)]

    def at(moment: str) -> Rate | None:
        return next((_rate(entry) for entry in known if _holds(entry, moment)), None)

    return at


def parse_prices(text: str, where: str) -> tuple[PriceEntry, ...]:
    """`ConfigError`, naming `where`, for TOML that is no price table."""
    import tomllib  # noqa: PLC0415 - start-up: few have prices of their own

    try:
        return msgspec.convert(tomllib.loads(text), PriceTable).prices
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(
            f"The price table {where} cannot be used: {error}.",
            hint="Correct or remove it; docs/usage.md shows the format.",
        ) from error


@cache
def _shipped() -> dict[str, Raw]:
    with open(os.path.join(_HERE, "prices.json"), "rb") as file:
        return msgspec.json.decode(file.read(), type=dict[str, Raw])


def _read(path: str) -> tuple[PriceEntry, ...]:
    try:
        with open(path, encoding="utf-8") as file:
            return parse_prices(file.read(), path)
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The price table {path} cannot be read: {error}.", hint="Correct or remove it.") from error


def _rate(entry: PriceEntry) -> Rate:
    return Rate(
        cache_hit=entry.cache_hit,
        cache_miss=entry.cache_miss,
        output=entry.output,
        valid_from=entry.valid_from,
        source=entry.source,
        cache_write=entry.cache_write,
    )


def _holds(entry: PriceEntry, moment: str) -> bool:
    if moment < entry.valid_from or (entry.valid_to is not None and moment >= entry.valid_to):
        return False
    hour = int(moment[11:13])
    if entry.hours_utc and not any(start <= hour < end for start, end in entry.hours_utc):
        return False
    return not entry.weekdays or _weekday(moment) in entry.weekdays


def _weekday(moment: str) -> Weekday:
    return _WEEKDAYS[time.strptime(moment[:10], "%Y-%m-%d").tm_wday]
