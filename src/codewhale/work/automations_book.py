"""What can be done with automations: the commands of the contract (§1.4 30-38), and firing what is due.

Only here are due times turned into claims. Each claim is recorded with its task and with the automation's next time, so a
crash leaves every due time either claimed or still to come, and a claimed one is never taken again.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from msgspec.structs import replace

from codewhale.domain.automations import (
    NEVER_RAN,
    Automation,
    AutomationChange,
    AutomationPatch,
    NewAutomation,
    NextRun,
    Occurrence,
    Preview,
    RulePreview,
)
from codewhale.domain.errors import CodewhaleError, InvalidInput, NotFound
from codewhale.domain.ports import is_id
from codewhale.engine.ports import Ports
from codewhale.work.automations import advanced, made, patched, row, timed, unclaimed
from codewhale.work.ledger import Ledger
from codewhale.work.rules import next_after, normalized, parse_rule
from codewhale.work.schedule import Due, decide, instant, rule_of, stamp, upcoming
from codewhale.work.zones import zone

PREVIEWED = 5
MOST_PREVIEWED = 100
FOREVER = "9999"
"""Sorts after every timestamp."""


class AutomationBook:
    """Commands and queries over automations. `timezone` is what new ones get by default."""

    def __init__(self, ports: Ports, ledger: Ledger, timezone: str) -> None:
        self._ports = ports
        self._ledger = ledger
        self._timezone = timezone

    def listed(self) -> list[Automation]:
        """All of them, the one changed last first."""
        return sorted(self._ledger.automations.values(), key=lambda a: (a.updated_at, a.id), reverse=True)

    def get(self, automation_id: str) -> Automation:
        found = self._ledger.automations.get(automation_id)
        if found is None:
            raise NotFound(f"Failed to read automation {automation_id[:80]}")
        return found

    def runs(self, automation_id: str, limit: int | None) -> list[Occurrence]:
        """The ledger, newest first; empty for an automation that never was."""
        if not is_id(automation_id):
            raise NotFound(f"Failed to read automation {automation_id[:80]}")
        return self._ports.store.automations.occurrences(automation_id, limit)

    async def create(self, new: NewAutomation) -> Automation:
        automation = made(new, self._ports.ids.new("auto"), timezone=self._timezone, now=self._ports.clock.now())
        return await self._changed(automation, "created")

    async def update(self, automation_id: str, patch: AutomationPatch) -> Automation:
        after = patched(self.get(automation_id), patch, now=self._ports.clock.now())
        return await self._changed(after, "updated")

    async def pause(self, automation_id: str) -> Automation:
        """No more runs by schedule; what comes due meanwhile is not made up for."""
        now = self._ports.clock.now()
        paused = replace(self.get(automation_id), status="paused", updated_at=now)
        return await self._changed(timed(paused, now), "paused")

    async def resume(self, automation_id: str) -> Automation:
        now = self._ports.clock.now()
        active = replace(self.get(automation_id), status="active", updated_at=now)
        return await self._changed(timed(active, now), "resumed")

    async def delete(self, automation_id: str) -> Automation:
        """The record as it was. A run under way goes on, and the ledger stays."""
        return await self._changed(self.get(automation_id), "deleted")

    async def run_now(self, automation_id: str) -> Occurrence:
        """A run beside the schedule, also while paused; the next time stays what it is."""
        automation = self.get(automation_id)
        now = self._ports.clock.now()
        run = row(automation, self._ports.ids.new("run"), now, now=now, trigger="manual")
        return await self._ledger.claim(automation, run)

    def preview(self, automation_id: str, count: int | None) -> Preview:
        """The next runs of an automation, as if it were active."""
        automation = self.get(automation_id)
        runs = upcoming(rule_of(automation), automation.timezone, self._now(), _count(count))
        return Preview(rrule=automation.rrule, timezone=automation.timezone, runs=runs)

    def preview_rule(self, asked: RulePreview) -> Preview:
        """The next runs of a rule that is not saved."""
        name = (asked.timezone or "").strip() or self._timezone
        now = self._now()
        rule = parse_rule(asked.rrule, zone(name), now)
        runs: tuple[NextRun, ...] = upcoming(rule, name, now, _count(asked.n))
        return Preview(rrule=normalized(asked.rrule), timezone=name, runs=runs)

    def due(self) -> str | None:
        """The id of the automation that has been due longest; None when none is."""
        now = self._ports.clock.now()
        times = [(a.next_run_at, a.id) for a in self._scheduled() if a.next_run_at and a.next_run_at <= now]
        return min(times)[1] if times else None

    def next_due(self) -> str | None:
        """When the next automation is due; None when none ever is."""
        return min((a.next_run_at for a in self._scheduled() if a.next_run_at), default=None)

    async def fire(self, automation_id: str) -> None:
        """Claim what is due of one automation, by its misfire policy. Whatever is wrong with it stops it alone: it is put on
        record, and its schedule rests until it is changed."""
        automation = self._ledger.automations.get(automation_id)
        if automation is not None:
            await self._alone(automation, self._fire)

    async def realign(self) -> None:
        """The clock was set back, or this is the start: what is due before the next time on record, and was not run, comes
        before it."""
        for automation in [a for a in self._scheduled() if a.schedule_error is None]:
            await self._alone(automation, self._realign)

    async def _alone(self, automation: Automation, do: Callable[[Automation], Awaitable[None]]) -> None:
        try:
            await do(automation)
        except CodewhaleError as error:
            if self._ports.store.failure is not None:
                raise
            await self._rest(automation.id, error.message)
        except Exception as error:  # noqa: BLE001 - boundary: a broken automation must not stop the others
            await self._rest(automation.id, f"Internal error: {type(error).__name__}: {error}")

    async def _realign(self, automation: Automation) -> None:
        earlier = self._earlier(automation)
        if earlier is not None:
            await self._ledger.change(advanced(automation, earlier), "scheduled")

    async def _changed(self, after: Automation, change: AutomationChange) -> Automation:
        done = await self._ledger.change(after, change)
        self._ledger.changed.set()
        return done

    def _scheduled(self) -> list[Automation]:
        return [a for a in self._ledger.automations.values() if a.status == "active"]

    def _now(self) -> datetime:
        return instant(self._ports.clock.now())

    async def _fire(self, automation: Automation) -> None:
        now = self._ports.clock.now()
        if automation.next_run_at is None:
            return
        rule = rule_of(automation)
        due = decide(automation, rule, instant(automation.next_run_at), instant(now))
        rows = self._ports.store.automations.claimed(automation.id, automation.next_run_at, FOREVER)
        last = unclaimed(rule, rows, now=now)
        known = {row.scheduled_for: row for row in rows}
        passed: list[Occurrence] = []
        for one, following in zip(due, [*(later.at for later in due[1:]), last], strict=True):
            claimed = self._claimed(automation, one, known.get(stamp(one.at)))
            if claimed is None:
                continue
            if claimed.status != "queued":
                passed.append(claimed)
                continue
            automation = advanced(automation, following)
            await self._ledger.claim(automation, claimed, passed)
            passed = []
            if self._ledger.automations.get(automation.id) is not automation:
                return  # it was changed meanwhile: what is due now is found anew
        if passed or automation.next_run_at != advanced(automation, last).next_run_at:
            await self._ledger.change(advanced(automation, last), "scheduled", passed)

    def _claimed(self, automation: Automation, due: Due, known: Occurrence | None) -> Occurrence | None:
        """The row that a due time gets; None when it has one that stays as it is."""
        wanted = due.fate == "run"
        if known is not None:
            may_run = wanted and known.status in NEVER_RAN and known.through is None
            return replace(known, status="queued", error=None) if may_run else None
        new = row(automation, self._ports.ids.new("run"), stamp(due.at), now=self._ports.clock.now())
        if not wanted:
            through = None if due.through is None else stamp(due.through)
            return replace(new, status=due.fate, through=through)
        ahead = sum(other.automation_id == automation.id for other in self._ledger.open.values())
        if ahead >= automation.misfire_cap:
            return replace(new, status="skipped", error=f"{ahead} runs of this automation had not ended")
        return new

    def _earlier(self, automation: Automation) -> datetime | None:
        """The first due time that was not run, if it is before the next time on record."""
        now, planned = self._ports.clock.now(), automation.next_run_at
        rule = rule_of(automation)
        at = next_after(rule, instant(now))
        if at is None or (planned is not None and stamp(at) >= planned):
            return None
        rows = self._ports.store.automations.claimed(automation.id, now, planned or FOREVER)
        at = unclaimed(rule, rows, now=now)
        return at if at is not None and (planned is None or stamp(at) < planned) else None

    async def _rest(self, automation_id: str, why: str) -> None:
        automation = self._ledger.automations.get(automation_id)
        if automation is not None:
            resting = replace(automation, next_run_at=None, schedule_error=why)
            await self._ledger.change(resting, "schedule_failed")


def _count(asked: int | None) -> int:
    count = PREVIEWED if asked is None else asked
    if not 1 <= count <= MOST_PREVIEWED:
        raise InvalidInput(f"n must be between 1 and {MOST_PREVIEWED}")
    return count
