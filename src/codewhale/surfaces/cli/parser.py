"""Argument parsing with errors that suggest, and from arguments to Settings.

Only the parser of the command in use is ever built. A `UsageError` is a command line that cannot be understood (exit 2).
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from codewhale.config.layers import Layer
from codewhale.config.load import Overrides, load
from codewhale.config.settings import Settings
from codewhale.domain.errors import InvalidInput
from codewhale.domain.nearest import nearest
from codewhale.domain.plain import plain, unturned
from codewhale.surfaces.cli.commands import COMMANDS, GLOBAL_OPTIONS, PACKAGE


class UsageError(InvalidInput):
    """The command line cannot be understood."""

    code = "usage"


class Command(Protocol):
    """What a command's module offers."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, args: argparse.Namespace) -> int:
        """Do it; the exit code."""
        ...


class Parser(argparse.ArgumentParser):
    """A parser that raises instead of exiting and remembers its options, for suggestions and completion."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.option_strings: list[str] = []
        self.value_options: set[str] = set()
        self.choices_of: dict[str, tuple[str, ...]] = {}
        self._width: int | None = 80
        super().__init__(*args, allow_abbrev=False, formatter_class=self._formatter, **kwargs)

    def add_argument(self, *names: Any, **kwargs: Any) -> argparse.Action:
        action = super().add_argument(*names, **kwargs)
        if kwargs.get("help") is not argparse.SUPPRESS:
            self.option_strings += action.option_strings
        if action.option_strings and action.nargs != 0:
            self.value_options.update(action.option_strings)
        if action.choices is not None:
            self.choices_of[(action.option_strings or [action.dest])[-1]] = tuple(str(c) for c in action.choices)
        return action

    def format_help(self) -> str:
        self._width = None
        return super().format_help()

    def _formatter(self, prog: str) -> argparse.HelpFormatter:
        """Options are checked with one as they are added; only help needs the terminal's width, which takes imports."""
        return argparse.RawDescriptionHelpFormatter(prog, width=self._width)

    def error(self, message: str) -> Any:
        if message.endswith("required: action"):
            message = f"`{self.prog}` needs one of: {', '.join(self.choices_of['action'])}"
        raise UsageError(message, hint=f"`{self.prog} --help` lists what it takes")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all of `argv`; an unknown option is an error with a suggestion."""
        args, rest = self.parse_known_args(argv)
        if rest and (
            not rest[0].startswith("-") or rest[0] == "--"
        ):  # words after options: argparse takes them only in this way
            args, rest = self.parse_known_intermixed_args(argv)
        if not rest:
            return args
        word = rest[0]
        if not word.startswith("-"):
            raise UsageError(f"unexpected argument {word!r}", hint=f"`{self.prog} --help` lists what it takes")
        meant = nearest(word.split("=", 1)[0], self.option_strings)
        hint = f"did you mean {meant}?" if meant else f"`{self.prog} --help` lists what it takes"
        raise UsageError(f"unknown option {word.split('=', 1)[0]} for `{self.prog}`", hint=hint)


def load_command(name: str) -> Command:
    """The module of a command."""
    return cast(Command, import_module(f"{PACKAGE}.{COMMANDS[name][0]}"))


def command_parser(name: str) -> tuple[Parser, Callable[[argparse.Namespace], int]]:
    """The parser of one command and what runs it."""
    command = load_command(name)
    parser = Parser(prog=f"codewhale {name}", description=_sentence(COMMANDS[name][1]))
    command.add_arguments(parser)
    for names, metavar, text in GLOBAL_OPTIONS:
        if not set(names) & set(parser.option_strings):
            parser.add_argument(*names, metavar=metavar, help=text, default=None)
    return parser, command.run


def overrides_of(args: argparse.Namespace, **more: Any) -> Overrides:
    """What this command line says of settings; `more` are further leaves of its layer."""
    layer = Layer(provider=args.provider, model=args.model, base_url=args.base_url, workspace=args.workspace, **more)
    return Overrides(config=args.config, profile=args.profile, layer=layer)


def settings_of(args: argparse.Namespace, *, quiet: bool = False, **more: Any) -> Settings:
    """The settings under this command line; `more` are further leaves of its layer. Unless `quiet`, a line on stderr tells
    of keys that were ignored."""
    settings = load(overrides_of(args, **more))
    if settings.problems and not quiet:
        print(_ignored(settings), file=sys.stderr)
    return settings


def _ignored(settings: Settings) -> str:
    """One line, whatever the count: the first with what was meant, the rest by doctor."""
    first, count = settings.problems[0], len(settings.problems)
    meant = f" (did you mean {first.suggestion}?)" if first.suggestion else ""
    more = f" and {count - 1} more" if count > 1 else ""
    said = f"note: {first.key}{meant}{more} in {first.path} ignored; `codewhale doctor` lists what is"
    return unturned(plain(said))


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."
