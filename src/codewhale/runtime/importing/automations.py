"""Old schedules as paused automations: nothing runs unasked because a directory was read. Their runs stay where they are."""

from typing import Literal

from msgspec import Struct

from codewhale.domain import events as e
from codewhale.domain.automations import AUTOMATION_VERSION, Automation
from codewhale.domain.errors import InvalidInput
from codewhale.runtime.importing.reading import Unreadable, maybe, moment, record
from codewhale.runtime.importing.records import checked
from codewhale.work.automations import MISFIRE_CAP
from codewhale.work.rules import normalized
from codewhale.work.schedule import rule_of

ACTIVE = "was active, is paused now: `codewhale automation resume ID` when it should run again"
APPROVING = "approved its calls by itself; no longer, unless you say so with `codewhale automation edit`"


class OldAutomation(Struct, frozen=True, kw_only=True):
    """An automation's file. Those without `auto_approve` are of a time when every run approved its own calls."""

    id: str
    name: str
    prompt: str
    rrule: str
    created_at: str
    updated_at: str
    cwds: tuple[str, ...] = ()
    status: Literal["active", "paused"] = "paused"
    schema_version: int | None = None
    mode: str | None = None
    allow_shell: bool | None = None
    trust_mode: bool | None = None
    auto_approve: bool | None = None
    delivery_mode: Literal["task", "watcher"] | None = None
    last_run_at: str | None = None


def automation_event(path: str, *, timezone: str) -> tuple[Automation, e.NewEvent, list[str]]:
    """The automation in a file, the event that makes it, and what is not as it stood. `Unreadable` when it is none."""
    old = record(path, OldAutomation, word="Automation", supported=AUTOMATION_VERSION)
    automation = Automation(
        schema_version=AUTOMATION_VERSION,
        id=checked(old.id),
        name=old.name.strip() or old.id,
        prompt=old.prompt.strip(),
        rrule=normalized(old.rrule),
        cwds=old.cwds,
        status="paused",
        created_at=moment(old.created_at),
        updated_at=moment(old.updated_at),
        anchor_at=moment(old.created_at),
        timezone=timezone,
        mode=old.mode or "agent",
        allow_shell=old.allow_shell is True,
        trust_mode=old.trust_mode is True,
        auto_approve=False,
        delivery_mode=old.delivery_mode or "task",
        misfire="once",
        misfire_cap=MISFIRE_CAP,
        last_run_at=maybe(old.last_run_at),
    )
    try:
        rule_of(automation)
    except InvalidInput as error:
        raise Unreadable(f"has a schedule that cannot be followed: {error.message}") from error
    notes = [*([ACTIVE] if old.status == "active" else []), *([APPROVING] if old.auto_approve is not False else [])]
    created = e.AutomationUpdated(automation=automation, change="created")
    return automation, e.NewEvent(timestamp=automation.created_at, thread_id=automation.id, payload=created), notes
