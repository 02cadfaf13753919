"""Law: due times strictly increase, are the same from wherever one asks, and are those of a slow reading of the rule."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from codewhale.domain.errors import InvalidInput
from codewhale.work.rules import DAYS, Rule, parse_rule
from codewhale.work.zones import earliest, exists, wall

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Asia/Beirut",
    "Pacific/Apia",
    "Africa/Casablanca",
]
CHANGES = {
    "UTC": datetime(2026, 3, 29, tzinfo=UTC),
    "Europe/Berlin": datetime(2026, 10, 25, tzinfo=UTC),
    "America/New_York": datetime(2026, 3, 8, 6, tzinfo=UTC),
    "America/Sao_Paulo": datetime(2018, 11, 4, 2, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2026, 4, 4, 15, tzinfo=UTC),
    "Asia/Kolkata": datetime(2026, 1, 1, tzinfo=UTC),
    "Asia/Beirut": datetime(2026, 3, 28, 21, tzinfo=UTC),
    "Pacific/Apia": datetime(2021, 4, 3, 13, tzinfo=UTC),
    "Africa/Casablanca": datetime(2026, 2, 15, 1, tzinfo=UTC),
}
MINUTE = timedelta(minutes=1)

days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=4).map(",".join)
hours, minutes = st.integers(0, 23), st.integers(0, 59)


def hourly_text(interval: int, on: str | None, hour: int | None, minute: int) -> str:
    by_day = f";BYDAY={on}" if on else ""
    by_hour = "" if hour is None else f";BYHOUR={hour};BYMINUTE={minute}"
    return f"FREQ=HOURLY;INTERVAL={interval}{by_day}{by_hour}"


hourly = st.builds(hourly_text, st.integers(1, 30), st.none() | days, st.none() | hours, minutes)
weekly = st.builds("FREQ=WEEKLY;BYDAY={};BYHOUR={};BYMINUTE={}".format, days, hours, minutes)
field_of = {
    "minute": st.sampled_from(["*", "0", "*/20", "15,45", "30"]),
    "hour": st.sampled_from(["*", "0", "1-3", "*/6", "2", "23"]),
    "day": st.sampled_from(["*", "*", "1", "*/2"]),
    "month": st.sampled_from(["*", "*", "3,4,10,11"]),
    "weekday": st.sampled_from(["*", "*", "SUN", "0-6", "6"]),
}
cron = st.builds("FREQ=CRON;EXPR={} {} {} {} {}".format, *field_of.values())


@settings(max_examples=40, deadline=None)
@given(text=hourly | weekly | cron, name=st.sampled_from(ZONES), before=st.integers(0, 4 * 24 * 60), data=st.data())
def test_due_times_are_those_of_a_slow_reading(text: str, name: str, before: int, data: st.DataObject) -> None:
    where = ZoneInfo(name)
    start = CHANGES[name] - before * MINUTE
    anchor = start - data.draw(st.integers(0, 40 * 24 * 60)) * MINUTE
    rule = parse_rule(text, where, anchor)
    end = start + timedelta(days=6)
    expected = slow(text, where, anchor, start, end)
    found = walk(rule, start, end)
    assert found == expected
    assert all(a < b for a, b in pairwise(found))
    asked = start + data.draw(st.integers(0, 6 * 24 * 60)) * MINUTE
    assert walk(rule, asked, end) == [due for due in expected if due > asked]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("FREQ=CRON;EXPR=* 0 * * *", datetime(2026, 4, 4, 10, tzinfo=UTC)),
        ("FREQ=CRON;EXPR=30 * * * *", datetime(2026, 4, 4, 10, tzinfo=UTC)),
        ("FREQ=CRON;EXPR=* 0 * * *", datetime(2026, 10, 3, 10, tzinfo=UTC)),
        ("FREQ=CRON;EXPR=30 * * * *", datetime(2026, 10, 3, 10, tzinfo=UTC)),
    ],
)
def test_cron_keeps_its_minutes_where_clocks_change_by_half_an_hour(text: str, day: datetime) -> None:
    where = ZoneInfo("Australia/Lord_Howe")
    expected = slow(text, where, day, day, day + timedelta(days=2))
    rule = parse_rule(text, where, day)
    assert walk(rule, day, day + timedelta(days=2)) == expected
    from_every_minute = {rule.after(day + step * MINUTE) for step in range(24 * 60)}
    assert from_every_minute <= set(expected)


def walk(rule: Rule, start: datetime, end: datetime) -> list[datetime]:
    """By the rule itself; only sparse rules may fail to have a next time (a day filter that never matches)."""
    found: list[datetime] = []
    with suppress(InvalidInput):
        at = rule.after(start)
        while at is not None and at <= end:
            found.append(at)
            at = rule.after(at)
    return found


def slow(text: str, where: ZoneInfo, anchor: datetime, start: datetime, end: datetime) -> list[datetime]:
    """Minute by minute: would a person who looks at clock and calendar say that it is due?"""
    fields = dict(part.split("=", 1) for part in text.split(";"))
    due = {"HOURLY": _hourly, "WEEKLY": _weekly, "CRON": _cron}[fields["FREQ"]](fields, where, anchor, start, end)
    return sorted({at for at in due if start < at <= end})


Fields = dict[str, str]


def _minutes(start: datetime, end: datetime) -> Iterator[datetime]:
    at = start.replace(second=0, microsecond=0)
    while at <= end:
        yield at
        at += MINUTE


def _locals(where: ZoneInfo, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every wall-clock minute around, whether the clocks show it or not."""
    local = wall(start, where) - timedelta(days=1)
    while local <= wall(end, where) + timedelta(days=1):
        yield local
        local += MINUTE


