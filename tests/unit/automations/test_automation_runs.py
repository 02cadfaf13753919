"""Runs: by hand, while somebody is asked, with their task, after the automation; and the claim that only one can make."""

from typing import Any

import pytest
from msgspec.structs import replace

from codewhale.domain import events as e
from codewhale.domain.automations import AutomationPatch
from codewhale.domain.errors import InvalidInput, NotFound, StoreError
from codewhale.domain.tasks import TaskFilter
from codewhale.testing.clocks import ManualClock

ASKS = """
[[turn]]
[[turn.reply]]
text = "I write it."
calls = [{id = "call_1", tool = "write_file", arguments = {path = "new.txt", content = "hi"}}]
[[turn.reply]]
text = "Done."
"""
HOURLY = "FREQ=HOURLY"
_ALL = TaskFilter()


async def test_a_run_by_hand_works_while_paused_and_leaves_the_schedule_alone(works: Any) -> None:
    async with works() as place:
        active = await place.add(HOURLY)
        paused = await place.add(HOURLY, status="paused")
        assert paused.next_run_at is None
        for automation in (active, paused):
            queued = await place.automations.run_now(automation.id)
            assert (queued.status, queued.trigger, queued.scheduled_for) == ("queued", "manual", place.clock.now())
            (row,) = await place.settled(automation)
            assert (row.id, row.status) == (queued.id, "completed")
            after = await place.now(automation)
            assert (after.next_run_at, after.last_run_at) == (automation.next_run_at, row.ended_at)


async def test_a_run_waits_for_a_person_until_there_is_an_answer(works: Any) -> None:
    async with works(script=ASKS) as place:
        automation = await place.add(HOURLY)
        await place.automations.run_now(automation.id)
        blocked = await place.until(automation, "blocked_on_approval")
        (request,) = place.store.open_requests(blocked.thread_id)
        await place.runtime.decide(request.id, "allow")
        (row,) = await place.settled(automation)
        assert row.status == "completed"
        seen = [
            event.decode().occurrence.status
            for event in place.store.read(automation.id, after=0, limit=100)
            if event.event == e.OccurrenceUpdated.WIRE
        ]
        assert seen[0] == "queued"
        assert seen[-3:] == ["blocked_on_approval", "running", "completed"]


async def test_nothing_is_approved_unless_told_so(works: Any) -> None:
    async with works(script=ASKS) as place:
        automation = await place.add(HOURLY, auto_approve=True, allow_shell=True, mode="agent")
        await place.automations.run_now(automation.id)
        (row,) = await place.settled(automation)
        assert row.status == "completed"
        thread = await place.runtime.thread(row.thread_id)
        assert (thread.auto_approve, thread.allow_shell, thread.trust_mode) == (True, True, False)


async def test_a_run_is_queued_until_a_worker_is_free_and_can_be_canceled(works: Any) -> None:
    async with works(working=False) as place:
        automation = await place.add(HOURLY)
        queued = await place.automations.run_now(automation.id)
        assert [row.status for row in place.rows(automation)] == ["queued"]
        await place.runtime.tasks.cancel(queued.task_id)
        (row,) = place.rows(automation)
        assert (row.status, row.started_at) == ("canceled", None)


async def test_deleting_ends_the_schedule_and_keeps_run_and_ledger(works: Any) -> None:
    async with works(script=ASKS) as place:
        automation = await place.add(HOURLY)
        await place.automations.run_now(automation.id)
        blocked = await place.until(automation, "blocked_on_approval")
        assert await place.automations.delete(automation.id) == automation
        with pytest.raises(NotFound, match="Failed to read automation"):
            await place.automations.get(automation.id)
        (request,) = place.store.open_requests(blocked.thread_id)
        await place.runtime.decide(request.id, "deny")
        (row,) = await place.settled(automation)
        assert row.status == "completed"
        assert await place.automations.runs(automation.id, None) == [row]
        await place.pass_time(7200)
        assert place.rows(automation) == [row]


