"""Searching text and finding files: grep, ripgrep, fd and find. Nothing that runs programs, decompresses or follows links."""

import re
from collections.abc import Sequence

from codewhale.policy.commands.grammar import Check, Grammar, grammar, unknown_option
from codewhale.policy.commands.paths import Paths
from codewhale.policy.commands.verdict import Refused

_GREP = grammar(
    "grep",
    "abcEFGHhIiLlnoPqrsTUVvwxyZz",
    long="extended-regexp fixed-strings basic-regexp perl-regexp ignore-case no-ignore-case word-regexp line-regexp "
    "null-data no-messages invert-match version byte-offset line-number line-buffered with-filename no-filename "
    "only-matching quiet silent text recursive files-without-match files-with-matches count initial-tab null binary",
    value="A:num B:num C:num m:num e:text f:path after-context:num before-context:num context:num max-count:num regexp:text "
    "file:path include:text exclude:text exclude-dir:text exclude-from:path label:text binary-files:word",
    maybe="color:word colour:word",
    operands="text path*",
    without="e f regexp file",
    digits=True,
)

_RG = grammar(
    "rg",
    "nNiSswxvlcoqFUPHIua.0pbh",
    long="line-number no-line-number ignore-case smart-case case-sensitive word-regexp line-regexp invert-match "
    "files-with-matches files-without-match count count-matches only-matching quiet fixed-strings multiline "
    "multiline-dotall pcre2 with-filename no-filename unrestricted text hidden null pretty byte-offset files type-list "
    "json stats trim vimgrep passthru crlf no-ignore no-ignore-vcs no-ignore-parent no-ignore-global no-ignore-dot "
    "no-ignore-exclude no-ignore-files no-config no-messages no-heading heading column no-column debug no-unicode "
    "glob-case-insensitive one-file-system include-zero null-data no-mmap no-follow no-hidden no-pre stop-on-nonmatch",
    value="A:num B:num C:num m:num e:text f:path g:text t:word T:word d:num M:num j:num r:text E:word after-context:num "
    "before-context:num context:num max-count:num regexp:text file:path glob:text iglob:text type:word type-not:word "
    "max-depth:num maxdepth:num max-columns:num max-filesize:num threads:num replace:text encoding:word color:word "
    "colors:text sort:word sortr:word context-separator:text ignore-file:path engine:word path-separator:text",
    operands="text path*",
    without="e f regexp file files type-list",
)

_FD = grammar(
    "find",
    "HIugisapF01q",
    long="hidden no-ignore no-ignore-vcs unrestricted glob regex fixed-strings ignore-case case-sensitive absolute-path "
    "full-path print0 prune one-file-system quiet",
    value="t:word type:word e:text extension:text d:num max-depth:num min-depth:num E:text exclude:text S:text size:text "
    "c:word color:word changed-within:text changed-before:text max-results:num",
    operands="text? path*",
)

_FLAG, _TEXT, _NUM, _PATH = "", "text", "num", "path"
_FIND: dict[str, str] = {
    **dict.fromkeys(
        "print print0 ls prune depth d not a and o or true false empty readable writable executable nouser nogroup mount "
        "xdev daystart quit noleaf ignore_readdir_race noignore_readdir_race".split(),
        _FLAG,
    ),
    **dict.fromkeys(
        "name iname path ipath wholename iwholename regex iregex regextype type xtype size perm user group lname ilname "
        "fstype newermt newerat newerct newermB".split(),
        _TEXT,
    ),
    **dict.fromkeys("mtime mmin atime amin ctime cmin maxdepth mindepth uid gid links inum used".split(), _NUM),
    **dict.fromkeys(
        "newer anewer cnewer samefile newerma newermc neweram newerac newercm newerca newermm".split(), _PATH
    ),
}
_FIND_LEAD = ("-H", "-P", "-O0", "-O1", "-O2", "-O3")
_PRINTF_ESCAPE = re.compile(r"\\(?![nt\\]|0(?![0-7]))")


def _find(args: Sequence[str], paths: Paths) -> None:
    rest = list(reversed(args))
    while rest and rest[-1] in _FIND_LEAD:
        rest.pop()
    while rest and not rest[-1].startswith("-") and rest[-1] not in ("(", ")", "!", ","):
        paths.readable(rest.pop())
    while rest:
        word = rest.pop()
        if word in ("(", ")", "!", ","):
            continue
        name = word[1:] if word.startswith("-") else ""
        if name == "printf" and rest:
            if _PRINTF_ESCAPE.search(rest.pop()):
                raise Refused("ansi", "its format may print control characters to the terminal")
        elif name in _FIND:
            _find_value(_FIND[name], word, rest, paths)
        else:
            raise unknown_option("find", word)


def _find_value(kind: str, word: str, rest: list[str], paths: Paths) -> None:
    if kind == _FLAG:
        return
    if not rest:
        raise Refused("find", f"{word} has no value")
    value = rest.pop()
    if kind == _PATH:
        paths.readable(value)
    elif kind == _NUM and not re.fullmatch(r"[+-]?\d{1,9}(\.\d{1,6})?", value):
        raise Refused("find", f"{value!r} is no number for {word}")


COMMANDS: dict[str, Grammar | Check] = {
    "grep": _GREP,
    "egrep": _GREP,
    "fgrep": _GREP,
    "rg": _RG,
    "fd": _FD,
    "fdfind": _FD,
    "find": _find,
}
