"""`codewhale policy`: what the gate says, why it said so, and the rules that it follows. Nothing is run.

`verdict --jsonl` answers every line of standard input with one line, in order, whatever the line holds; what cannot be
read is `ask`. The others use the same engine and say it in words.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import BinaryIO

import msgspec

from codewhale.config.settings import Settings
from codewhale.domain.decisions import DecisionQuery
from codewhale.domain.rules import ACTIONS, Action, Rule, Simulation
from codewhale.runtime.client import Client
from codewhale.runtime.judging import Explained, Judgement, Place, explain, judge, place_at, standing_of
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.policy_files import check_expectations, rules_of_file
from codewhale.surfaces.cli.policy_text import (
    confined_line,
    decision_lines,
    past_line,
    past_lines,
    rules_lines,
    shown,
    simulation_lines,
    target_lines,
)
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

LONGEST_LINE = 16 * 1024 * 1024
CHUNK = 1024 * 1024
FAILED = 1
LISTED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["explain", "why", "rules", "simulate", "test", "verdict"],
        help="explain: what would happen to a command, and why; why: what happened to calls, and why; rules: list, add or "
        "remove yours; simulate: what a rule would have done so far; test: check expectations; verdict: judge commands",
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="WORDS",
        help="explain CMD (one quoted word); why [THREAD [CALL]]; rules [list], rules add allow|ask|deny [COMMAND ...], "
        "rules remove N; simulate allow|ask|deny [COMMAND ...]; test FILE",
    )
    parser.add_argument("--tool", metavar="NAME", help="for a rule: only this tool; * stands for any letters")
    parser.add_argument("--exact", metavar="CMD", help="for a rule: this whole command and no other")
    parser.add_argument("--path", metavar="GLOB", help="for a rule: files, relative to the workspace or absolute")
    parser.add_argument("--in", dest="folder", metavar="DIR", help="for a rule: only in this workspace")
    parser.add_argument("--reason", metavar="TEXT", help="for rules add: why, for people")
    parser.add_argument("--file", metavar="FILE", help="for simulate: every rule of this file")
    parser.add_argument("--yes", action="store_true", help="for rules add: write it without asking")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")
    parser.add_argument(
        "--jsonl",
        action="store_true",
        help="for verdict: one JSON-encoded command string per line in, one JSON object per line out",
    )


def run(args: argparse.Namespace) -> int:
    """0 when every question was answered, whatever the answers; 1 when an expectation was not met or nothing was found."""
    if args.action == "verdict":
        return _verdict(args)
    actions: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
        "explain": _explain,
        "why": _why,
        "test": _test,
        "simulate": _simulate,
        "rules": _rules,
    }
    return actions[args.action](args, settings_of(args))


def _verdict(args: argparse.Namespace) -> int:
    if args.words or not args.jsonl:
        raise UsageError(
            "`codewhale policy verdict` reads commands from standard input",
            hint="codewhale policy verdict --jsonl < commands.jsonl, with one JSON string per line",
        )
    answer_lines(sys.stdin.buffer, sys.stdout.buffer, place_at(args.workspace))
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


def _explain(args: argparse.Namespace, settings: Settings) -> int:
    if len(args.words) != 1:
        raise UsageError(
            "no command to explain" if not args.words else "the command must be one word",
            hint='codewhale policy explain "ls | wc -l"',
        )
    command = args.words[0]
    found = explain(settings, "exec_shell", {"command": command}, standing=standing_of(settings))
    if args.json:
        write_lines([msgspec.json.encode({"decision": found.decision, "confined_by": found.confined_by})])
    else:
        write_text(clean("\n".join([*_explained(command, found), *_unasked_hooks(settings)]) + "\n"))
    return 0


def _unasked_hooks(settings: Settings) -> list[str]:
    """What `explain` cannot tell, as it runs nothing: the words of the person's hooks."""
    given = {hook.event for hook in settings.hooks.hooks if settings.hooks.enabled}
    asked = [event for event in ("tool_call_before", "shell_env") if event in given]
    return [f"hooks     not asked for this: {', '.join(asked)}; their word may change it"] if asked else []


def _explained(command: str, found: Explained) -> list[str]:
    lines = decision_lines(found.decision)
    lines += [confined_line(found.confined_by, read_only=found.decision.read_only), f"command   {shown(command)}"]
    judged = found.call.judged
    if judged is not None:
        lines += [f"reads as  {judged.verdict}: {shown(judged.reason)}  [{judged.rule}]"]
        parts = judged.segments
        lines += [
            f"  {part.verdict:<6}  {shown(part.text)}\n          {shown(part.reason)}  [{part.rule}]" for part in parts
        ]
    return lines + target_lines(found.call.targets)


