"""Automations over HTTP: made, changed, paused, run, deleted; their ledger and their preview."""

import asyncio
from contextlib import aclosing
from typing import Any

import pytest
from msgspec.structs import replace

from codewhale.domain.events import OccurrenceUpdated

requirement = pytest.mark.requirement

DONE = '[[turn]]\n[[turn.reply]]\ntext = "Done."\n'
HOURLY = "freq=hourly;interval=2"
FIELDS = {"name": " Sweep ", "prompt": " sweep the yard ", "rrule": HOURLY, "timezone": "UTC"}
OURS = {
    "timezone": "UTC",
    "mode": "agent",
    "allow_shell": False,
    "trust_mode": False,
    "auto_approve": False,
    "delivery_mode": "task",
    "misfire": "once",
    "misfire_cap": 10,
}


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status, answer.json()["error"]["message"]


async def made(product: Any, **fields: Any) -> Any:
    answer = await product.call("POST", "/v1/automations", {**FIELDS, **fields})
    assert answer.status == 201, answer.body
    return answer.json()


async def rows(product: Any, automation: Any, query: str = "") -> Any:
    answer = await product.call("GET", f"/v1/automations/{automation['id']}/runs{query}")
    assert answer.status == 200, answer.body
    return answer.json()


async def ran(product: Any, automation: Any) -> Any:
    """The ledger once its tasks have ended."""
    for task in {row["task_id"] for row in await rows(product, automation) if "task_id" in row}:
        await product.call("GET", f"/v1/tasks/{task}?wait=5")
    return await rows(product, automation)


def working(product: Any) -> None:
    product.runtime.tasks.start()
    product.runtime.automations.start()


async def claimed(product: Any, automation: Any) -> None:
    """Returns when the scheduler has claimed something of this automation. It is woken by every change of a schedule."""
    await made(product, name="wakes", status="paused")
    async with asyncio.timeout(5), aclosing(product.runtime.store.subscribe(automation["id"], after=0)) as changes:
        async for batch in changes:
            if any(event.event == OccurrenceUpdated.WIRE and event.decode().occurrence.task_id for event in batch):
                return


@requirement("AUTOMATIONS-CREATE")
@requirement("BUG-33")
async def test_a_new_automation_has_every_field_and_its_next_time(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product)
        assert {name: automation[name] for name in OURS} == OURS
        created = automation["created_at"]
        assert automation == {
            **OURS,
            "schema_version": 1,
            "id": automation["id"],
            "name": "Sweep",
            "prompt": "sweep the yard",
            "rrule": "FREQ=HOURLY;INTERVAL=2",
            "cwds": [],
            "status": "active",
            "created_at": created,
            "updated_at": created,
            "anchor_at": created,
            "next_run_at": "2026-01-01T02:00:00.000Z",
        }
        product.clock.advance(1800)
        edited = (await product.call("PATCH", f"/v1/automations/{automation['id']}", {"rrule": HOURLY})).json()
        assert edited["next_run_at"] == automation["next_run_at"]  # no edit moves the phase
        paused = await made(product, status="paused", cwds=["/a", "/b"])
        assert "next_run_at" not in paused
        assert paused["cwds"] == ["/a", "/b"]


@requirement("AUTOMATIONS-ERRORS")
async def test_what_makes_no_sense_is_refused_in_the_contract_s_words(start: Any) -> None:
    async with start(DONE) as product:
        for fields, message in [
            ({"name": " "}, "Automation name is required"),
            ({"prompt": ""}, "Automation prompt is required"),
            (
                {"rrule": "FREQ=DAILY"},
                "Unsupported RRULE FREQ 'DAILY'. Supported: HOURLY and WEEKLY, also ONCE and CRON",
            ),
            ({"rrule": "x"}, "Invalid RRULE segment 'X'"),
            ({"rrule": "FREQ=WEEKLY;BYDAY=MO;BYHOUR=24;BYMINUTE=0"}, "BYHOUR must be between 0 and 23"),
            ({"timezone": "Mars"}, "Unknown timezone 'Mars'"),
            ({"misfire_cap": 0}, "misfire_cap must be between 1 and 100"),
        ]:
            answer = await product.call("POST", "/v1/automations", {**FIELDS, **fields})
            assert refusal(answer) == (400, message)
        for fields in ({"name": None}, {"status": "asleep"}, {"cwds": "/a"}, {"misfire": "never"}):
            assert (await product.call("POST", "/v1/automations", {**FIELDS, **fields})).status == 422
        assert (await product.call("GET", "/v1/automations")).json() == []