def _weekly(fields: Fields, where: ZoneInfo, anchor: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    for local in _locals(where, start, end):
        on_day = DAYS[local.weekday()] in fields["BYDAY"].split(",")
        at_time = (local.hour, local.minute) == (int(fields["BYHOUR"]), int(fields["BYMINUTE"]))
        if on_day and at_time and exists(local, where):
            yield earliest(local, where)


def _hourly(fields: Fields, where: ZoneInfo, anchor: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    step = timedelta(hours=int(fields["INTERVAL"]))
    chosen = fields.get("BYDAY", ",".join(DAYS)).split(",")
    if "BYHOUR" in fields:
        first = wall(anchor, where).replace(hour=int(fields["BYHOUR"]), minute=int(fields["BYMINUTE"]))
        if step > timedelta(hours=1):
            for local in _locals(where, start, end):
                if not (local - first) % step and DAYS[local.weekday()] in chosen and exists(local, where):
                    yield earliest(local, where)
            return
        anchor = earliest(first, where)
    for at in _minutes(start, end):
        if not (at - anchor) % step and DAYS[wall(at, where).weekday()] in chosen:
            yield at


def _cron(fields: Fields, where: ZoneInfo, anchor: datetime, start: datetime, end: datetime) -> Iterator[datetime]:
    expression = fields["EXPR"]
    # The library's own matching of fields, without its walking: in a zone without changes.
    minute, hour, *_ = expression.split()
    if minute.startswith("*") or hour.startswith("*"):
        for at in _minutes(start, end):
            if _matches(expression, wall(at, where)):
                yield at
        return
    for local in _locals(where, start, end):
        if not _matches(expression, local):
            continue
        moved = local
        while not exists(moved, where):
            moved += MINUTE
        yield earliest(moved, where)


def _matches(expression: str, local: datetime) -> bool:
    fields = CronSim(expression, local)
    return (
        local.minute in fields.minutes
        and local.hour in fields.hours
        and local.month in fields.months
        and (fields.match_day(local.date()))
    )


@pytest.mark.parametrize("name", ZONES)
def test_every_zone_of_the_test_is_known(name: str) -> None:
    assert name in CHANGES
