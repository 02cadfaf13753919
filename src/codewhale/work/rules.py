"""When a rule is due: the contract's RRULE grammar with its literal errors (§4.15), `ONCE`, `CRON`, anchored `HOURLY`.

A rule is a set of instants that depends on nothing but its text, its zone and its anchor: `after(t)` is the first of them
above `t`, wherever one asks from. So there is no drift. A local time that does not exist is left out and one that comes
twice is meant the first time; cron does as cron does (a time that was jumped over comes right after the jump).
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from typing import Protocol
from zoneinfo import ZoneInfo

from msgspec import Struct

from codewhale.domain.errors import InvalidInput
from codewhale.work.zones import earliest, exists, first_from, latest, overlap, wall

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HOURLY_KEYS = ("FREQ", "INTERVAL", "BYDAY", "BYHOUR", "BYMINUTE")
WEEKLY_KEYS = ("FREQ", "BYDAY", "BYHOUR", "BYMINUTE")
MAX_INTERVAL = 2**32 - 1
MAX_STEPS = 504
"""Steps of an hourly rule that are looked through for a day that matches."""
_FIELD = re.compile(r"[0-9A-Z*,/#-]+")


class Rule(Protocol):
    """When something is due. All instants are aware and in UTC."""

    def after(self, instant: datetime) -> datetime | None:
        """The first due time after `instant`; None when there is none. `InvalidInput` when it cannot be found."""
        ...


class Hourly(Struct, frozen=True):
    """Every `interval` hours of elapsed time, counted from `anchor` in both directions, on these local weekdays."""

    anchor: datetime
    interval: int
    days: frozenset[int]
    zone: ZoneInfo

    def after(self, instant: datetime) -> datetime | None:
        step = _hours(self.interval)
        due = self.anchor + step * ((instant - self.anchor) // step)
        for _ in range(MAX_STEPS):
            due += step
            if not self.days or wall(due, self.zone).weekday() in self.days:
                return due
        raise InvalidInput("Unable to compute next HOURLY run for BYDAY filter")


class HourlyOnTheClock(Struct, frozen=True):
    """Every `interval` hours of the local clock, counted from `anchor` (naive, local), on these weekdays."""

    anchor: datetime
    interval: int
    days: frozenset[int]
    zone: ZoneInfo

    def after(self, instant: datetime) -> datetime | None:
        step = _hours(self.interval)
        local = self.anchor + step * ((wall(instant, self.zone) - timedelta(days=1) - self.anchor) // step)
        for _ in range(MAX_STEPS + 48):
            local += step
            if (self.days and local.weekday() not in self.days) or not exists(local, self.zone):
                continue
            due = earliest(local, self.zone)
            if due > instant:
                return due
        raise InvalidInput("Unable to compute next HOURLY run for BYDAY filter")


class Weekly(Struct, frozen=True):
    """On these weekdays at one local time."""

    days: frozenset[int]
    hour: int
    minute: int
    zone: ZoneInfo

    def after(self, instant: datetime) -> datetime | None:
        from dateutil.rrule import WEEKLY, rrule  # noqa: PLC0415 - start-up: most servers have no automations

        start = wall(instant, self.zone).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        slots = rrule(  # begins a day back: iterating from an old start would walk through all the time between
            WEEKLY,
            dtstart=start,
            byweekday=sorted(self.days),
            byhour=self.hour,
            byminute=self.minute,
            bysecond=0,
        )
        real = (earliest(slot, self.zone) for slot in slots if exists(slot, self.zone))
        return next(dropwhile(lambda due: due <= instant, real), None)


class Once(Struct, frozen=True):
    """At one instant."""

    at: datetime

    def after(self, instant: datetime) -> datetime | None:
        return self.at if self.at > instant else None


class Cron(Struct, frozen=True):
    """Five fields of cron, in local time. Whoever gives `*` for the minute or the hour means a rhythm, which follows the
    clock through a change and so has twice what is shown twice; other times are meant once."""

    expression: str
    zone: ZoneInfo

    def after(self, instant: datetime) -> datetime | None:
        # The library is asked about the calendar alone: its own walking across a change of the clocks assumes whole hours.
        from cronsim import CronSim  # noqa: PLC0415 - start-up: most servers have no automations

        slots = CronSim(self.expression, wall(instant, self.zone) - overlap(instant, self.zone) - timedelta(minutes=1))
        minute, hour, *_ = self.expression.split()
        rhythm = minute.startswith("*") or hour.startswith("*")
        dues = _as_shown(slots, self.zone) if rhythm else (first_from(slot, self.zone) for slot in slots)
        return next(dropwhile(lambda due: due <= instant, dues), None)


def _as_shown(slots: Iterable[datetime], where: ZoneInfo) -> Iterator[datetime]:
    """Every instant at which the clocks show one of these times (naive, rising), in the order of the instants."""
    again: deque[datetime] = deque()
    for slot in slots:
        if not exists(slot, where):
            continue
        due = earliest(slot, where)
        while again and again[0] < due:
            yield again.popleft()
        yield due
        if (second := latest(slot, where)) > due:
            again.append(second)
    yield from again


def normalized(text: str) -> str:
    """A rule as it is kept: without surrounding blanks, in upper case."""
    return text.strip().upper()


def parse_rule(text: str, where: ZoneInfo, anchor: datetime) -> Rule:
    """The rule that `text` says. `anchor` is what an hourly rule counts from. `InvalidInput` with the contract's words."""
    fields = _fields(normalized(text))
    frequency = fields.get("FREQ")
    match frequency:
        case None:
            raise InvalidInput("RRULE must include FREQ")
        case "HOURLY":
            return _hourly(fields, where, anchor)
        case "WEEKLY":
            return _weekly(fields, where)
        case "ONCE":
            return _once(fields)
        case "CRON":
            return _cron(fields, where)
        case _:
            raise InvalidInput(
                f"Unsupported RRULE FREQ '{frequency[:80]}'. Supported: HOURLY and WEEKLY, also ONCE and CRON"
            )


