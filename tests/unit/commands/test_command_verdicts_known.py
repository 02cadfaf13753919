"""Commands whose verdict is known: `verdicts.jsonl`, one `[verdict, command]` per line."""

import json
from collections import Counter
from pathlib import Path

from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import CommandVerdict, Place

STRICTNESS: dict[CommandVerdict, int] = {"safe": 0, "ask": 1, "forbid": 2}
ROWS: list[tuple[CommandVerdict, str]] = [
    tuple(json.loads(line)) for line in Path(__file__).with_name("verdicts.jsonl").read_text().splitlines()
]


def test_every_known_command_gets_its_verdict(place: Place) -> None:
    wrong = [
        f"{command!r}: {wanted} wanted, {found.verdict} ({found.rule}: {found.reason})"
        for wanted, command in ROWS
        if (found := judge(command, place)).verdict != wanted
    ]
    assert wrong == []


def test_no_verdict_comes_from_a_broken_judge(place: Place) -> None:
    assert [command for _, command in ROWS if judge(command, place).rule == "ask.error"] == []


def test_every_verdict_says_why_and_by_which_rule(place: Place) -> None:
    for verdict, command in ROWS:
        found = judge(command, place)
        assert found.reason
        assert found.class_
        assert found.rule.startswith(f"{found.verdict}."), command
        assert max((STRICTNESS[s.verdict] for s in found.segments), default=STRICTNESS[verdict]) == STRICTNESS[verdict]


def test_all_three_verdicts_are_well_represented() -> None:
    assert min(Counter(verdict for verdict, _ in ROWS).values()) >= 150
