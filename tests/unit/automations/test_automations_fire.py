"""What is due is run once, at its time; what was missed follows the policy; clocks jump."""

from typing import Any

import pytest

from codewhale.domain.automations import AutomationPatch, Occurrence
from codewhale.domain.errors import InvalidInput
from codewhale.store.check import rebuild
from codewhale.testing.clocks import ManualClock
from codewhale.work.schedule import instant

HOURLY = "FREQ=HOURLY"
HOUR, DAY = 3600.0, 86400.0


def at(text: str) -> ManualClock:
    return ManualClock(instant(text).timestamp())


def times(rows: list[Occurrence]) -> list[tuple[str, str]]:
    return [(row.scheduled_for[5:16], row.status) for row in rows]


async def test_it_sleeps_until_what_is_due_and_runs_it_once(works: Any) -> None:
    async with works(at("2026-01-01T10:05:20Z")) as place:
        automation = await place.add(HOURLY)
        assert automation.next_run_at == "2026-01-01T11:05:00.000Z"
        assert await place.asleep() == 60.0  # never longer, so that a suspended machine or a set clock is noticed
        await place.pass_time(3540)
        assert await place.asleep() == 40.0  # exactly until it is due
        await place.pass_time(40)
        (row,) = await place.settled(automation)
        assert (row.scheduled_for, row.status, row.trigger) == ("2026-01-01T11:05:00.000Z", "completed", "schedule")
        task = await place.runtime.tasks.record(row.task_id)
        assert (task.status, task.auto_approve, task.allow_shell, task.thread_id) == (
            "completed",
            False,
            False,
            row.thread_id,
        )
        after = await place.now(automation)
        assert (after.next_run_at, after.last_run_at) == ("2026-01-01T12:05:00.000Z", row.ended_at)
        await place.pass_time(1)
        assert len(place.rows(automation)) == 1


async def test_two_days_of_downtime_are_made_up_for_once(works: Any) -> None:
    clock = at("2026-01-01T10:00:00Z")
    async with works(clock) as place:
        automation = await place.add(HOURLY)
    clock.advance(48 * HOUR + 60 * 30)
    async with works(clock) as place:
        rows = await place.settled(automation)
        assert len(rows) == 48
        assert [row.status for row in rows] == ["missed"] * 47 + ["completed"]
        assert (await place.now(automation)).next_run_at == "2026-01-03T11:00:00.000Z"


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"misfire": "skip"}, ["skipped"] * 5),
        ({"misfire": "once"}, ["missed"] * 4 + ["completed"]),
        ({"misfire": "all"}, ["completed"] * 5),
        ({"misfire": "all", "misfire_cap": 2}, ["missed"] * 3 + ["completed"] * 2),
        ({"misfire": "all", "max_age_secs": 9000}, ["missed"] * 2 + ["completed"] * 3),
        ({"misfire": "once", "max_age_secs": 60}, ["missed"] * 5),
    ],
)
async def test_the_misfire_policy_decides_about_what_was_missed(
    works: Any, policy: dict[str, Any], expected: list[str]
) -> None:
    clock = at("2026-01-01T10:00:00Z")
    async with works(clock) as place:
        automation = await place.add(HOURLY, **policy)
    clock.advance(5 * HOUR + 1800)
    async with works(clock) as place:
        if "completed" in expected:
            await place.settled(automation)
        assert times(place.rows(automation)) == [(f"01-01T{11 + n}:00", status) for n, status in enumerate(expected)]


async def test_what_was_missed_for_years_is_one_row_and_the_newest_ones(works: Any) -> None:
    clock = at("2026-01-01T00:00:30Z")
    async with works(clock) as place:
        automation = await place.add("FREQ=CRON;EXPR=* * * * *", misfire="skip")
        await place.set_clock("2027-02-05T00:00:30Z")
        rows = place.rows(automation)
        first, *others = rows
        assert (first.scheduled_for, first.through, first.status) == (
            "2026-01-01T00:01:00.000Z",
            "2027-02-04T15:40:00.000Z",
            "skipped",
        )
        assert len(others) == 500
        assert others[0].scheduled_for == "2027-02-04T15:41:00.000Z"
        assert others[-1].status == "completed" or others[-1].task_id is not None  # the newest one was met in time
        await place.settled(automation)


async def test_a_clock_set_back_runs_nothing_twice_and_does_not_silence_the_schedule(works: Any) -> None:
    async with works(at("2026-01-10T10:00:00Z")) as place:
        automation = await place.add(HOURLY)
        await place.pass_time(HOUR)
        await place.settled(automation)
        await place.set_clock("2026-01-07T10:30:00Z")
        assert (await place.now(automation)).next_run_at == "2026-01-07T11:00:00.000Z"
        await place.set_clock("2026-01-07T11:00:00Z")
        await place.settled(automation)
        await place.set_clock("2026-01-10T10:59:00Z")
        rows = await place.settled(automation)
        assert len({row.scheduled_for for row in rows}) == len(rows)
        assert sorted(row.scheduled_for for row in rows if row.status == "completed") == [
            "2026-01-07T11:00:00.000Z",
            "2026-01-10T10:00:00.000Z",
            "2026-01-10T11:00:00.000Z",
        ]
        assert (await place.now(automation)).next_run_at == "2026-01-10T12:00:00.000Z"


