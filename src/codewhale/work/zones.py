"""Time zones by IANA name, from the system's database or the `tzdata` package where there is none."""

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from codewhale.domain.errors import InvalidInput

LOCALTIME = "/etc/localtime"
NAMED = "/etc/timezone"
CHANGE = timedelta(hours=3)
"""No zone has put its clocks back by more since time zones are kept in whole minutes."""


def zone(name: str) -> ZoneInfo:
    """The zone of this name; `InvalidInput` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(
            f"Unknown timezone '{name[:80]}'", hint="an IANA name is wanted, such as Europe/Berlin or UTC"
        ) from error


def local_zone(tz: str | None) -> str:
    """The IANA name of the machine's own zone: `tz` (the TZ variable), else what the system says, else UTC."""
    for name in (tz.removeprefix(":") if tz else None, _linked(), _named()):
        if name and _exists(name):
            return name
    return "UTC"


def exists(local: datetime, where: ZoneInfo) -> bool:
    """Whether the clocks of the zone ever show this wall-clock time (naive)."""
    there = local.replace(tzinfo=where)
    return there.astimezone(UTC).astimezone(where).replace(tzinfo=None) == local


def earliest(local: datetime, where: ZoneInfo) -> datetime:
    """The first instant, in UTC, at which the zone's clocks show this wall-clock time (naive, and one that exists)."""
    return local.replace(tzinfo=where, fold=0).astimezone(UTC)


def latest(local: datetime, where: ZoneInfo) -> datetime:
    """The last instant, in UTC, at which the zone's clocks show this wall-clock time (naive, and one that exists)."""
    return local.replace(tzinfo=where, fold=1).astimezone(UTC)


def first_from(local: datetime, where: ZoneInfo) -> datetime:
    """`earliest`, or the first minute after the jump for a time that is jumped over."""
    while not exists(local, where):
        local += timedelta(minutes=1)
    return earliest(local, where)


def overlap(instant: datetime, where: ZoneInfo) -> timedelta:
    """By how much the clocks are put back within the hours to come, if they are."""
    now, soon = instant.astimezone(where).utcoffset(), (instant + CHANGE).astimezone(where).utcoffset()
    return timedelta() if now is None or soon is None else max(now - soon, timedelta())


def wall(instant: datetime, where: ZoneInfo) -> datetime:
    """What the zone's clocks show at that instant, without a zone."""
    return instant.astimezone(where).replace(tzinfo=None, fold=0)


def _exists(name: str) -> bool:
    try:
        zone(name)
    except InvalidInput:
        return False
    return True


def _linked() -> str | None:
    path = os.path.realpath(LOCALTIME)
    _, found, name = path.partition("/zoneinfo/")
    return name if found else None


def _named() -> str | None:
    try:
        with open(NAMED, encoding="utf-8") as file:
            return file.read(200).strip()
    except (OSError, UnicodeDecodeError):
        return None
