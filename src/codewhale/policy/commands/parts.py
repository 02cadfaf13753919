"""A shell text taken apart for rules and for people: the words of all its commands, and the files that they name.

Whatever breaks in here leaves a text of which nothing is known for sure: no allow fits it, every deny may.
"""

import os
from collections.abc import Iterator

from codewhale.domain.decisions import Target
from codewhale.policy.commands.deny.rules import written
from codewhale.policy.commands.deny.scan import Act, scanned
from codewhale.policy.commands.judge import LONGEST_RUNNABLE
from codewhale.policy.commands.paths import NULL
from codewhale.policy.commands.reader import Reader, Redirect
from codewhale.policy.commands.screen import screen
from codewhale.policy.commands.syntax import check_agreement, parse
from codewhale.policy.commands.unknown import UNKNOWN
from codewhale.policy.commands.verdict import Place, Refused
from codewhale.policy.planned import ShellText

MOST_TARGETS = 200
MOST_WORDS = 2_000


def take_apart(text: str, place: Place) -> tuple[ShellText, tuple[Target, ...]]:
    """The text as rules see it, and the files that it names. Never raises."""
    try:
        if len(text) > LONGEST_RUNNABLE:
            return ShellText(text=text, cwd=place.cwd, whole=False), ()
        scan = scanned(text, place)
        targets, all_named = _targets(scan.acts)
        parts = tuple(tuple(act.argv) for act in scan.acts if act.argv)
        whole = scan.whole and all_named
        return ShellText(text=text, cwd=place.cwd, parts=parts, plain=_plain(text), whole=whole), targets
    except Exception:  # noqa: BLE001 - boundary: a reader that breaks has seen nothing for sure
        return ShellText(text=text, cwd=place.cwd, whole=False), ()


def _plain(text: str) -> tuple[str, ...] | None:
    try:
        screen(text)
        commands = Reader(text).read()
        if len(commands) != 1 or commands[0].negated or not all(map(_harmless, commands[0].redirects)):
            return None
        check_agreement(parse(text), text, commands)
    except Refused:
        return None
    words = commands[0].words
    return tuple(word.value for word in words) if words[0].bare else None


def _harmless(redirect: Redirect) -> bool:
    if redirect.descriptor not in ("", "0", "1", "2"):
        return False
    if redirect.operator == ">&":
        return redirect.target.value in ("1", "2")
    return redirect.target.value == NULL and redirect.operator in ("<", ">", ">>", "&>", "&>>")


def _targets(acts: list[Act]) -> tuple[tuple[Target, ...], bool]:
    """The files that are named, and whether these are all."""
    found: dict[tuple[str, bool], Target] = {}
    words = 0
    for act in acts:
        words += len(act.argv)
        if words > MOST_WORDS:
            return tuple(found.values()), False
        for given, write in _named(act):
            for folder in dict.fromkeys(act.folders or ("/",)):
                path = os.path.normpath(os.path.join(folder, given))
                if (path, write) in found:
                    continue
                found[path, write] = Target(given=given, path=path, real=os.path.realpath(path), write=write)
                if len(found) >= MOST_TARGETS:
                    return tuple(found.values()), False
    return tuple(found.values()), True


def _named(act: Act) -> Iterator[tuple[str, bool]]:
    changed = set[str]()
    for word in (*act.writes, *written(act.argv)):
        if _fit(word):
            changed.add(word)
            yield word, True
    for word in (*act.reads, *act.argv[1:]):
        value = word.partition("=")[2] if word.startswith("-") else word
        if _fit(value) and value not in changed:
            yield value, False


def _fit(word: str) -> bool:
    return bool(word) and UNKNOWN not in word and "\0" not in word and len(word) < 4_096 and word not in ("-", NULL)
