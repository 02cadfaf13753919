"""sed, judged by reading its script: printing, deleting and substituting lines, nothing that writes, runs or loops."""

import re

from codewhale.policy.commands.grammar import Grammar, Options, grammar
from codewhale.policy.commands.paths import Paths
from codewhale.policy.commands.verdict import Refused

_ADDRESS = re.compile(r"(?:\d{1,9}(?:~\d{1,9})?|\$)")
_STEP = re.compile(r"[+~]\d{1,9}")
_PLAIN_COMMANDS = frozenset("pdPDnNgGhHxlF=qQ")
_SUBSTITUTE_FLAGS = re.compile(r"[gpiI\d]*")


def check_script(script: str) -> None:
    """Raise `Refused` unless the script only selects, prints and substitutes."""
    at, text = 0, script
    if "\n" in script or script.startswith("#"):
        raise Refused("sed", "a script of several lines or with a directive is not read")
    while at < len(text):
        if text[at] in " \t;":
            at += 1
            continue
        at = _command(text, _addresses(text, at))


def _addresses(text: str, at: int) -> int:
    at = _address(text, at)
    if text[at : at + 1] == ",":
        step = _STEP.match(text, at + 1)
        at = step.end() if step else _address(text, at + 1, wanted=True)
    while text[at : at + 1] in (" ", "!") and at < len(text):
        at += 1
    return at


def _address(text: str, at: int, *, wanted: bool = False) -> int:
    found = _ADDRESS.match(text, at)
    if found:
        return found.end()
    if text[at : at + 1] == "/":
        end = _delimited(text, at + 1, "/", pattern=True)
        while text[end : end + 1] in ("I", "M"):
            end += 1
        return end
    if wanted:
        raise Refused("sed", "an address of the script is not understood")
    return at


def _command(text: str, at: int) -> int:
    letter = text[at : at + 1]
    if letter in _PLAIN_COMMANDS and letter:
        return _ended(text, at + 1)
    if letter in ("s", "y"):
        delimiter = text[at + 1 : at + 2]
        if not delimiter or delimiter in "\\[ ;" or delimiter.isalnum():
            raise Refused("sed", "the delimiter of the substitution is unusual")
        at = _delimited(text, at + 2, delimiter, pattern=letter == "s")
        at = _delimited(text, at, delimiter, pattern=False)
        flags = _SUBSTITUTE_FLAGS.match(text, at) if letter == "s" else None
        return _ended(text, flags.end() if flags else at)
    raise Refused(
        "sed",
        f"the script command {letter!r} is not one of those that only print" if letter else "the script ends early",
    )


def _ended(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t") and at < len(text):
        at += 1
    if at < len(text) and text[at] != ";":
        raise Refused(
            "sed", f"the script goes on with {text[at : at + 8]!r}, which is not one of the parts that only print"
        )
    return at


def _delimited(text: str, at: int, delimiter: str, *, pattern: bool) -> int:
    """The place after the next `delimiter`. GNU and BSD disagree about one inside brackets, so that is refused."""
    start = at
    while at < len(text):
        if text[at] == "\\":
            at += 2
            continue
        if text[at] == delimiter:
            if pattern and text[start:at].count("[") > text[start:at].count("]"):
                raise Refused("sed", "a delimiter inside brackets is read in two ways")
            return at + 1
        at += 1
    raise Refused("sed", "a part of the script does not end")


_ESCAPES = re.compile(r"(?<!\\)(?:\\\\)*\\(?:x|o[0-7]|d[0-9]|c|a|f|v)")
"""Of a script: what writes a control character that does not show in it."""


def _check(options: Options, paths: Paths) -> None:
    scripts = [value for name, value in options.given if name in ("e", "expression")]
    operands = list(options.operands)
    if not scripts and operands:
        scripts.append(operands.pop(0))
    if not scripts:
        raise Refused("sed", "there is no script")
    for script in scripts:
        check_script(script or "")
        if _ESCAPES.search(script or ""):
            raise Refused("ansi", "its escapes may print control characters to the terminal")
    for path in operands:
        paths.readable(path)


_SED = grammar(
    "sed",
    "nErsuz",
    long="quiet silent regexp-extended posix separate unbuffered null-data sandbox",
    value="e:text expression:text",
    operands="text*",
    also=_check,
)

COMMANDS: dict[str, Grammar] = {"sed": _SED}
