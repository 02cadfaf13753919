"""Characters and sizes that make a command unfit for reading: what a person sees is not what runs.

Pure; says what is wrong or nothing. Never repairs.
"""

import re
import unicodedata

from codewhale.policy.commands.verdict import Refused

LONGEST = 10_000
MOST_COMMANDS = 50
MOST_NODES = 4_000

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")
"""Letters and marks that show as nothing."""
_VISIBLE = frozenset("LNPS")


def screen(text: str) -> None:
    """Raise `Refused` unless the text can be read as it looks."""
    if not text.strip():
        raise Refused("parser", "the command is empty")
    if len(text) > LONGEST:
        raise Refused("limits", f"the command is longer than {LONGEST} characters; it is not read in full")
    found = _CONTROL.search(text)
    if found is not None:
        char = found.group()
        what = (
            "a terminal escape"
            if char in "\x1b\x9b"
            else "a carriage return"
            if char == "\r"
            else "a control character"
        )
        raise Refused(
            "ansi" if char == "\x1b" else "parser" if char == "\0" else "unicode", f"it holds {what} ({_name(char)})"
        )
    if not text.isascii():
        _screen_unicode(text)


def _screen_unicode(text: str) -> None:
    for char in text:
        if char.isascii():
            continue
        if unicodedata.category(char)[0] not in _VISIBLE or char in _BLANK_LETTERS:
            raise Refused("unicode", f"it holds a character that shows as nothing or as something else ({_name(char)})")


def _name(char: str) -> str:
    return f"U+{ord(char):04X}"
