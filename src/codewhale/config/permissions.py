"""`permissions.toml`: the person's rules, read from beside the settings; and its writing, one rule at a time.

Invariant: a file that cannot be read in full allows nothing; what is wrong with it is said in words that name file and rule.
"""

import os
import stat
from typing import Literal, cast

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ConfigError, InvalidInput
from codewhale.domain.nearest import nearest
from codewhale.domain.rules import ACTIONS, Rule

LARGEST = 1024 * 1024
MOST_RULES = 2_000
LONGEST_PATH = 1_024
MOST_STARS = 12


class RulesRead(Struct, frozen=True, kw_only=True):
    """What a file of rules came to: `problem` is None when all of it was read."""

    rules: tuple[Rule, ...] = ()
    problem: str | None = None


Links = Literal["followed", "refused"]


def read_text(path: str, *, links: Links) -> bytes | None:
    """The content of a small regular file; None when there is none. `OSError` and `ValueError` say what is wrong."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (os.O_NOFOLLOW if links == "refused" else 0)
    try:
        fd = os.open(path, flags)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise ValueError("it is no regular file")
        if facts.st_size > LARGEST:
            raise ValueError(f"it is larger than {LARGEST:,} bytes")
        return file.read(LARGEST + 1)


def read_rules(path: str, *, home: str | None, links: Links = "followed") -> RulesRead:
    """The rules of the file at `path`; none when there is no file. Never raises."""
    name = os.path.basename(path)
    try:
        content = read_text(path, links=links)
        if content is None:
            return RulesRead()
        return RulesRead(rules=parse_rules(content.decode(), home=home))
    except OSError as error:
        return RulesRead(problem=f"{name} cannot be read ({error.strerror or error})")
    except (ValueError, RecursionError) as error:  # not TOML, not UTF-8, or a rule that is none
        return RulesRead(problem=f"{name} is broken ({error})")


def parse_rules(text: str, *, home: str | None) -> tuple[Rule, ...]:
    """The `[[rules]]` of a TOML text. `ValueError` names the rule and what is wrong with it."""
    import tomllib  # noqa: PLC0415 - start-up: most people have no rules

    table: dict[str, object] = tomllib.loads(text)
    strangers = [key for key in table if key != "rules"]
    if strangers:
        raise ValueError(f"{strangers[0]!r} is not known here; rules are [[rules]] tables")
    entries = table.get("rules", [])
    if not isinstance(entries, list):
        raise ValueError("`rules` must be written as [[rules]] tables")  # noqa: TRY004 - as below
    rules = cast("list[object]", entries)
    if len(rules) > MOST_RULES:
        raise ValueError(f"it has more than {MOST_RULES:,} rules")
    return tuple(_rule(entry, number, home) for number, entry in enumerate(rules, 1))


def _rule(entry: object, number: int, home: str | None) -> Rule:
    if not isinstance(entry, dict):
        raise ValueError(f"rule {number} is no table")  # noqa: TRY004 - one error for all that a file can have wrong
    given = cast("dict[str, object]", entry)
    problem = _misshapen(given)
    if problem is None:
        rule = msgspec.convert(given, Rule)
        problem = problem_of(rule)
        if problem is None:
            return _placed(rule, number, home)
    raise ValueError(f"rule {number}: {problem}")


def _misshapen(given: dict[str, object]) -> str | None:
    for key, value in given.items():
        if key not in Rule.__struct_fields__:
            meant = nearest(key, Rule.__struct_fields__)
            return f"{key!r} is not known" + (f"; did you mean {meant}?" if meant else "")
        if not isinstance(value, str) or not value.strip():
            return f"{key} must be a text that is not empty"
    if given.get("action") not in ACTIONS:
        return f"action must be one of {', '.join(ACTIONS)}"
    return None


def _placed(rule: Rule, number: int, home: str | None) -> Rule:
    if rule.workspace is None:
        return rule
    folder = rule.workspace
    if home and (folder == "~" or folder.startswith("~/")):
        folder = home.rstrip("/") + folder[1:]
    if not os.path.isabs(folder):
        raise ValueError(f"rule {number}: workspace must be an absolute folder")
    return msgspec.structs.replace(rule, workspace=os.path.realpath(folder))


def problem_of(rule: Rule) -> str | None:
    """What keeps the rule from meaning anything; None when it is sound."""
    about = [name for name in ("command", "command_exact", "path") if getattr(rule, name) is not None]
    if len(about) > 1:
        return f"{' and '.join(about)} do not go together; write two rules"
    if not about and rule.tool is None:
        return "it names no tool, command or path"
    if rule.command is not None:
        return _problem_of_command(rule)
    if rule.path is not None and (
        "\0" in rule.path or len(rule.path) > LONGEST_PATH or rule.path.count("*") > MOST_STARS
    ):
        return f"a path has at most {LONGEST_PATH:,} characters and {MOST_STARS} stars, and no NUL"
    return None


def _problem_of_command(rule: Rule) -> str | None:
    odd = next((word for word in rule.words if any(sign in word for sign in "\"'`$\\;&|<>(){}*?!#\n")), None)
    if odd is not None:
        return f"command is a list of plain words, and {odd!r} is more than that; use command_exact for a whole text"
    return "command must begin with a program" if rule.words[0].startswith("-") else None


def written(rule: Rule) -> str:
    """The rule as a `[[rules]]` table."""
    lines = [f"{name} = {_quoted(value)}" for name, value in msgspec.to_builtins(rule).items()]
    return "\n".join(["[[rules]]", *lines, ""])


def _quoted(text: str) -> str:
    """A TOML basic string: JSON's, but for what TOML does not let stand by itself."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def add_rule(path: str, rule: Rule, *, home: str | None) -> None:
    """Put the rule at the end of the file, whose other content stays as it is. `ConfigError` when the file is broken,
    `InvalidInput` for a rule that means nothing."""
    problem = problem_of(rule)
    if problem is not None:
        raise InvalidInput(f"no such rule is possible: {problem}")
    text = _sound(path, home)
    parted = text if not text or text.endswith("\n\n") else text.rstrip("\n") + "\n\n"
    _replace(path, parted + written(rule))