async def test_what_was_queued_runs_in_the_next_process(works: Any) -> None:
    clock = ManualClock()
    async with works(clock, working=False) as place:
        automation = await place.add(HOURLY)
        await place.automations.run_now(automation.id)
    async with works(clock) as place:
        (row,) = await place.settled(automation)
        assert row.status == "completed"


async def test_a_watcher_with_nothing_to_report_is_marked(works: Any) -> None:
    silent = '[[turn]]\n[[turn.reply]]\ntext = "NOTHING_TO_REPORT"\n'
    async with works(script=silent) as place:
        for delivery, suppressed in (("watcher", True), ("task", False)):
            automation = await place.add(HOURLY, delivery_mode=delivery)
            await place.automations.run_now(automation.id)
            (row,) = await place.settled(automation)
            assert (row.status, row.suppressed) == ("completed", suppressed)


async def test_a_schedule_that_runs_ahead_of_its_work_is_held_back(works: Any) -> None:
    async with works(script=ASKS) as place:
        automation = await place.add("FREQ=CRON;EXPR=* * * * *", misfire_cap=1)
        await place.pass_time(60)
        await place.until(automation, "blocked_on_approval")
        await place.pass_time(60)
        skipped = await place.until(automation, "skipped")
        assert skipped.error == "1 runs of this automation had not ended"
        (request,) = place.store.open_requests()
        await place.runtime.decide(request.id, "deny")
        await place.settled(automation)


async def test_an_occurrence_is_claimed_once(works: Any) -> None:
    async with works() as place:
        automation = await place.add(HOURLY)
        await place.pass_time(3600)
        (row,) = await place.settled(automation)
        tasks = len((await place.runtime.tasks.listed(_ALL)).tasks)
        again = replace(row, id="run_another", status="queued")
        with pytest.raises(StoreError, match="UNIQUE"):
            await place.runtime.tasks.ledger.claim(automation, again)
        assert len((await place.runtime.tasks.listed(_ALL)).tasks) == tasks  # the task was refused with the claim
        assert place.rows(automation) == [row]
        assert (await place.now(automation)).next_run_at == "2026-01-01T02:00:00.000Z"


async def test_a_change_of_fields_is_checked_and_kept(works: Any) -> None:
    async with works(working=False) as place:
        automation = await place.add(HOURLY, cwds=("/a", "/b"), max_age_secs=60)
        patch = AutomationPatch(
            name=" New ", misfire="all", misfire_cap=3, max_age_secs=0, timezone="Asia/Tokyo", cwds=()
        )
        after = await place.automations.update(automation.id, patch)
        assert (after.name, after.misfire, after.misfire_cap, after.max_age_secs, after.timezone, after.cwds) == (
            "New",
            "all",
            3,
            None,
            "Asia/Tokyo",
            (),
        )
        for wrong in (
            AutomationPatch(misfire_cap=0),
            AutomationPatch(misfire_cap=101),
            AutomationPatch(max_age_secs=-1),
            AutomationPatch(timezone="nowhere"),
            AutomationPatch(rrule="FREQ=NEVER"),
        ):
            with pytest.raises(InvalidInput):
                await place.automations.update(automation.id, wrong)
        assert await place.now(automation) == after


async def test_a_full_disk_costs_no_due_time(works: Any) -> None:
    async with works() as place:
        automation = await place.add(HOURLY, prompt="x" * 100_000)
        with place.store.writing() as db:
            db.execute("PRAGMA max_page_count = 1")  # SQLite makes that the present size
        await place.pass_time(3600)
        assert place.rows(automation) == []
        with place.store.writing() as db:
            db.execute(f"PRAGMA max_page_count = {1 << 30}")
        await place.pass_time(60)
        (row,) = await place.settled(automation)
        assert (row.scheduled_for, row.status) == ("2026-01-01T01:00:00.000Z", "completed")
        assert (await place.now(automation)).next_run_at == "2026-01-01T02:00:00.000Z"
