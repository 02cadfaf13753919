"""Nothing that a terminal would obey comes out of what the command line prints, whatever it is given and in what pieces."""

import json

import pytest

from codewhale.domain import events as e
from codewhale.domain.errors import CodewhaleError
from codewhale.domain.plain import PlainStream, plain
from codewhale.surfaces.cli import present
from codewhale.surfaces.cli.dispatch import report
from codewhale.surfaces.cli.present import Progress
from codewhale.surfaces.cli.terminal import Piece, Terminal, clean, say, write_lines
from codewhale.testing.escapes import obeyed, samples
from codewhale.testing.turn_script import THREAD_ID, TURN_ID, TurnScript

Caught = pytest.CaptureFixture[bytes]


def test_there_are_enough_samples() -> None:
    assert len(samples()) > 200
    assert all(obeyed(sample.encode()) or "\x1b[" in sample or "\U000e0041" in sample for sample in samples())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_answers_in_pieces(capfdbinary: Caught, size: int) -> None:
    terminal = Terminal()
    for sample in samples():
        for at in range(0, len(sample), size):
            terminal.show([Piece("answer", sample[at : at + size])])
        terminal.end_answer()
    out, _ = capfdbinary.readouterr()
    assert obeyed(out) == []
    assert b"\x1b" not in out


def test_notes_problems_errors_and_single_lines(capfdbinary: Caught) -> None:
    terminal = Terminal()
    for sample in samples():
        terminal.show([Piece("note", sample), Piece("problem", sample)])
        report(CodewhaleError(sample, hint=sample), 1)
        say(sample)
        say(sample, aside=True)
    out, err = capfdbinary.readouterr()
    assert (obeyed(out), obeyed(err)) == ([], [])
    assert b"\x1b" not in out + err


def test_json_says_it_escaped(capfdbinary: Caught) -> None:
    write_lines([json.dumps(samples(), ensure_ascii=False).encode()])
    out, _ = capfdbinary.readouterr()
    assert [c for c in obeyed(out) if c < "\u2000"] == []
    assert json.loads(out) == samples()


def test_everything_of_a_turn(capfdbinary: Caught) -> None:
    terminal = Terminal()
    progress = Progress(thread_id=THREAD_ID, turn_id=TURN_ID)
    script = TurnScript()
    for number, sample in enumerate(samples()):
        script.said(f"a{number}", sample, sample)
        script.called(f"b{number}", sample, {"path": sample, "command": sample})
        script.returned(f"b{number}", sample, diff=sample, exit_code=1, stdout=sample)
        script.refused(f"c{number}", sample, "execution_failed")
        asked = e.ApprovalRequired(
            id=f"d{number}", approval_id=f"d{number}", tool_name=sample, description=sample, input={"command": sample}
        )
        script.add(asked)
    for event in script.events:
        terminal.show(present.text(progress, event))
    out, err = capfdbinary.readouterr()
    assert (obeyed(out), obeyed(err)) == ([], [])


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_stream_is_as_plain_as_the_whole(size: int) -> None:
    for sample in samples():
        stream = PlainStream()
        pieces = [stream.feed(sample[at : at + size]) for at in range(0, len(sample), size)]
        assert obeyed("".join([*pieces, stream.end()]).replace("\u202e", "").encode()) in ([], ["\u200f"], ["\u2066"])
        assert clean(plain(sample)) == clean(sample)