@requirement("AUTOMATIONS-PATCH")
async def test_a_change_touches_what_it_names(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product)
        path = f"/v1/automations/{automation['id']}"
        same = (await product.call("PATCH", path, {})).json()
        assert same["updated_at"] > automation["updated_at"]
        assert {**same, "updated_at": ""} == {**automation, "updated_at": ""}
        assert refusal(await product.call("PATCH", path, {"name": " "})) == (400, "Automation name cannot be empty")
        assert refusal(await product.call("PATCH", path, {"prompt": ""})) == (400, "Automation prompt cannot be empty")
        paused = (await product.call("PATCH", path, {"status": "paused"})).json()
        assert "next_run_at" not in paused
        stored = (await product.call("PATCH", path, {"rrule": "FREQ=HOURLY"})).json()
        assert (stored["rrule"], "next_run_at" in stored) == ("FREQ=HOURLY", False)
        product.clock.advance(5 * 3600)
        active = (await product.call("PATCH", path, {"status": "active"})).json()
        assert active["next_run_at"] == "2026-01-01T06:00:00.000Z"  # what was due while paused is not made up for
        product.clock.advance(2 * 3600)
        again = (await product.call("PATCH", path, {"status": "active"})).json()
        assert again["next_run_at"] == "2026-01-01T08:00:00.000Z"


@requirement("AUTOMATIONS-LIST")
async def test_the_list_has_the_one_changed_last_first(start: Any) -> None:
    async with start(DONE) as product:
        one, two = await made(product, name="one"), await made(product, name="two")
        await product.call("PATCH", f"/v1/automations/{one['id']}", {})
        listed = (await product.call("GET", "/v1/automations")).json()
        assert [automation["name"] for automation in listed] == ["one", "two"]
        assert (await product.call("GET", f"/v1/automations/{two['id']}")).json() == two


@requirement("AUTOMATIONS-PAUSE")
async def test_pause_and_resume(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product)
        path = f"/v1/automations/{automation['id']}"
        paused = (await product.call("POST", f"{path}/pause")).json()
        assert (paused["status"], "next_run_at" in paused) == ("paused", False)
        product.clock.advance(3 * 3600)
        resumed = (await product.call("POST", f"{path}/resume")).json()
        assert (resumed["status"], resumed["next_run_at"]) == ("active", "2026-01-01T04:00:00.000Z")
        assert await rows(product, automation) == []


@requirement("AUTOMATIONS-RUN")
async def test_a_run_by_hand_answers_its_row_and_follows_its_task(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product, status="paused", cwds=[str(product.workspace)])
        answer = await product.call("POST", f"/v1/automations/{automation['id']}/run")
        row = answer.json()
        assert answer.status == 200
        assert row == {
            "schema_version": 1,
            "id": row["id"],
            "automation_id": automation["id"],
            "scheduled_for": row["created_at"],
            "status": "queued",
            "created_at": row["created_at"],
            "trigger": "manual",
            "task_id": row["task_id"],
        }
        working(product)
        (done,) = await ran(product, automation)
        assert (done["status"], done["thread_id"], done["turn_id"]) == ("completed", done["thread_id"], done["turn_id"])
        assert done["started_at"] < done["ended_at"]
        after = (await product.call("GET", f"/v1/automations/{automation['id']}")).json()
        assert after["last_run_at"] == done["ended_at"]


@requirement("AUTOMATIONS-AUTO-APPROVE")
async def test_a_run_approves_nothing_by_itself_unless_told_so(start: Any) -> None:
    async with start(DONE) as product:
        for given in (False, True):
            automation = await made(product, auto_approve=given)
            row = (await product.call("POST", f"/v1/automations/{automation['id']}/run")).json()
            task = (await product.call("GET", f"/v1/tasks/{row['task_id']}")).json()
            assert (task["auto_approve"], task["allow_shell"], task["trust_mode"]) == (given, False, False)


@requirement("AUTOMATIONS-DELETE")
@requirement("BUG-31")
async def test_deleting_answers_the_record_and_orphans_nothing(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product)
        path = f"/v1/automations/{automation['id']}"
        row = (await product.call("POST", f"{path}/run")).json()
        deleted = await product.call("DELETE", path)
        assert (deleted.status, deleted.json()) == (200, automation)
        missing = (404, f"Failed to read automation {automation['id']}")
        for method, where in (("GET", ""), ("DELETE", ""), ("POST", "/run"), ("POST", "/pause"), ("GET", "/preview")):
            assert refusal(await product.call(method, path + where)) == missing
        working(product)
        (done,) = await ran(product, automation)
        assert (done["id"], done["status"]) == (row["id"], "completed")


