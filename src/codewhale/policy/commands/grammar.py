"""What a command's arguments may be for it to stay read-only: a table per command, read by one small engine.

An allow-list throughout: an option that is not in the table asks, long options count only when spelled in full, and every
operand has a kind. A table is either a `Grammar` or a function for commands with a language of their own.
"""

import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from codewhale.policy.commands.paths import Paths
from codewhale.policy.commands.verdict import Refused

Check = Callable[[Sequence[str], Paths], None]
"""Raises `Refused` unless these arguments (without the command word) only read inside the workspace."""

_NUMBER = re.compile(r"[+-]?\d{1,15}(\.\d{1,9})?([kKmMgGtTbB]i?B?)?")
_WORD = re.compile(r"[A-Za-z0-9_.,:+-]*")
_DIGITS = re.compile(r"-\d{1,15}")


class Options(Struct, frozen=True):
    """The options given, in order, as (name without dashes, value or None), and the operands."""

    given: tuple[tuple[str, str | None], ...]
    operands: tuple[str, ...]

    def has(self, *names: str) -> bool:
        """Whether one of these was given."""
        return any(name in names for name, _ in self.given)


class Grammar(Struct, frozen=True, kw_only=True):
    """`short`: letters without value. `long`: words without value. `value`: name to kind, the value joined or next.
    `maybe`: long name to kind, value only after `=`. `operands`: kinds in order, a last one with `*` repeats, with `?` may
    be missing. `without`: options after which the first operand kind is not there. `permutes`: whether options may follow
    operands; where they may not, such a word is an operand. `also` sees the parsed options."""

    family: str
    short: str = ""
    long: frozenset[str] = frozenset()
    value: dict[str, str] = {}
    maybe: dict[str, str] = {}
    operands: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    digits: bool = False
    permutes: bool = True
    also: Callable[[Options, Paths], None] | None = None

    def check(self, args: Sequence[str], paths: Paths) -> None:
        """Raise `Refused` unless all of `args` is in the table."""
        options = self._parse(args, paths)
        self._check_operands(options, paths)
        if self.also is not None:
            self.also(options, paths)

    def _parse(self, args: Sequence[str], paths: Paths) -> Options:
        given: list[tuple[str, str | None]] = []
        operands: list[str] = []
        rest = list(reversed(args))
        while rest:
            word = rest.pop()
            if word == "--":
                operands.extend(reversed(rest))
                break
            if word.startswith("--"):
                given.append(self._long(word[2:], rest, paths))
            elif self.digits and _DIGITS.fullmatch(word):
                given.append((word[1:], None))
            elif word.startswith("-") and word != "-":
                given.extend(self._cluster(word[1:], rest, paths))
            else:
                operands.append(word)
                if not self.permutes:
                    operands.extend(reversed(rest))
                    break
        return Options(tuple(given), tuple(operands))

    def _long(self, word: str, rest: list[str], paths: Paths) -> tuple[str, str | None]:
        name, joined, value = word.partition("=")
        if name in self.value and len(name) > 1:
            if not joined and not rest:
                raise Refused(self.family, f"--{name} has no value")
            value = value if joined else rest.pop()
            check_kind(self.value[name], value, paths, f"--{name}")
            return name, value
        if joined and name in self.maybe:
            check_kind(self.maybe[name], value, paths, f"--{name}")
            return name, value
        if not joined and (name in self.long or name in self.maybe):
            return name, None
        raise unknown_option(self.family, f"--{name}")

    def _cluster(self, letters: str, rest: list[str], paths: Paths) -> list[tuple[str, str | None]]:
        given: list[tuple[str, str | None]] = []
        for index, letter in enumerate(letters):
            if letter in self.value:
                joined = letters[index + 1 :]
                if not joined and not rest:
                    raise Refused(self.family, f"-{letter} has no value")
                value = joined or rest.pop()
                check_kind(self.value[letter], value, paths, f"-{letter}")
                return [*given, (letter, value)]
            if letter not in self.short:
                raise unknown_option(self.family, f"-{letter}")
            given.append((letter, None))
        return given

    def _check_operands(self, options: Options, paths: Paths) -> None:
        kinds = list(self.operands)
        if kinds and self.without and options.has(*self.without):
            kinds.pop(0)
        given = list(options.operands)
        while given and kinds:
            kind = kinds[0]
            if not kind.endswith("*"):
                kinds.pop(0)
            check_kind(kind.rstrip("*?"), given.pop(0), paths, "an operand")
        if given:
            raise Refused(self.family, f"{given[0]!r} is one operand more than a plain query has", "ask.operands")
        if any(not kind.endswith(("*", "?")) for kind in kinds):
            raise Refused(self.family, "an operand is missing", "ask.operands")


def grammar(  # noqa: PLR0913 - a row of a table
    family: str,
    short: str = "",
    *,
    long: str = "",
    value: str = "",
    maybe: str = "",
    operands: str = "path*",
    without: str = "",
    digits: bool = False,
    permutes: bool = True,
    also: Callable[[Options, Paths], None] | None = None,
) -> Grammar:
    """A table from words: `value` and `maybe` are `name:kind` pairs, everything else lists of names."""
    return Grammar(
        family=family,
        short=short,
        long=frozenset(long.split()),
        value=_pairs(value),
        maybe=_pairs(maybe),
        operands=tuple(operands.split()),
        without=frozenset(without.split()),
        digits=digits,
        permutes=permutes,
        also=also,
    )


def _pairs(text: str) -> dict[str, str]:
    pairs = (entry.rpartition(":") for entry in text.split())
    return {name: kind for names, _, kind in pairs for name in names.split("|")}


def check_kind(kind: str, value: str, paths: Paths, where: str) -> None:
    """Raise `Refused` unless `value` is of the kind: text, word (letters and digits), num, path, or plain (printable)."""
    match kind:
        case "path":
            paths.readable(value)
        case "num" if not _NUMBER.fullmatch(value):
            raise Refused("operands", f"the value {value!r} of {where} is no number")
        case "word" if not _WORD.fullmatch(value):
            raise Refused("operands", f"the value {value!r} of {where} is more than a plain word")
        case _:
            pass


def unknown_option(family: str, option: str) -> Refused:
    """An option that is not on the list of those known to be harmless."""
    return Refused(family, f"{option} is not on the list of options known to be harmless", "ask.option")
