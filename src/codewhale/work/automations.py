"""Automations as values: how one is made, how it is changed, and how its due times become rows. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from codewhale.domain.automations import (
    AUTOMATION_VERSION,
    NEVER_RAN,
    Automation,
    AutomationPatch,
    NewAutomation,
    Occurrence,
    Trigger,
)
from codewhale.domain.errors import InvalidInput
from codewhale.domain.text import whole_fields
from codewhale.work.rules import Rule, next_after, normalized
from codewhale.work.schedule import instant, rule_of, stamp
from codewhale.work.zones import zone

MISFIRE_CAP = 10
MOST_MISFIRES = 100
MOST_CWDS = 64


def made(new: NewAutomation, automation_id: str, *, timezone: str, now: str) -> Automation:
    """The record of a new automation. `InvalidInput` with the contract's words; a rule that is never due is refused."""
    new = whole_fields(new)
    if not new.name.strip():
        raise InvalidInput("Automation name is required")
    if not new.prompt.strip():
        raise InvalidInput("Automation prompt is required")
    automation = Automation(
        schema_version=AUTOMATION_VERSION,
        id=automation_id,
        name=new.name.strip(),
        prompt=new.prompt.strip(),
        rrule=normalized(new.rrule),
        cwds=_folders(new.cwds or ()),
        status=new.status or "active",
        created_at=now,
        updated_at=now,
        anchor_at=now,
        timezone=zone(new.timezone.strip()).key if new.timezone and new.timezone.strip() else timezone,
        mode=(new.mode or "").strip() or "agent",
        allow_shell=bool(new.allow_shell),
        trust_mode=bool(new.trust_mode),
        auto_approve=bool(new.auto_approve),
        delivery_mode=new.delivery_mode or "task",
        misfire=new.misfire or "once",
        misfire_cap=MISFIRE_CAP if new.misfire_cap is None else _cap(new.misfire_cap),
        max_age_secs=_age(new.max_age_secs or 0),
    )
    if _next(automation, now) is None:
        raise InvalidInput("The schedule is never due", hint="the time of a ONCE schedule must be in the future")
    return timed(automation, now)


def patched(before: Automation, patch: AutomationPatch, *, now: str) -> Automation:
    """The automation after a change. A new rule or zone, and `active` whenever it is said, make its next time anew."""
    patch = whole_fields(patch)
    given = {name: value for name in patch.__struct_fields__ if (value := getattr(patch, name)) is not None}
    changed = {name: _CLEAN[name](value) if name in _CLEAN else value for name, value in given.items()}
    after = replace(before, **changed, updated_at=now)
    if "rrule" in given or "timezone" in given:
        _next(after, now)
        return timed(after, now)
    return timed(after, now) if "status" in given else after


def timed(automation: Automation, now: str) -> Automation:
    """The automation with the next time it is due after `now`; none while paused."""
    due = _next(automation, now) if automation.status == "active" else None
    return replace(automation, next_run_at=due, schedule_error=None)


def advanced(automation: Automation, due: datetime | None) -> Automation:
    """The automation when `due` is what comes next."""
    return replace(automation, next_run_at=None if due is None else stamp(due))


def unclaimed(rule: Rule, rows: Sequence[Occurrence], *, now: str) -> datetime | None:
    """The first due time after `now` that none of the rows ran."""
    taken = {row.scheduled_for for row in rows if row.status not in NEVER_RAN}
    at = next_after(rule, instant(now))
    while at is not None and stamp(at) in taken:
        at = next_after(rule, at)
    return at


def row(
    automation: Automation, row_id: str, scheduled_for: str, *, now: str, trigger: Trigger = "schedule"
) -> Occurrence:
    """A new row of the ledger, for a run."""
    return Occurrence(
        schema_version=AUTOMATION_VERSION,
        id=row_id,
        automation_id=automation.id,
        scheduled_for=scheduled_for,
        status="queued",
        created_at=now,
        trigger=trigger,
    )


def _next(automation: Automation, now: str) -> str | None:
    due = next_after(rule_of(automation), instant(now))
    return None if due is None else stamp(due)


def _folders(cwds: Sequence[str]) -> tuple[str, ...]:
    kept = tuple(folder.strip() for folder in cwds if folder.strip())
    if len(kept) > MOST_CWDS:
        raise InvalidInput(f"At most {MOST_CWDS} cwds can be given")
    return kept


def _cap(given: int) -> int:
    if not 1 <= given <= MOST_MISFIRES:
        raise InvalidInput(f"misfire_cap must be between 1 and {MOST_MISFIRES}")
    return given


def _age(given: int) -> int | None:
    if given < 0:
        raise InvalidInput("max_age_secs must not be negative")
    return given or None


def _text(name: str) -> Callable[[str], str]:
    def checked(given: str) -> str:
        if not given.strip():
            raise InvalidInput(f"Automation {name} cannot be empty")
        return given.strip()

    return checked


_CLEAN: dict[str, Callable[[Any], object]] = {
    "name": _text("name"),
    "prompt": _text("prompt"),
    "rrule": normalized,
    "cwds": _folders,
    "timezone": lambda given: zone(given.strip()).key,
    "mode": lambda given: given.strip() or "agent",
    "misfire_cap": _cap,
    "max_age_secs": _age,
}
"""How a given field becomes what is kept."""