@requirement("AUTOMATIONS-RUNS")
@requirement("BUG-34")
async def test_the_ledger_of_nobody_is_empty_and_an_impossible_id_is_no_path(start: Any) -> None:
    async with start(DONE) as product:
        answer = await product.call("GET", "/v1/automations/auto_0000000000000000/runs")
        assert (answer.status, answer.json()) == (200, [])
        for name in ("..%2f..%2fetc", "a%00b", "x" * 200):
            for method, where in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "/runs"), ("POST", "/run")):
                body: object = {} if method == "PATCH" else None
                answer = await product.call(method, f"/v1/automations/{name}{where}", body)
                assert answer.status in (400, 404), (name, method, where)
        automation = await made(product)
        for _ in range(3):
            await product.call("POST", f"/v1/automations/{automation['id']}/run")
        newest = await rows(product, automation)
        assert len(newest) == 3
        assert newest == sorted(newest, key=lambda row: row["created_at"], reverse=True)
        assert await rows(product, automation, "?limit=2") == newest[:2]


@requirement("AUTOMATIONS-PREVIEW")
async def test_a_preview_of_an_automation_and_of_a_rule_that_is_not_saved(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product, rrule="FREQ=CRON;EXPR=30 2 29 3 *", timezone="Europe/Berlin", status="paused")
        shown = (await product.call("GET", f"/v1/automations/{automation['id']}/preview?n=2")).json()
        assert shown == {
            "rrule": "FREQ=CRON;EXPR=30 2 29 3 *",
            "timezone": "Europe/Berlin",
            "runs": [
                {"scheduled_for": "2026-03-29T01:00:00.000Z", "local": "2026-03-29T03:00:00+02:00"},
                {"scheduled_for": "2027-03-29T00:30:00.000Z", "local": "2027-03-29T02:30:00+02:00"},
            ],
        }
        asked = {"rrule": "FREQ=HOURLY;INTERVAL=3", "timezone": "UTC", "n": 1}
        asked = await product.call("POST", "/v1/automations/preview", asked)
        assert [run["scheduled_for"] for run in asked.json()["runs"]] == ["2026-01-01T03:00:00.000Z"]
        five = await product.call("GET", f"/v1/automations/{automation['id']}/preview")
        assert len(five.json()["runs"]) == 5
        for n in (0, 101):
            wrong = await product.call("POST", "/v1/automations/preview", {"rrule": HOURLY, "n": n})
            assert refusal(wrong) == (400, "n must be between 1 and 100")
        wrong = await product.call("POST", "/v1/automations/preview", {"rrule": "FREQ=NEVER"})
        assert wrong.status == 400


@requirement("AUTOMATIONS-LEDGER")
@requirement("BUG-30")
async def test_two_days_of_downtime_are_one_run_and_a_row_for_every_due_time(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product, rrule="FREQ=HOURLY")
        product.clock.advance(48 * 3600 + 60)
        working(product)
        await claimed(product, automation)
        ledger = await ran(product, automation)
        assert [row["status"] for row in ledger][::-1] == ["missed"] * 47 + ["completed"]
        assert len({row["scheduled_for"] for row in ledger}) == 48
        assert len((await product.call("GET", "/v1/tasks")).json()["tasks"]) == 1


@requirement("BUG-32")
async def test_a_rule_that_went_bad_stops_nothing_else(start: Any) -> None:
    async with start(DONE) as product:
        bad, good = await made(product, name="bad"), await made(product, name="good")
        book = product.runtime.tasks.ledger.automations
        book[bad["id"]] = replace(book[bad["id"]], rrule="FREQ=X")
        product.clock.advance(2 * 3600)
        working(product)
        await claimed(product, good)
        assert [row["status"] for row in await ran(product, good)] == ["completed"]
        resting = (await product.call("GET", f"/v1/automations/{bad['id']}")).json()
        assert resting["schedule_error"].startswith("Unsupported RRULE FREQ 'X'")
        assert "next_run_at" not in resting


@requirement("BUG-35")
async def test_what_was_answered_is_on_disk(start: Any) -> None:
    async with start(DONE) as product:
        automation = await made(product)
        reopened = product.runtime.store.automations.all()
        assert [one.id for one in reopened] == [automation["id"]]
