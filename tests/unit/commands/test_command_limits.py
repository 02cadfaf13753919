"""Texts made to exhaust the judge end in `ask`, and what is forbidden is found behind them as far as a shell could run it."""

import pytest

from codewhale.policy.commands.judge import judge
from codewhale.policy.commands.verdict import Place


@pytest.mark.parametrize(
    ("text", "verdict", "rule"),
    [
        ("true && " * 5000 + "ls", "ask", "ask.limits"),
        ("true && " * 5000 + "rm -rf /", "forbid", "forbid.destroy"),
        ("; ".join(f"echo {n}" for n in range(5000)) + "; shutdown now", "forbid", "forbid.power"),
        ("ls; " * 60 + "ls", "ask", "ask.limits"),
        ("a" * 10_000_000, "ask", "ask.limits"),
        ("echo " + "$(" * 60 + "touch x" + ")" * 60, "ask", "ask.subst"),
        ("(" * 60 + "ls" + ")" * 60, "ask", "ask.control"),
        ("$(" * 20_000, "ask", "ask.limits"),
        ("A=aaaaaaaa;" + "A=$A$A;" * 60 + "echo $A", "ask", "ask.env"),
        ("echo " + "{a,b}" * 40, "ask", "ask.subst"),
        ("ls " + "'a'b " * 1600, "ask", "ask.limits"),
    ],
)
def test_size_never_makes_a_verdict_weaker(text: str, verdict: str, rule: str, place: Place) -> None:
    found = judge(text, place)
    assert (found.verdict, found.rule) == (verdict, rule)


def test_a_judge_that_breaks_asks() -> None:
    broken = Place(workspace="/nowhere\0", cwd="/nowhere\0")
    found = judge("ls a.txt", broken)
    assert (found.verdict, found.rule) == ("ask", "ask.error")
