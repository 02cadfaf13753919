"""Arithmetic on record timestamps. Pure, and without the standard library's calendar, which costs start-up time."""


def millis_between(earlier: str, later: str) -> int | None:
    """Milliseconds from one RFC 3339 UTC timestamp to another; None when one is not of that form."""
    try:
        return max(0, _millis(later) - _millis(earlier))
    except ValueError:
        return None


def _millis(stamp: str) -> int:
    date, _, time = stamp.removesuffix("Z").partition("T")
    year, month, day = (int(part) for part in date.split("-"))
    hour, minute, second = time.split(":")
    return ((_days(year, month, day) * 24 + int(hour)) * 60 + int(minute)) * 60_000 + round(float(second) * 1000)


def _days(year: int, month: int, day: int) -> int:
    """Days since some fixed day, in the Gregorian calendar; years begin in March, so that leap days end them."""
    shifted, since_march = (year, month - 3) if month > 2 else (year - 1, month + 9)
    return 365 * shifted + shifted // 4 - shifted // 100 + shifted // 400 + (153 * since_march + 2) // 5 + day
