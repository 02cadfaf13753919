"""Facts about the machine, tests of files and values, JSON queries, and the version question to well-known programs."""

import re
from collections.abc import Sequence

from codewhale.policy.commands.grammar import Check, Grammar, Options, grammar
from codewhale.policy.commands.paths import Paths
from codewhale.policy.commands.verdict import Refused

_FILE_TESTS = frozenset("-" + letter for letter in "abcdefghkprsuwxGLNOS")
_TEXT_TESTS = frozenset({"-n", "-z"})
_TEXT_COMPARISONS = frozenset({"=", "==", "!=", "<", ">"})
_NUMBER_COMPARISONS = frozenset({"-eq", "-ne", "-lt", "-le", "-gt", "-ge"})
_FILE_COMPARISONS = frozenset({"-nt", "-ot", "-ef"})
_INTEGER = re.compile(r"-?\d{1,18}")
_JQ_WORDS = re.compile(
    r"\b(env|import|include|input_line_number|modulemeta|def|repeat|infinite|get_search_list|debug|stderr|halt_error|until|while"
    r"|implode)\b|\$ENV|\$__|\brecurse\s*\(|\brange\s*\([^)]*(?:\d{7}|\de)|\*\s*(?:\d{6}|\de)|\\u00(?:[01189]|7[fF])"
)


def _test(args: Sequence[str], paths: Paths) -> None:
    words = list(args)
    if len(words) > 1 and words[0] == "!":
        words.pop(0)
    match words:
        case [] | [_]:
            return
        case [operator, path] if operator in _FILE_TESTS:
            paths.readable(path)
        case [operator, _] if operator in _TEXT_TESTS:
            return
        case [_, operator, _] if operator in _TEXT_COMPARISONS:
            return
        case [left, operator, right] if operator in _NUMBER_COMPARISONS and all(map(_INTEGER.fullmatch, (left, right))):
            return
        case [left, operator, right] if operator in _FILE_COMPARISONS:
            paths.readable(left)
            paths.readable(right)
        case _:
            raise Refused("test", "it is not one of the plain tests of files, texts and numbers")


def _bracket(args: Sequence[str], paths: Paths) -> None:
    if not args or args[-1] != "]":
        raise Refused("parser", "`[` without `]`")
    _test(args[:-1], paths)


def _date(options: Options, paths: Paths) -> None:
    del paths
    if any(not word.startswith("+") for word in options.operands):
        raise Refused("date", "an operand that is no format sets the clock")
    if any(re.search(r"\d{4}", word) for word in options.operands):
        raise Refused("date", "its format takes a width that is not plain")


def _command(args: Sequence[str], paths: Paths) -> None:
    del paths
    if len(args) < 2 or args[0] not in ("-v", "-V") or any(word.startswith("-") for word in args[1:]):
        raise Refused("wrapper", "it runs its operand")


_JQ_FLAGS = frozenset(
    "-r -c -n -s -e -S -a -j -M -C -R --raw-output --compact-output --null-input --slurp --exit-status --sort-keys "
    "--ascii-output --join-output --monochrome-output --color-output --raw-input --tab --raw-output0 --unbuffered --seq".split()
)


def _jq(args: Sequence[str], paths: Paths) -> None:
    rest = list(reversed(args))
    program: str | None = None
    while rest:
        word = rest.pop()
        if word.startswith("-") and word != "-":
            _jq_option(word, rest, paths)
        elif program is None:
            program = word
        else:
            paths.readable(word)
    if program is None:
        raise Refused("jq", "there is no filter")
    if _JQ_WORDS.search(program):
        raise Refused("jq", "its filter uses the environment, modules, control characters, or what may never end")


def _jq_option(word: str, rest: list[str], paths: Paths) -> None:
    if word in _JQ_FLAGS or (not word.startswith("--") and all(f"-{letter}" in _JQ_FLAGS for letter in word[1:])):
        return
    if word == "--indent" and rest and re.fullmatch(r"\d", rest[-1]):
        rest.pop()
    elif word in ("--arg", "--argjson") and len(rest) > 1:
        del rest[-2:]
    elif word in ("--slurpfile", "--rawfile") and len(rest) > 1:
        rest.pop()
        paths.readable(rest.pop())
    else:
        raise Refused("jq", f"{word} is not on the list of options known to be harmless", "ask.option")


_NOTHING = grammar("system", operands="")
_IGNORES = grammar("system", operands="text*")

COMMANDS: dict[str, Grammar | Check] = {
    "true": _IGNORES,
    "false": _IGNORES,
    ":": _IGNORES,
    "test": _test,
    "[": _bracket,
    "uname": grammar(
        "system", "asnrvmpio", long="all kernel-name machine kernel-release operating-system", operands=""
    ),
    "arch": _NOTHING,
    "nproc": grammar("system", long="all", operands=""),
    "whoami": _NOTHING,
    "logname": _NOTHING,
    "tty": grammar("system", "s", operands=""),
    "id": grammar("system", "gGnruz", long="group groups name real user zero", operands="word?"),
    "groups": grammar("system", operands="word?"),
    "hostname": grammar("system", "s", long="short", operands=""),
    "uptime": grammar("system", "ps", operands=""),
    "date": grammar(
        "date",
        "uR",
        long="utc universal rfc-email",
        value="d:text date:text",
        maybe="iso-8601:word rfc-3339:word",
        operands="text?",
        also=_date,
    ),
    "cal": grammar("system", "13jmy", operands="num?  num?"),
    "which": grammar("system", "a", long="all", operands="word word*"),
    "type": grammar("system", "atpP", operands="word word*"),
    "getconf": grammar("system", operands="word"),
    "command": _command,
    "jq": _jq,
}

VERSION_FLAGS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        "python python3 python3.10 python3.11 python3.12 python3.13 python3.14".split(),
        frozenset({"--version", "-V", "-VV"}),
    ),
    **dict.fromkeys(("node", "nodejs"), frozenset({"--version", "-v"})),
    **dict.fromkeys(("perl", "ruby"), frozenset({"--version", "-v"})),
    **dict.fromkeys(("java", "javac"), frozenset({"--version", "-version"})),
    **dict.fromkeys(
        "bash git gcc g++ cc c++ clang clang++ ld make cmake curl wget tar gzip zip unzip jq rg fd fdfind tree sed awk gawk "
        "grep find xargs diff sort sqlite3 rsync ssh docker podman".split(),
        frozenset({"--version"}),
    ),
}
"""Programs that only print their version when that is their sole argument, whatever the folder they are called in holds.

Package managers and tool chain switchers are not among them: they read the project first, and some run what it names."""
