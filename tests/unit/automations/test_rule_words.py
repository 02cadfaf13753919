"""The grammar of rules with the literal words of its errors."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from codewhale.domain.errors import InvalidInput
from codewhale.work.rules import next_after, normalized, parse_rule
from codewhale.work.zones import local_zone, zone

NOW = datetime(2026, 1, 1, 10, 5, 30, tzinfo=UTC)  # a Thursday


def next_of(text: str, name: str = "UTC") -> str:
    due = next_after(parse_rule(text, ZoneInfo(name), NOW), NOW)
    assert due is not None
    return due.isoformat()[:16]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("FREQ=HOURLY", "2026-01-01T11:05"),
        (" freq=hourly ; interval=3 ;; ", "2026-01-01T13:05"),
        ("FREQ=HOURLY;INTERVAL=2;INTERVAL=4", "2026-01-01T14:05"),
        ("FREQ=HOURLY;BYDAY=FR,FR", "2026-01-02T00:05"),
        ("FREQ=HOURLY;INTERVAL=168", "2026-01-08T10:05"),
        ("FREQ=HOURLY;BYMINUTE=30", "2026-01-01T10:30"),
        ("FREQ=HOURLY;INTERVAL=4;BYMINUTE=0", "2026-01-01T11:00"),
        ("FREQ=HOURLY;INTERVAL=6;BYHOUR=9;BYMINUTE=15", "2026-01-01T15:15"),
        ("FREQ=HOURLY;INTERVAL=6;BYHOUR=9", "2026-01-01T15:00"),
        ("FREQ=WEEKLY;BYDAY=TH,MO;BYHOUR=10;BYMINUTE=5", "2026-01-05T10:05"),
        ("FREQ=WEEKLY;BYDAY=TH;BYHOUR=10;BYMINUTE=6", "2026-01-01T10:06"),
        ("FREQ=ONCE;AT=2026-01-01T12:00:00+01:00", "2026-01-01T11:00"),
        ("FREQ=CRON;EXPR=*/15 9-17 * * MON-FRI", "2026-01-01T10:15"),
        ("FREQ=CRON;EXPR=0 0 1 * *", "2026-02-01T00:00"),
    ],
)
def test_a_rule_is_due(text: str, due: str) -> None:
    assert next_of(text) == due
    assert next_of(normalized(text)) == due


HOURLY_ALLOWS = "Allowed: FREQ,INTERVAL,BYDAY,BYHOUR,BYMINUTE"
WEEKLY_ALLOWS = "Allowed: FREQ,BYDAY,BYHOUR,BYMINUTE"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("FREQ=HOURLY;what", "Invalid RRULE segment 'WHAT'"),
        ("INTERVAL=2", "RRULE must include FREQ"),
        ("", "RRULE must include FREQ"),
        ("FREQ=DAILY", "Unsupported RRULE FREQ 'DAILY'. Supported: HOURLY and WEEKLY, also ONCE and CRON"),
        ("FREQ=HOURLY;COUNT=3", f"Unsupported RRULE field 'COUNT' for HOURLY. {HOURLY_ALLOWS}"),
        (
            "FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=1;INTERVAL=2",
            f"Unsupported RRULE field 'INTERVAL' for WEEKLY. {WEEKLY_ALLOWS}",
        ),
        ("FREQ=HOURLY;INTERVAL=0", "INTERVAL must be >= 1 for HOURLY schedules"),
        ("FREQ=HOURLY;INTERVAL=-1", "Failed to parse INTERVAL"),
        ("FREQ=HOURLY;INTERVAL=4294967296", "Failed to parse INTERVAL"),
        ("FREQ=HOURLY;INTERVAL=x", "Failed to parse INTERVAL"),
        ("FREQ=HOURLY;BYDAY=MO,XX", "Invalid BYDAY value 'XX'"),
        ("FREQ=WEEKLY;BYHOUR=1;BYMINUTE=1", "WEEKLY schedules require BYDAY"),
        ("FREQ=WEEKLY;BYDAY=MO;BYMINUTE=1", "WEEKLY schedules require BYHOUR"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=1", "WEEKLY schedules require BYMINUTE"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=x;BYMINUTE=1", "Failed to parse BYHOUR"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=x", "Failed to parse BYMINUTE"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=24;BYMINUTE=1", "BYHOUR must be between 0 and 23"),
        ("FREQ=WEEKLY;BYDAY=MO;BYHOUR=1;BYMINUTE=60", "BYMINUTE must be between 0 and 59"),
        ("FREQ=HOURLY;INTERVAL=168;BYDAY=MO", "Unable to compute next HOURLY run for BYDAY filter"),
        ("FREQ=ONCE", "ONCE schedules require AT"),
        ("FREQ=ONCE;AT=tomorrow", "Failed to parse AT"),
        ("FREQ=ONCE;AT=2026-01-01T12:00:00", "AT must say its offset from UTC"),
        ("FREQ=CRON", "CRON schedules require EXPR"),
        ("FREQ=CRON;EXPR=* * * *", "EXPR must have 5 fields (minute hour day month weekday), not 4"),
        ("FREQ=CRON;EXPR=0 0 0 * * *", "EXPR must have 5 fields (minute hour day month weekday), not 6"),
        ("FREQ=CRON;EXPR=61 * * * *", "Failed to parse EXPR '61 * * * *': Bad minute"),
        ("FREQ=CRON;EXPR=0 0 31 2 *", "Failed to parse EXPR '0 0 31 2 *': Bad day-of-month"),
        ("FREQ=CRON;EXPR=0 0 * * @", "Failed to parse EXPR '0 0 * * @'"),
    ],
)
def test_what_is_no_rule_is_told_in_the_contract_s_words(text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        next_of(text)
    assert refused.value.message == words


def test_an_interval_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(InvalidInput, match="Unable to compute the next run"):
        next_of("FREQ=HOURLY;INTERVAL=4294967295")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "a\0b"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="Unknown timezone"):
        zone(name)


def test_the_machine_s_zone_has_a_name() -> None:
    assert local_zone("Asia/Tokyo") == "Asia/Tokyo"
    assert local_zone(":Asia/Tokyo") == "Asia/Tokyo"
    assert zone(local_zone("no such zone")).key == local_zone(None)
