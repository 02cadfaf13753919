"""Does a rule's command stand for this shell text? Word by word on what was parsed, never on the raw text.

Two questions that are no opposites: `plainly` (surely this command and nothing else, for an allow) and `command_match`
(possibly this command among others, for a deny or an ask).
"""

import os
import re
from collections.abc import Sequence
from typing import Literal

from codewhale.policy.commands.unknown import UNKNOWN
from codewhale.policy.planned import ShellText

Match = Literal["yes", "maybe", "no"]
LONGEST = 131_072


def plainly(words: Sequence[str], shell: ShellText) -> bool:
    """Whether the text is one simple command that begins with exactly these words."""
    plain = shell.plain
    return bool(words) and plain is not None and tuple(plain[: len(words)]) == tuple(words)


def command_match(words: Sequence[str], shell: ShellText, *, exact: bool = False) -> Match:
    """Whether a command of the text begins with these words, once the program's folder and options in between are looked
    past. `exact`: whether one has these words and no others."""
    if not words:
        return "no"
    found: Match = "no"
    for part in shell.parts:
        match = _exactly(words, part) if exact else _loosely(words, part)
        if match == "yes":
            return match
        found = match if match == "maybe" else found
    return found if shell.whole else _in_long(words, shell.text)


def _exactly(words: Sequence[str], part: Sequence[str]) -> Match:
    if len(words) != len(part):
        return "no"
    if _program(part[0]) == _program(words[0]) and tuple(part[1:]) == tuple(words[1:]):
        return "yes"
    unsure = all(UNKNOWN in have or have == want for want, have in zip(words, part, strict=True))
    return "maybe" if unsure else "no"


def _loosely(words: Sequence[str], part: Sequence[str]) -> Match:
    unsure = UNKNOWN in part[0]
    if not unsure and _program(part[0]) != _program(words[0]):
        return "no"
    flags = [word for word in words[1:] if word.startswith("-")]
    if not all(_flagged(flag, part[1:]) for flag in flags):
        unknown = any(UNKNOWN in word for word in part)
        if not unknown:
            return "no"
        unsure = True
    reached = _reached([word for word in words[1:] if not word.startswith("-")], part[1:])
    return "no" if reached == "no" else "maybe" if unsure else reached


def _reached(wanted: Sequence[str], args: Sequence[str]) -> Match:
    """Whether `wanted` are the first operands. A word after an option may be its value or the first operand: both count."""
    places: dict[int, bool] = {0: True}  # how many are found, and whether that is sure
    after_flag = False
    for word in args:
        if places.get(len(wanted), False):
            return "yes"
        follow: dict[int, bool] = {}
        for at, sure in places.items():
            if at == len(wanted):
                follow[at] = follow.get(at, False) or sure
                continue
            if UNKNOWN in word:
                follow.setdefault(at + 1, False)
                follow.setdefault(at, False)
            elif word == wanted[at]:
                follow[at + 1] = follow.get(at + 1, False) or sure
            if word.startswith("-") or after_flag:
                follow[at] = follow.get(at, False) or sure
        places = follow
        after_flag = word.startswith("-") and "=" not in word
        if not places:
            return "no"
    if len(wanted) not in places:
        return "no"
    return "yes" if places[len(wanted)] else "maybe"


def _flagged(flag: str, args: Sequence[str]) -> bool:
    if flag.startswith("--"):
        return any(word == flag or word.startswith(flag + "=") for word in args)
    letters = {letter for word in args if re.match(r"-[^-]", word) for letter in word[1:]}
    return set(flag[1:]) <= letters


def _program(word: str) -> str:
    return os.path.basename(word.rstrip("/")) or word


def _in_long(words: Sequence[str], text: str) -> Match:
    """For a text too long to list its commands: the words in order on one line of it deny, the program alone asks. Longer
    than this no shell can be started with it."""
    if len(text) > LONGEST:
        return "maybe"
    program = re.escape(_program(words[0]))
    first = rf"(?<![\w.-]){program}(?![\w.-])"
    rest = "".join(rf"[^;&|\n]*?(?<![\w-]){re.escape(word)}(?![\w-])" for word in words[1:])
    if re.search(first + rest, text):
        return "yes"
    return "maybe" if re.search(first, text) or re.search(r"[$`]", text) else "no"