async def test_a_clock_that_was_far_ahead_for_a_while_leaves_nothing_undone(works: Any) -> None:
    async with works(at("2026-01-01T10:00:00Z")) as place:
        automation = await place.add(HOURLY, misfire="skip")
        await place.set_clock("2026-01-01T13:30:00Z")
        assert [row.status for row in place.rows(automation)] == ["skipped"] * 3
        await place.set_clock("2026-01-01T10:30:00Z")
        await place.set_clock("2026-01-01T11:00:00Z")
        rows = await place.settled(automation)
        assert sorted(times(rows)) == [
            ("01-01T11:00", "completed"),
            ("01-01T12:00", "skipped"),
            ("01-01T13:00", "skipped"),
        ]


@pytest.mark.parametrize(
    ("zone", "start", "rule", "due"),
    [
        (
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "FREQ=WEEKLY;BYDAY=SA,SU,MO;BYHOUR=2;BYMINUTE=30",
            ["2026-03-30T00:30"],
        ),
        (
            "Europe/Berlin",
            "2026-10-24T12:00:00Z",
            "FREQ=WEEKLY;BYDAY=SU,MO;BYHOUR=2;BYMINUTE=30",
            ["2026-10-25T00:30", "2026-10-26T01:30"],
        ),
        (
            "America/New_York",
            "2026-03-07T12:00:00Z",
            "FREQ=CRON;EXPR=30 2 * * *",
            ["2026-03-08T07:00", "2026-03-09T06:30"],
        ),
        (
            "America/New_York",
            "2026-10-31T12:00:00Z",
            "FREQ=CRON;EXPR=30 1 * * *",
            ["2026-11-01T05:30", "2026-11-02T06:30"],
        ),
        (
            "Australia/Lord_Howe",
            "2026-04-04T12:10:00Z",
            "FREQ=HOURLY;INTERVAL=2",
            ["2026-04-04T14:10", "2026-04-04T16:10"],
        ),
        (
            "Europe/Berlin",
            "2026-03-28T22:00:00Z",
            "FREQ=HOURLY;INTERVAL=6;BYHOUR=3;BYMINUTE=0",
            ["2026-03-29T01:00", "2026-03-29T07:00"],
        ),
        ("UTC", "2027-06-01T00:00:00Z", "FREQ=CRON;EXPR=0 9 29 2 *", ["2028-02-29T09:00", "2032-02-29T09:00"]),
        ("UTC", "2028-02-28T12:00:00Z", "FREQ=WEEKLY;BYDAY=TU;BYHOUR=8;BYMINUTE=0", ["2028-02-29T08:00"]),
    ],
)
async def test_due_times_around_changes_of_the_clocks(
    works: Any, zone: str, start: str, rule: str, due: list[str]
) -> None:
    async with works(at(start), working=False) as place:
        automation = await place.add(rule, timezone=zone)
        preview = await place.automations.preview(automation.id, len(due))
        assert [run.scheduled_for[:16] for run in preview.runs] == due


async def test_no_edit_moves_the_phase(works: Any) -> None:
    async with works(at("2026-01-01T10:05:00Z")) as place:
        automation = await place.add("FREQ=HOURLY;INTERVAL=2")
        place.clock.advance(1800)
        paused = await place.automations.pause(automation.id)
        assert paused.next_run_at is None
        place.clock.advance(4000)
        resumed = await place.automations.resume(automation.id)
        assert resumed.next_run_at == "2026-01-01T12:05:00.000Z"
        edited = await place.automations.update(automation.id, AutomationPatch(rrule="FREQ=HOURLY;INTERVAL=3"))
        assert edited.next_run_at == "2026-01-01T13:05:00.000Z"


async def test_a_broken_rule_or_record_stops_its_own_automation_only(works: Any) -> None:
    clock = at("2026-01-01T10:00:00Z")
    async with works(clock, working=False) as place:
        good, bad, unreadable = [await place.add(HOURLY, name=name) for name in ("good", "bad", "unreadable")]
        with place.store.writing() as db:
            db.execute(
                "UPDATE automations SET record = CAST(replace(CAST(record AS TEXT), 'FREQ=HOURLY', 'FREQ=NEVER') AS BLOB)"
                " WHERE id = ?",
                (bad.id,),
            )
            db.execute("UPDATE automations SET record = x'7b' WHERE id = ?", (unreadable.id,))
        place.runtime.tasks.ledger.forget()
        clock.advance(HOUR)
        place.runtime.tasks.start()
        place.runtime.automations.start()
        await place.settled(good)
        assert [row.status for row in place.rows(good)] == ["completed"]
        resting = await place.now(bad)
        assert (resting.next_run_at, resting.schedule_error) == (
            None,
            "Unsupported RRULE FREQ 'NEVER'. Supported: HOURLY and WEEKLY, also ONCE and CRON",
        )
        mended = await place.automations.update(bad.id, AutomationPatch(rrule=HOURLY))
        assert (mended.next_run_at, mended.schedule_error) == ("2026-01-01T12:00:00.000Z", None)
        rebuild(place.store)  # as it was, so that the read models are those of the log


async def test_once_is_once(works: Any) -> None:
    async with works(at("2026-01-01T10:00:00Z")) as place:
        automation = await place.add("FREQ=ONCE;AT=2026-01-01T12:00:00+01:00")
        assert automation.next_run_at == "2026-01-01T11:00:00.000Z"
        await place.pass_time(HOUR)
        (row,) = await place.settled(automation)
        assert row.status == "completed"
        assert (await place.now(automation)).next_run_at is None
        await place.pass_time(400 * DAY)
        assert len(place.rows(automation)) == 1
        with pytest.raises(InvalidInput, match="never due"):
            await place.add("FREQ=ONCE;AT=2026-01-01T12:00:00Z")
