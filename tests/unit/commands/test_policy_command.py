"""`codewhale policy`: one answer per line whatever the line holds, and explanations for people."""

import io
import json

import pytest

from codewhale.policy.commands.verdict import Place
from codewhale.surfaces.cli.main import main
from codewhale.surfaces.cli.policy import LONGEST_LINE, answer_lines


class Flushed(io.BytesIO):
    """Counts flushes."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1


def answers(place: Place, *lines: bytes) -> list[tuple[str, str]]:
    sink = Flushed()
    answer_lines(io.BytesIO(b"\n".join(lines)), sink, place)
    found = [json.loads(line) for line in sink.getvalue().splitlines()]
    assert sink.flushes == len(found)
    assert all(answer["reason"] for answer in found)
    return [(answer["verdict"], answer["rule"]) for answer in found]


def test_every_line_is_answered_in_order(place: Place) -> None:
    found = answers(
        place,
        b'"ls"',
        b"",
        b"nonsense",
        b"5",
        b'"rm -rf /"',
        b'["ls"]',
        b'"ls',
        b"\xff",
        b'"\\ud800"',
        b'"a\\u0000"',
        b'""',
        b'"pwd"',
    )
    assert [verdict for verdict, _ in found] == [
        "safe", "ask", "ask", "ask", "forbid", "ask", "ask", "ask", "ask", "ask", "ask", "safe",
    ]  # fmt: skip
    assert {rule for _, rule in found[1:4]} == {"ask.input"}


def test_a_huge_line_is_one_answer(place: Place) -> None:
    huge = b'"' + b"a" * (LONGEST_LINE + 3) + b'"'
    assert answers(place, b'"ls"', huge, b'"ls"') == [
        ("safe", "safe.files"),
        ("ask", "ask.input"),
        ("safe", "safe.files"),
    ]


def test_explain_names_parts_rule_and_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "ls && cat ../x"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("ask: ")
    assert "../x is outside the workspace  [ask.outside_path]" in shown
    assert "  safe    ls\n" in shown
    assert "  ask     cat ../x\n" in shown
    assert "\nconfined  " in shown


def test_explain_shows_what_does_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "cat \x1b[8mhidden"]) == 0
    assert "\\x1b[8mhidden" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", [["policy", "explain"], ["policy", "verdict"], ["policy", "verdict", "--jsonl", "ls"], ["policy"]]
)
def test_what_makes_no_sense_is_said(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_folder_that_is_none_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", "ls", "-w", "/nowhere/at/all"]) == 1
    assert "/nowhere/at/all is not a directory" in capsys.readouterr().err
