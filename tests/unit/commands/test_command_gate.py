"""At the gate: a forbidden command runs in no mode and with no permission; other verdicts change no decision."""

from itertools import product
from typing import get_args

import pytest

from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import Place
from codewhale.policy.decide import PlannedCall, Posture, approval_key, decide
from codewhale.policy.mode import Mode


def call(command: str, place: Place, *, judged: bool = True) -> PlannedCall:
    return PlannedCall(
        tool="exec_shell",
        effects=frozenset({"execute"}),
        default="ask",
        description=command,
        arguments=f'{{"command":"{command}"}}',
        judged=judge(command, place) if judged else None,
    )


def postures(planned: PlannedCall) -> list[Posture]:
    key = approval_key(planned)
    assert key is not None
    return [
        Posture(mode=mode, allow_shell=shell, auto_approve=auto, trust_mode=trust, allowed=allowed)
        for mode, shell, auto, trust, allowed in product(
            get_args(Mode), (False, True), (False, True), (False, True), (frozenset[str](), frozenset({key}))
        )
    ]


def test_a_forbidden_command_runs_in_no_posture(place: Place) -> None:
    planned = call("rm -rf ~", place)
    assert {decide(planned, posture).verdict for posture in postures(planned)} == {"deny"}


def test_the_model_is_told_why(place: Place) -> None:
    decision = decide(call("rm -rf ~", place), Posture(mode="yolo"))
    assert decision.rule == "forbid.destroy"
    assert "home directory" in decision.reason


@pytest.mark.parametrize("command", ["touch a", "git push"])
def test_what_only_asks_changes_no_verdict(command: str, place: Place) -> None:
    planned, plain = call(command, place), call(command, place, judged=False)
    for posture in postures(planned):
        with_judge, without = decide(planned, posture), decide(plain, posture)
        assert (with_judge.verdict, with_judge.rule) == (without.verdict, without.rule)


def test_a_safe_command_runs_unasked_where_a_sandbox_is_proved_and_writes_nothing_then(place: Place) -> None:
    planned = call("ls", place)
    decisions = {
        tier: decide(planned, Posture(allow_shell=True, tier=tier))
        for tier in ("bubblewrap", "landlock", "seatbelt", "external", "none")
    }
    assert {tier: (d.verdict, d.read_only) for tier, d in decisions.items()} == {
        "bubblewrap": ("allow", True),
        "landlock": ("allow", True),
        "seatbelt": ("allow", True),
        "external": ("ask", False),
        "none": ("ask", False),
    }
    assert decisions["none"].rule == "sandbox_none"
