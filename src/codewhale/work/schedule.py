"""What is due, and what becomes of what was missed. Pure: records, a rule and the time in, decisions out."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from codewhale.domain.automations import Automation, NextRun
from codewhale.work.rules import Rule, next_after, parse_rule
from codewhale.work.zones import zone

ON_TIME = timedelta(seconds=60)
"""The newest due time counts as met within this; older ones were missed."""
LISTED = 500
"""Most missed due times that get a row each; the older ones share one row."""

Fate = Literal["run", "missed", "skipped"]


class Due(Struct, frozen=True, kw_only=True):
    """One due time and what becomes of it. With `through` it stands for all due times from `at` up to that one."""

    at: datetime
    fate: Fate
    through: datetime | None = None


def rule_of(automation: Automation) -> Rule:
    """The rule that the automation follows; `InvalidInput` when it cannot be followed."""
    return parse_rule(automation.rrule, zone(automation.timezone), instant(automation.anchor_at))


def decide(automation: Automation, rule: Rule, first: datetime, now: datetime) -> list[Due]:
    """Everything due from `first` up to `now`, in order, by the automation's misfire policy. Bounded by `LISTED` rows."""
    folded, times = due_times(rule, first, now)
    runs = _runs(automation, times, now)
    passed: Fate = "skipped" if automation.misfire == "skip" else "missed"
    return [
        *([Due(at=folded[0], through=folded[1], fate=passed)] if folded is not None else []),
        *(Due(at=at, fate="run" if at in runs else passed) for at in times),
    ]


def due_times(rule: Rule, first: datetime, now: datetime) -> tuple[tuple[datetime, datetime] | None, list[datetime]]:
    """The due times from `first` (which is one) up to `now`: the newest `LISTED` of them, and the first and the last of the
    older ones when there are more."""
    times = _up_to(rule, first, now, LISTED + 1)
    if len(times) <= LISTED:
        return None, times
    reach = timedelta(days=1)
    while True:
        start = now - reach
        newest = _up_to(rule, next_after(rule, start), now, None)
        if len(newest) > LISTED:
            older, kept = newest[:-LISTED][-1], newest[-LISTED:]
            return (first, older), kept
        reach *= 2


def fits(automation: Automation, at: datetime, now: datetime) -> bool:
    """Whether a run that was due at `at` may still begin now."""
    return automation.max_age_secs is None or (now - at).total_seconds() <= automation.max_age_secs


def upcoming(rule: Rule, where: str, after: datetime, count: int) -> tuple[NextRun, ...]:
    """The next `count` due times after that instant; fewer when the rule ends."""
    runs: list[NextRun] = []
    at = next_after(rule, after)
    while at is not None and len(runs) < count:
        runs.append(NextRun(scheduled_for=stamp(at), local=at.astimezone(zone(where)).isoformat()))
        at = next_after(rule, at)
    return tuple(runs)


def instant(text: str) -> datetime:
    """A record's timestamp as an instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


def stamp(at: datetime) -> str:
    """An instant as a record's timestamp."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _up_to(rule: Rule, first: datetime | None, now: datetime, most: int | None) -> list[datetime]:
    times: list[datetime] = []
    at = first
    while at is not None and at <= now and (most is None or len(times) < most):
        times.append(at)
        at = next_after(rule, at)
    return times


def _runs(automation: Automation, times: Sequence[datetime], now: datetime) -> set[datetime]:
    if not times:
        return set()
    newest = times[-1]
    if automation.misfire == "all":
        wanted = list(times[-automation.misfire_cap :])
    elif automation.misfire == "once" or now - newest <= ON_TIME:
        wanted = [newest]
    else:
        wanted = []
    return {at for at in wanted if now - at <= ON_TIME or fits(automation, at, now)}
