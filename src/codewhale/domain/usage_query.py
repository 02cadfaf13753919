"""What a person or client writes to ask for usage, made into a `UsageQuery`."""

import re
from datetime import UTC, datetime

from codewhale.domain.errors import InvalidInput
from codewhale.domain.ports import timestamp
from codewhale.domain.usage import GROUPINGS, GroupBy, UsageQuery

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_GROUPS: dict[str, GroupBy] = {name: name for name in GROUPINGS}
_SHOWN = 80


def usage_query(group_by: str | None, since: str | None, until: str | None) -> UsageQuery:
    """`InvalidInput` for an unknown grouping, a time that is not RFC 3339, or a window that ends before it begins. Times
    become records' UTC times with milliseconds: `since` rounded up, `until` down."""
    group = _GROUPS.get("day" if group_by is None else group_by)
    if group is None:
        raise InvalidInput(f"Unsupported group_by '{str(group_by)[:_SHOWN]}': expected one of {', '.join(GROUPINGS)}")
    first = None if since is None else _instant("since", since, up=True)
    last = None if until is None else _instant("until", until, up=False)
    if first is not None and last is not None and first > last:
        raise InvalidInput("since must be <= until")
    return UsageQuery(group_by=group, since=first, until=last)


def _instant(name: str, text: str, *, up: bool) -> str:
    wrong = InvalidInput(f"Invalid {name} (expected RFC 3339): {text[:_SHOWN]}")
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise wrong
    fraction = (found[1] or "")[1:].ljust(3, "0")
    whole = text.replace(found[1], "", 1) if found[1] else text
    try:
        seconds = int(datetime.fromisoformat(whole.upper()).astimezone(UTC).timestamp())
        if seconds < 0:
            return timestamp(0)
        millis = int(fraction[:3]) + (1 if up and fraction[3:].strip("0") else 0)
        return timestamp(seconds)[:-4] + f"{millis:03d}Z" if millis < 1000 else timestamp(seconds + 1)
    except (ValueError, OverflowError):
        raise wrong from None
