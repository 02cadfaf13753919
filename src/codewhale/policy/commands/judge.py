"""The verdict on a command text: forbidden parts first, at every segment; then the proof that it is harmless; else ask.

Pure but for resolving paths; bounded in time; whatever breaks inside means `ask`. Order of the checks never changes what
is forbidden: a text too long or too odd to be read is still searched for it, as far as a shell could run it.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from codewhale.policy.commands.deny.flows import judge_flows
from codewhale.policy.commands.deny.rules import Finding, judge_act
from codewhale.policy.commands.deny.scan import Act, scanned
from codewhale.policy.commands.deny.targets import Targets
from codewhale.policy.commands.grammar import Grammar
from codewhale.policy.commands.paths import NULL, Paths
from codewhale.policy.commands.reader import Connector, Reader, Redirect, Simple
from codewhale.policy.commands.screen import MOST_COMMANDS, screen
from codewhale.policy.commands.syntax import check_agreement, parse
from codewhale.policy.commands.tables.catalog import CATALOG, family_of
from codewhale.policy.commands.tables.system import VERSION_FLAGS
from codewhale.policy.commands.verdict import HARDENED_GIT, Judgement, Place, Refused, SegmentVerdict

LONGEST_RUNNABLE = 131_072
"""No shell can be started with a longer script as its argument on Linux."""
_DURATION = re.compile(r"\d+(?:\.\d+)?[smhd]?")
_SHOWN = 200
LONGEST_PARTED = 4_096
MOST_PARTS = 40
_JOINT = re.compile(r"&&|\|\||;|\n")


def judge(text: str, place: Place) -> Judgement:
    """The verdict on `text` if bash ran it at `place`. Never raises."""
    try:
        return _forbidden(text, place) or _read_twice(text, place)
    except Refused as refused:
        return Judgement(verdict="ask", class_=refused.class_, rule=refused.rule, reason=refused.reason)
    except Exception as error:  # noqa: BLE001 - boundary: a judge that breaks has not shown that anything is harmless
        return Judgement(
            verdict="ask", class_="error", rule="ask.error", reason=f"it could not be judged ({type(error).__name__})"
        )


def _forbidden(text: str, place: Place) -> Judgement | None:
    if len(text) > LONGEST_RUNNABLE:
        return None
    scan = scanned(text, place)
    targets = Targets(place)
    found = _first_finding(scan.acts, targets) or judge_flows(scan.acts)
    if found is None:
        return None
    act, finding = found
    rule = f"forbid.{finding.rule}"
    segment = SegmentVerdict(
        text=act.text[:_SHOWN], verdict="forbid", class_=finding.class_, reason=finding.reason, rule=rule
    )
    return Judgement(verdict="forbid", class_=finding.class_, rule=rule, reason=finding.reason, segments=(segment,))


def _first_finding(acts: Sequence[Act], targets: Targets) -> tuple[Act, Finding] | None:
    for act in acts:
        finding = judge_act(act, targets)
        if finding is not None:
            return act, finding
    return None


def _read_twice(text: str, place: Place) -> Judgement:
    """As `_safe`, once no part is forbidden when read by itself: the tree gives a redirect to a whole chain, and may hide
    a command behind a line's end, so that the chain is searched again from each of its commands on."""
    for part in _parts(text):
        found = _forbidden(part, place)
        if found is not None:
            return found
    return _safe(text, place)


def _parts(text: str) -> list[str]:
    if len(text) > LONGEST_PARTED or not _JOINT.search(text):
        return []
    try:
        starts = [command.start for command in Reader(text).read() if command.before not in ("|", "|&")]
        ends = [*starts[1:], len(text)]
        pieces = [text[a:b].rstrip("&;|\n ") for a, b in zip(starts, ends, strict=True)]
    except Refused:  # what bash may not run at all is split without understanding it
        joints = [0, *(match.end() for match in _JOINT.finditer(text)), len(text)]
        pieces = [_JOINT.sub("", text[a:b]).strip() for a, b in pairwise(joints)]
        starts = joints[:-1]
    return [*pieces[:MOST_PARTS], *(text[start:] for start in starts[1:MOST_PARTS])]