def remove_rule(path: str, number: int, *, home: str | None) -> Rule:
    """Take the rule of this number, from 1, out of the file: its lines up to the next table go. Gives it back."""
    text = _sound(path, home)
    rules = parse_rules(text, home=home)
    if not 1 <= number <= len(rules):
        raise InvalidInput(f"there is no rule {number}; there are {len(rules)}")
    lines = text.splitlines(keepends=True)
    heads = [at for at, line in enumerate(lines) if line.split("#")[0].strip().replace(" ", "") == "[[rules]]"]
    if len(heads) != len(rules):
        raise ConfigError(f"{path} is written in a way that cannot be edited here", hint="take the rule out by hand")
    end = heads[number] if number < len(heads) else len(lines)
    left = "".join(lines[: heads[number - 1]] + lines[end:])
    if parse_rules(left, home=home) != rules[: number - 1] + rules[number:]:
        raise ConfigError(f"{path} is written in a way that cannot be edited here", hint="take the rule out by hand")
    _replace(path, left)
    return rules[number - 1]


def _sound(path: str, home: str | None) -> str:
    found = read_rules(path, home=home)
    if found.problem is not None:
        raise ConfigError(found.problem, hint=f"correct {path} first")
    content = read_text(path, links="followed")
    return "" if content is None else content.decode()


def _replace(path: str, text: str) -> None:
    import tempfile  # noqa: PLC0415 - start-up: rules are seldom written

    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=folder, prefix=".permissions-")
    try:
        with open(fd, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(fd)
        os.replace(name, real)
    except OSError as error:
        os.unlink(name)
        raise ConfigError(f"{path} cannot be written: {error.strerror}", hint="make its folder writable") from error
