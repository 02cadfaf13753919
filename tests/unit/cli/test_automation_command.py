"""`codewhale automation` without a server: records are made and changed, runs are queued, and a note says who would run them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

Codewhale = Callable[..., Any]
NOTE = "note: schedules run while `codewhale serve --http` runs; now it does not\n"
CRON = ("--cron", "30 2 29 3 *", "--timezone", "Europe/Berlin")


def record(ran: Any) -> Any:
    assert ran.code == 0, ran.err
    return msgspec.json.decode(ran.out)


def test_nothing_is_there_at_first(codewhale: Codewhale) -> None:
    assert codewhale("automation", "list").out == "No automations.\n"
    assert codewhale("automation", "list", "--json").out == "[]\n"
    missing = codewhale("automation", "show", "auto_1")
    assert (missing.code, missing.err.startswith("error: there are no automations in")) == (1, True)


def test_from_made_to_deleted(codewhale: Codewhale, home: Path) -> None:
    added = codewhale("automation", "add", *CRON, "--auto-approve", "--name", "Sweep", "sweep", "the yard")
    name = added.out.strip()
    assert added.err.endswith(NOTE)
    kept = record(codewhale("automation", "show", name[:9], "--json"))
    assert (kept["name"], kept["prompt"], kept["rrule"]) == ("Sweep", "sweep the yard", "FREQ=CRON;EXPR=30 2 29 3 *")
    assert (kept["auto_approve"], kept["allow_shell"], kept["status"]) == (True, False, "active")
    shown = codewhale("automation", "show", name).out
    assert "rule     FREQ=CRON;EXPR=30 2 29 3 * in Europe/Berlin" in shown
    assert "mode     agent; acts without asking" in shown
    assert f"{name}  " in codewhale("automation", "list").out
    edited = codewhale(
        "automation", "edit", name, "--rrule", "FREQ=HOURLY", "--no-auto-approve", "--misfire", "all", "rake"
    )
    assert edited.code == 0
    kept = record(codewhale("automation", "show", name, "--json"))
    assert (kept["rrule"], kept["auto_approve"], kept["misfire"], kept["prompt"]) == (
        "FREQ=HOURLY",
        False,
        "all",
        "rake",
    )
    assert codewhale("automation", "pause", name).out == f"{name} 'Sweep': next paused\n"
    ran = codewhale("automation", "run", name)
    assert ran.err == NOTE
    assert " queued, task task_" in ran.out
    assert "by hand  queued  task_" in codewhale("automation", "runs", name).out
    assert codewhale("automation", "resume", name).code == 0
    assert codewhale("automation", "delete", name).out.startswith("Deleted 'Sweep'")
    assert "by hand  queued  task_" in codewhale("automation", "runs", name).out
    gone = codewhale("automation", "show", name)
    assert (gone.code, gone.err.startswith("error: no automation has an id that begins with")) == (1, True)
    assert codewhale("automation", "list").out == "No automations.\n"


def test_a_rule_is_tried_before_it_is_kept(codewhale: Codewhale) -> None:
    ran = record(codewhale("automation", "preview", *CRON, "-n", "1", "--json"))
    assert [run["local"][5:] for run in ran["runs"]] == ["03-29T02:30:00+02:00"]
    assert codewhale("automation", "preview", "--at", "2020-01-01T00:00:00Z").out == (
        "FREQ=ONCE;AT=2020-01-01T00:00:00Z is never due again.\n"
    )
    wrong = codewhale("automation", "add", "--rrule", "FREQ=DAILY", "go")
    assert (wrong.code, wrong.err) == (
        1,
        "error: Unsupported RRULE FREQ 'DAILY'. Supported: HOURLY and WEEKLY, also ONCE and CRON\n",
    )


@pytest.mark.parametrize(
    "words",
    [
        ("add", "go"),
        ("add", "--cron", "* * * * *", "--at", "2030-01-01T00:00:00Z", "go"),
        ("list", "auto_1"),
        ("show",),
        ("show", "a", "b"),
        ("preview",),
        ("list", "--misfire", "all"),
        ("runs", "a", "--limit", "0"),
        ("pause", "a", "-n", "2"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_2(codewhale: Codewhale, words: tuple[str, ...]) -> None:
    assert codewhale("automation", *words).code == 2