def _safe(text: str, place: Place) -> Judgement:
    screen(text)
    commands = Reader(text).read()
    if len(commands) > MOST_COMMANDS:
        raise Refused("limits", f"it has more than {MOST_COMMANDS} commands")
    check_agreement(parse(text), text, commands)
    segments = _segments(text, commands, Paths(place))
    asked = next((segment for segment in segments if segment.verdict == "ask"), None)
    if asked is not None:
        return Judgement(verdict="ask", class_=asked.class_, rule=asked.rule, reason=asked.reason, segments=segments)
    git = any(command.words[0].value == "git" for command in commands)
    one = len(segments) == 1
    return Judgement(
        verdict="safe",
        class_=segments[0].class_ if one else "chain",
        rule=segments[0].rule if one else "safe.chain",
        reason=segments[0].reason if one else f"all {len(segments)} commands only read inside the workspace",
        condition=HARDENED_GIT if git else None,
        segments=segments,
    )


def _segments(text: str, commands: Sequence[Simple], paths: Paths) -> tuple[SegmentVerdict, ...]:
    found: list[SegmentVerdict] = []
    before_cd: frozenset[str] = paths.folders
    for index, command in enumerate(commands):
        if command.before not in ("", "&&"):
            paths.also(before_cd)
        follower: Connector = commands[index + 1].before if index + 1 < len(commands) else ""
        shown = text[command.start : command.end][:_SHOWN]
        words = [word.value for word in command.words]
        try:
            for redirect in command.redirects:
                _check_redirect(redirect, paths)
            if words[0] == "cd":
                before_cd |= paths.folders
                _enter(words[1:], paths, certain=follower == "&&" and command.before in ("", "&&", ";"))
            else:
                _check_command(command, words, paths)
            family = family_of(words[0])
            found.append(
                SegmentVerdict(
                    text=shown,
                    verdict="safe",
                    class_=family,
                    rule=f"safe.{family}",
                    reason=f"{words[0]} only reads, inside the workspace",
                )
            )
        except Refused as refused:
            found.append(
                SegmentVerdict(
                    text=shown, verdict="ask", class_=refused.class_, rule=refused.rule, reason=refused.reason
                )
            )
    return tuple(found)


def _check_redirect(redirect: Redirect, paths: Paths) -> None:
    operator, target = redirect.operator, redirect.target.value
    if operator == "<<":
        return
    if redirect.descriptor not in ("", "0", "1", "2"):
        raise Refused("redirect", "a redirect of a descriptor other than the three usual ones")
    if operator == "<" and redirect.descriptor in ("", "0"):
        paths.readable(target)
    elif (operator == ">&" and target in ("1", "2")) or (operator in (">", ">>", "&>", "&>>") and target == NULL):
        return
    else:
        raise Refused("redirect", f"a redirect writes {target}" if ">" in operator else f"a redirect opens {target}")


def _enter(args: Sequence[str], paths: Paths, *, certain: bool) -> None:
    operands = [word for word in args if word != "--"]
    if len(operands) != 1 or operands[0].startswith("-"):
        raise Refused("path", "`cd` leads out of the workspace")
    paths.enter(operands[0], certain=certain)


def _check_command(command: Simple, words: list[str], paths: Paths) -> None:
    if not command.words[0].bare:
        raise Refused("quoting", "the name of the command is quoted or escaped")
    while (inner := _unwrapped(words)) is not None:
        words = inner
    name, args = words[0], words[1:]
    if "/" in name:
        raise Refused("path", f"{name} names a program by its place")
    if len(args) == 1 and args[0] in VERSION_FLAGS.get(name, frozenset()):
        return
    known = CATALOG.get(name)
    if known is None:
        raise Refused(family_of(name), f"{name} is not on the list of commands known to only read", "ask.command")
    if isinstance(known, Grammar):
        known.check(args, paths)
    else:
        known(args, paths)


def _unwrapped(words: list[str]) -> list[str] | None:
    """The command inside one that only measures or limits it."""
    match words:
        case ["time", "-p", first, *rest] if not first.startswith("-"):
            return [first, *rest]
        case ["time", first, *rest] if not first.startswith("-"):
            return [first, *rest]
        case ["timeout", duration, first, *rest] if _DURATION.fullmatch(duration):
            return [first, *rest]
        case ["nice", "-n", number, first, *rest] if number.isdigit():
            return [first, *rest]
        case _:
            return None