def next_after(rule: Rule, instant: datetime) -> datetime | None:
    """`rule.after(instant)`, where a time beyond what a calendar can hold is `InvalidInput` too."""
    try:
        return rule.after(instant)
    except (OverflowError, ValueError) as error:
        raise InvalidInput(f"Unable to compute the next run: {error}") from error


def _fields(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for segment in text.split(";"):
        part = segment.strip()
        if not part:
            continue
        key, equals, value = part.partition("=")
        if not equals:
            raise InvalidInput(f"Invalid RRULE segment '{part[:80]}'")
        fields[key.strip()] = value.strip()
    return fields


def _hourly(fields: dict[str, str], where: ZoneInfo, anchor: datetime) -> Rule:
    _only(fields, "HOURLY", HOURLY_KEYS)
    interval = _number(fields, "INTERVAL") if "INTERVAL" in fields else 1
    if interval < 1:
        raise InvalidInput("INTERVAL must be >= 1 for HOURLY schedules")
    days = _days(fields["BYDAY"]) if "BYDAY" in fields else frozenset[int]()
    minute = _within(fields, "BYMINUTE", 59) if "BYMINUTE" in fields else None
    anchor = anchor.astimezone(UTC).replace(second=0, microsecond=0)
    if "BYHOUR" not in fields:
        if minute is not None:
            anchor += timedelta(minutes=(minute - wall(anchor, where).minute) % 60)
        return Hourly(anchor, interval, days, where)
    local = wall(anchor, where).replace(hour=_within(fields, "BYHOUR", 23), minute=minute or 0)
    if interval == 1:
        return Hourly(earliest(local, where), interval, days, where)
    return HourlyOnTheClock(local, interval, days, where)


def _weekly(fields: dict[str, str], where: ZoneInfo) -> Rule:
    _only(fields, "WEEKLY", WEEKLY_KEYS)
    for key in ("BYDAY", "BYHOUR", "BYMINUTE"):
        if key not in fields:
            raise InvalidInput(f"WEEKLY schedules require {key}")
    return Weekly(_days(fields["BYDAY"]), _within(fields, "BYHOUR", 23), _within(fields, "BYMINUTE", 59), where)


def _once(fields: dict[str, str]) -> Rule:
    _only(fields, "ONCE", ("FREQ", "AT"))
    if "AT" not in fields:
        raise InvalidInput("ONCE schedules require AT")
    try:
        at = datetime.fromisoformat(fields["AT"])
    except ValueError as error:
        raise InvalidInput("Failed to parse AT", hint="an RFC 3339 time: 2026-01-31T09:00:00Z") from error
    if at.tzinfo is None:
        raise InvalidInput("AT must say its offset from UTC", hint="add Z for UTC, or +01:00")
    return Once(at.astimezone(UTC).replace(microsecond=at.microsecond // 1000 * 1000))


def _cron(fields: dict[str, str], where: ZoneInfo) -> Rule:
    _only(fields, "CRON", ("FREQ", "EXPR"))
    if "EXPR" not in fields:
        raise InvalidInput("CRON schedules require EXPR")
    parts = fields["EXPR"].split()
    if len(parts) != 5:
        raise InvalidInput(f"EXPR must have 5 fields (minute hour day month weekday), not {len(parts)}")
    expression = " ".join(parts)
    if not all(_FIELD.fullmatch(part) and len(part) <= 200 for part in parts):
        raise InvalidInput(f"Failed to parse EXPR '{expression[:80]}'")
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - start-up

    try:
        CronSim(expression, datetime(2000, 1, 1, tzinfo=where))
    except (CronSimError, ValueError, TypeError, AssertionError) as error:
        raise InvalidInput(f"Failed to parse EXPR '{expression[:80]}': {error}") from error
    return Cron(expression, where)


def _only(fields: dict[str, str], frequency: str, allowed: tuple[str, ...]) -> None:
    for key in fields:
        if key not in allowed:
            listed = ",".join(allowed)
            raise InvalidInput(f"Unsupported RRULE field '{key[:80]}' for {frequency}. Allowed: {listed}")


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for token in text.split(","):
        day = token.strip()
        if day not in DAYS:
            raise InvalidInput(f"Invalid BYDAY value '{day[:80]}'")
        days.add(DAYS.index(day))
    return frozenset(days)


def _number(fields: dict[str, str], key: str) -> int:
    text = fields[key]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_INTERVAL):
        raise InvalidInput(f"Failed to parse {key}")
    return int(text)


def _within(fields: dict[str, str], key: str, most: int) -> int:
    number = _number(fields, key)
    if number > most:
        raise InvalidInput(f"{key} must be between 0 and {most}")
    return number


def _hours(interval: int) -> timedelta:
    return timedelta(hours=interval)
