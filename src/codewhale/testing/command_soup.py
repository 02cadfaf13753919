"""Endless command texts for the verdict engine: grammar-made ones that are nearly right, and soup of shell fragments.

The same seed gives the same texts. Whatever of them comes out safe must have no effect when it is run.
"""

from collections.abc import Callable, Iterator
from random import Random

from codewhale.policy.commands.grammar import Grammar
from codewhale.policy.commands.tables.catalog import CATALOG

MARK = "PWNED"
"""The file that every harmful fragment would make."""

FILES = ("a.txt", "b.txt", "src", "src/m.py", "data.json", "'a b.txt'", ".", "--", "-", MARK, "/dev/null", "./a.txt")
VALUES = ("1", "2", "foo", "'foo bar'", "5p", "'s/a/b/g'", ".name", "'%s\\n'", "+%Y", "HEAD", "-1", "--all", "'*.py'")
HARM = (
    f"touch {MARK}",
    f"$(touch {MARK})",
    f"`touch {MARK}`",
    f"> {MARK}",
    f">{MARK}",
    f"| tee {MARK}",
    f"-o {MARK}",
    f"-o{MARK}",
)
SUBCOMMANDS = (
    "status",
    "log",
    "diff",
    "show",
    "branch",
    "tag",
    "ls-files",
    "blame a.txt",
    "grep foo",
    "rev-parse HEAD",
    "stash",
)
JOINS = (" ; ", " && ", " || ", " | ", ";", "&&", "|", "\n", " & ", " |& ", " ;; ", "\t", " # ", "\\\n", " ! ")
FRAGMENTS = (
    *(
        "'",
        '"',
        "\\",
        "$",
        "`",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "<",
        ">",
        "<<",
        "<<<",
        ">>",
        "2>&1",
        "2>/dev/null",
        "&>/dev/null",
    ),
    *(
        ">/dev/null",
        "<a.txt",
        "<<'E'\n",
        "\nE\n",
        "E",
        "#",
        "!",
        "~",
        "*",
        "?",
        "{a,b}",
        "${IFS}",
        "$IFS",
        "$'\\n'",
        "=",
        "x=1",
    ),
    *(
        "-e",
        "-n",
        "-exec",
        "-delete",
        "-fprint",
        "--output",
        "--pre=./p.sh",
        "--files0-from=a.txt",
        "-i",
        "w",
        "1e",
        "\\;",
        "+",
    ),
    *(
        "e touch PWNED",
        "1w PWNED",
        "s/a/touch PWNED/e",
        "-c",
        "--ext-diff",
        "--textconv",
        "-O./p.sh",
        "--open-files-in-pager=./p.sh",
    ),
    *(
        "time",
        "timeout 1",
        "nice -n 1",
        "env",
        "command",
        "builtin",
        "exec",
        "xargs",
        "sh -c",
        "eval",
        "cd src",
        "cd ..",
        "cd link",
    ),
    *(
        "if",
        "then",
        "fi",
        "do",
        "done",
        "[[",
        "]]",
        "((",
        "))",
        "case",
        "in",
        "esac",
        "function f",
        "f()",
        "é",
        "\u00a0",
        "\r",
        "\x1b",
    ),
    *("\\'", '\\"', "'\\''", '"\'"', '"$(', ')"', "'$(", "a\\", "@{1}", "HEAD~1", "a~", ":~", "=~"),
)

Maker = Callable[[Random], str]


def texts(seed: int) -> Iterator[str]:
    """Texts without end."""
    random = Random(seed)
    makers: tuple[Maker, ...] = (_nearly_right, _chain, _spliced, _soup)
    while True:
        yield random.choice(makers)(random)


def _nearly_right(random: Random) -> str:
    name = random.choice(sorted(CATALOG))
    known = CATALOG[name]
    words = [name]
    if name == "git":
        words.append(random.choice(SUBCOMMANDS))
    words += [_argument(random, known) for _ in range(random.randrange(4))]
    if random.random() < 0.15:
        words.insert(random.randrange(1, len(words) + 1), random.choice(HARM + FRAGMENTS))
    return " ".join(words)


def _argument(random: Random, known: object) -> str:
    if isinstance(known, Grammar) and random.random() < 0.6:
        return _option(random, known)
    return random.choice(FILES + VALUES)


def _option(random: Random, known: Grammar) -> str:
    names = [*known.short, *sorted(known.long), *sorted(known.value), *sorted(known.maybe)] or ["h"]
    name = random.choice(names)
    if random.random() < 0.1:
        name = name[:-1] or name
    word = f"--{name}" if len(name) > 1 else f"-{name}{random.choice(['', '', random.choice(names)[:1]])}"
    if name in known.value:
        return f"{word}{random.choice(['=', ' ', ''])}{random.choice(VALUES)}"
    return word


def _chain(random: Random) -> str:
    parts = [_nearly_right(random) for _ in range(random.randrange(2, 5))]
    if random.random() < 0.3:
        parts.insert(random.randrange(len(parts)), random.choice(HARM))
    return "".join(part + random.choice(JOINS) for part in parts[:-1]) + parts[-1]


def _spliced(random: Random) -> str:
    text = _chain(random) if random.random() < 0.5 else _nearly_right(random)
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        text = text[:at] + random.choice(FRAGMENTS + HARM) + text[at + random.randrange(2) :]
    return text


def _soup(random: Random) -> str:
    start = random.choice(
        ("echo", "cat", "grep foo", "ls", "find .", "sed -n", "printf", "sort", "test", "git log", "jq")
    )
    parts = [random.choice(FRAGMENTS + HARM + FILES + VALUES) for _ in range(random.randrange(1, 7))]
    return start + " " + random.choice(("", " ")).join(parts)
