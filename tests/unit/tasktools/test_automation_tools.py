"""Schedules that a turn makes and changes: theirs never may more, rules are checked in words, others' are out of reach."""

from pathlib import Path

from codewhale.domain.automations import NewAutomation
from codewhale.domain.commands import NewThread, TurnInput
from codewhale.domain.tasks import TaskFilter
from codewhale.testing.call_script import Wanted, calls, results
from codewhale.testing.scene import Scene, Stage

HOURLY = "FREQ=HOURLY;INTERVAL=2"
MAKE: Wanted = ("automation_create", {"name": "look", "prompt": "look around", "rrule": HOURLY})
ID = {"automation_id": "auto_"}


async def said(scene: Scene, new: NewThread | None = None) -> list[str]:
    thread = await scene.thread(new or NewThread(auto_approve=True))
    return [item.detail or "" for item in results(await scene.say(thread.id, "go"))]


async def test_what_a_turn_makes_asks_before_it_acts(stage: Stage) -> None:
    async with stage(calls(MAKE)) as scene:
        (text,) = await said(scene, NewThread(mode="yolo"))
        (made,) = await scene.runtime.automations.listed()
        assert (made.name, made.prompt, made.rrule, made.status) == ("look", "look around", HOURLY, "active")
        assert (made.mode, made.allow_shell, made.trust_mode, made.auto_approve) == ("agent", False, False, False)
        assert made.cwds == (scene.workspace,)
        assert text == f"Made {made.id}: next due {made.next_run_at}."


async def test_the_whole_life_of_one(stage: Stage) -> None:
    script = calls(
        MAKE,
        ("automation_list", {}),
        ("automation_pause", ID),
        ("automation_update", {**ID, "name": "see", "prompt": "see", "rrule": "FREQ=CRON;EXPR=0 9 * * 1-5"}),
        ("automation_resume", ID),
        ("automation_run", ID),
        ("automation_read", ID),
        ("automation_delete", ID),
        ("automation_list", {}),
    )
    async with stage(script) as scene:
        _, listed, paused, changed, resumed, ran, read, deleted, empty = await said(scene)
        (task,) = (await scene.runtime.tasks.listed(TaskFilter())).tasks
        name = listed.split()[0]
        assert f"{name}  active  {HOURLY}  look  next due" in listed
        assert paused == f"{name} is paused: paused."
        assert changed == f"Changed {name}: paused."
        assert resumed.startswith(f"{name} is active: next due ")
        assert ran.endswith(f"of {name}: queued, task {task.id}.")
        assert read.startswith(f"{name}: see, active; next due")
        assert "prompt: see" in read
        assert f"queued {task.id}" in read
        assert deleted == f"Deleted {name}. Runs under way go on."
        assert empty == "There are no automations of this workspace."


async def test_rules_that_cannot_be_followed_are_refused_in_words(stage: Stage) -> None:
    def rule(text: str) -> Wanted:
        return "automation_create", {"name": "n", "prompt": "p", "rrule": text}

    script = calls(
        rule("FREQ=DAILY"),
        rule("FREQ=WEEKLY;BYDAY=MO"),
        rule("FREQ=HOURLY;COUNT=3"),
        rule("FREQ=ONCE;AT=2001-01-01T00:00:00Z"),
        ("automation_update", ID),
    )
    async with stage(script) as scene:
        assert await said(scene) == [
            "Unsupported RRULE FREQ 'DAILY'. Supported: HOURLY and WEEKLY, also ONCE and CRON",
            "WEEKLY schedules require BYHOUR",
            "Unsupported RRULE field 'COUNT' for HOURLY. Allowed: FREQ,INTERVAL,BYDAY,BYHOUR,BYMINUTE",
            "The schedule is never due. The time of a ONCE schedule must be in the future",
            "This workspace has no automation 'auto_'. There are: none.",
        ]


async def test_one_that_may_more_than_the_turn_is_set_going_by_a_person_only(stage: Stage) -> None:
    script = calls(
        ("automation_update", {**ID, "prompt": "something else"}),
        ("automation_run", ID),
        ("automation_resume", ID),
        ("automation_pause", ID),
    )
    async with stage(script) as scene:
        strong = NewAutomation(
            name="n", prompt="p", rrule=HOURLY, cwds=(scene.workspace,), allow_shell=True, auto_approve=True
        )
        made = await scene.runtime.automations.create(strong)
        *refused, paused = await said(scene, NewThread(allow_shell=False, auto_approve=True))
        assert all(text.startswith(f"{made.id} may do more than this thread") for text in refused)
        assert paused == f"{made.id} is paused: paused."
        assert (await scene.runtime.automations.get(made.id)).prompt == "p"
        assert (await scene.runtime.tasks.listed(TaskFilter())).tasks == ()


async def test_those_of_other_workspaces_are_out_of_reach(stage: Stage, tmp_path: Path) -> None:
    script = calls(
        ("automation_list", {}),
        ("automation_delete", ID),
        ("automation_create", {"name": "n", "prompt": "p", "rrule": HOURLY, "cwds": [str(tmp_path)]}),
    )
    async with stage(script) as scene:
        made = await scene.runtime.automations.create(
            NewAutomation(name="n", prompt="p", rrule=HOURLY, cwds=(str(tmp_path),))
        )
        listed, deleted, elsewhere = await said(scene)
        assert listed == "(1 more belong to other workspaces)"
        assert deleted == "This workspace has no automation 'auto_'. There are: none."
        assert "outside" in elsewhere
        assert await scene.runtime.automations.listed() == [made]


async def test_making_one_asks(stage: Stage) -> None:
    async with stage(calls(MAKE)) as scene:
        thread = await scene.thread()
        started = await scene.runtime.start_turn(thread.id, TurnInput(prompt="go"))
        events = await scene.until(thread.id, "approval.required")
        asked = events[-1].decode()
        assert getattr(asked, "description", None) == f"Schedule 'look' ({HOURLY}): look around"
        await scene.runtime.decide("call_1", "deny")
        await scene.turn(thread.id, started.turn.id)
        assert await scene.runtime.automations.listed() == []