def _why(args: argparse.Namespace, settings: Settings) -> int:
    if len(args.words) > 2:
        raise UsageError("too many words", hint="codewhale policy why [THREAD [CALL]]")
    thread, call = [*args.words, None, None][:2]
    if not store_exists(settings):
        print(f"Nothing was decided yet in {settings.runtime_dir}.")
        return FAILED
    query = DecisionQuery(thread_id=thread, call_id=call, limit=1 if call else LISTED)
    found = with_client(settings, "policy", lambda client: client.policy.decisions(query))
    if args.json:
        write_lines([msgspec.json.encode(past) for past in found])
    elif not found:
        print("There is no such decision." if thread else "Nothing was decided yet.")
    elif call:
        write_text(clean("\n".join(past_lines(found[0])) + "\n"))
    else:
        more = "`codewhale policy why THREAD CALL` tells the whole of one."
        write_text(clean("\n".join([*map(past_line, reversed(found)), "", more]) + "\n"))
    return 0 if found else FAILED


def _test(args: argparse.Namespace, settings: Settings) -> int:
    if len(args.words) != 1:
        raise UsageError("one file of expectations is needed", hint="codewhale policy test expectations.toml")
    lines, wrong = check_expectations(args.words[0], settings)
    write_text(clean("\n".join(lines) + "\n"))
    return FAILED if wrong else 0


def _simulate(args: argparse.Namespace, settings: Settings) -> int:
    rules = rules_of_file(args.file) if args.file else [_rule(args, args.words)]
    found = with_client(settings, "policy", lambda client: _tried(client, rules))
    if args.json:
        write_lines([msgspec.json.encode(one) for one in found])
    else:
        write_text(clean("\n".join(line for one in found for line in simulation_lines(one)) + "\n"))
    return 0


async def _tried(client: Client, rules: Sequence[Rule]) -> list[Simulation]:
    return [await client.policy.simulate(rule) for rule in rules]


def _rules(args: argparse.Namespace, settings: Settings) -> int:
    given: list[str] = args.words
    change, words = (given[0], given[1:]) if given else ("list", [])
    if change == "add":
        return _add(args, _rule(args, words), settings)
    if change == "remove" and len(words) == 1 and words[0].isdecimal():
        removed = with_client(settings, "policy", lambda client: client.policy.remove_rule(int(words[0])))
        print(clean(f"Removed: {shown(removed.name)}"))
        return 0
    if change != "list" or words:
        raise UsageError(
            f"`codewhale policy rules` takes list, add RULE or remove N, not {' '.join(args.words)!r}",
            hint="codewhale policy rules add deny git push",
        )
    found = with_client(settings, "policy", lambda client: client.policy.rules())
    if args.json:
        write_lines([msgspec.json.encode(found)])
    else:
        write_text(clean("\n".join(rules_lines(found)) + "\n"))
    return 0 if found.problem is None else FAILED


def _add(args: argparse.Namespace, rule: Rule, settings: Settings) -> int:
    (found,) = with_client(settings, "policy", lambda client: _tried(client, [rule]))
    write_text(clean("\n".join(simulation_lines(found)) + "\n"))
    if not args.yes:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError("nobody is here to say that the rule is meant", hint="--yes writes it without asking")
        if input("write it? [y]es, [N]o: ").strip().lower() not in ("y", "yes"):
            print("Nothing was written.")
            return FAILED
    with_client(settings, "policy", lambda client: client.policy.add_rule(rule))
    print(clean(f"Written to {shown(settings.permissions_file)}."))
    return 0


def _rule(args: argparse.Namespace, words: Sequence[str]) -> Rule:
    action: Action | None = next((known for known in ACTIONS if words and words[0] == known), None)
    if action is None:
        raise UsageError("a rule begins with allow, ask or deny", hint="codewhale policy simulate allow npm test")
    command = " ".join(words[1:]) or None
    if not any((command, args.exact, args.path, args.tool)):
        raise UsageError("the rule names no command, path or tool", hint=f"codewhale policy simulate {action} npm test")
    folder = os.path.realpath(os.path.expanduser(args.folder)) if args.folder else None
    return Rule(
        action=action,
        tool=args.tool,
        command=command,
        command_exact=args.exact,
        path=args.path,
        workspace=folder,
        reason=args.reason,
    )
