"""`codewhale policy`: what the gate says about a command, without running it.

`verdict --jsonl` answers every line of standard input with one line, in order, whatever the line holds; what cannot be
read is `ask`. `explain` says the same in words.
"""

import argparse
import sys
from typing import BinaryIO

import msgspec

from codewhale.runtime.judging import Judgement, Place, judge, place_at
from codewhale.surfaces.cli.parser import UsageError
from codewhale.surfaces.cli.terminal import clean

LONGEST_LINE = 16 * 1024 * 1024
CHUNK = 1024 * 1024
_WORDS = {
    "safe": "may run by itself: it only reads, inside the workspace",
    "ask": "a person is asked first",
    "forbid": "never runs from here, in no mode; run it in your own terminal if you mean it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument(
        "action",
        choices=["verdict", "explain"],
        help="verdict: judge commands from standard input; explain: say in words why one gets its verdict",
    )
    parser.add_argument("command", nargs="?", metavar="CMD", help="the command to explain, as one quoted word")
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="verdict: one JSON-encoded command string per line in, one JSON object per line out",
    )


def run(args: argparse.Namespace) -> int:
    """0 when every question was answered, whatever the answers."""
    place = place_at(args.workspace)
    if args.action == "explain":
        if args.command is None:
            raise UsageError("no command to explain", hint='codewhale policy explain "ls | wc -l"')
        print(clean("\n".join(_explained(args.command, judge(args.command, place)))))
        return 0
    if args.command is not None or not args.jsonl:
        raise UsageError(
            "`codewhale policy verdict` reads commands from standard input",
            hint="codewhale policy verdict --jsonl < commands.jsonl, with one JSON string per line",
        )
    answer_lines(sys.stdin.buffer, sys.stdout.buffer, place)
    return 0


def answer_lines(source: BinaryIO, sink: BinaryIO, place: Place) -> None:
    """One verdict per line of `source`, written and flushed before the next line is read; memory is bounded."""
    while line := source.readline(LONGEST_LINE):
        whole = line.endswith(b"\n") or len(line) < LONGEST_LINE
        while not whole:
            more = source.readline(CHUNK)
            whole = not more or more.endswith(b"\n")
            line = b""
        sink.write(_answer(line, place) + b"\n")
        sink.flush()


def _answer(line: bytes, place: Place) -> bytes:
    if not line:
        return msgspec.json.encode(_unread("the line is longer than 16 MiB"))
    try:
        text = msgspec.json.decode(line, type=str)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return msgspec.json.encode(_unread("the line is no JSON string"))
    try:
        return msgspec.json.encode(judge(text, place))
    except UnicodeError:
        return msgspec.json.encode(_unread("it holds text that cannot be encoded"))


def _unread(reason: str) -> Judgement:
    return Judgement(verdict="ask", class_="input", rule="ask.input", reason=reason)


def _explained(command: str, judgement: Judgement) -> list[str]:
    lines = [f"{judgement.verdict}: {judgement.reason}", f"  ({_WORDS[judgement.verdict]})", ""]
    lines += [f"command  {_shown(command)}", f"rule     {judgement.rule}", f"class    {judgement.class_}"]
    if judgement.condition is not None:
        lines.append(f"given    {judgement.condition}: git runs with the repository's hooks, drivers and pagers off")
    if judgement.segments:
        lines += ["", "parts"]
        lines += [f"  {s.verdict:<7}{_shown(s.text)}\n         {s.rule}: {s.reason}" for s in judgement.segments]
    return lines


def _shown(text: str) -> str:
    """As it is typed, with every character that would not show as itself spelled out."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
