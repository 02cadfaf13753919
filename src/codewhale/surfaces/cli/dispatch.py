"""From words to a command: finds it, runs it, and turns what it raises into messages and exit codes.

Exit codes: 0 done, 1 failed, 2 the command line makes no sense, 75 stopped before the work was done, 130 and 143 for
Ctrl-C and SIGTERM, 141 when the reader of the output went away.
"""

import sys
from collections.abc import Callable

from codewhale import __version__
from codewhale.domain.errors import CodewhaleError
from codewhale.domain.nearest import nearest
from codewhale.domain.plain import plain, unturned
from codewhale.surfaces.cli.commands import COMMANDS, GLOBAL_OPTIONS, is_global, takes_value
from codewhale.surfaces.cli.parser import UsageError, command_parser

USAGE = 2
FAILED = 1

PROMPT_OPTIONS = ("-p", "--prompt")


def dispatch(argv: list[str], *, loaded: Callable[[], object] = lambda: None) -> int:
    """Run the command that `argv` names; the exit code. `loaded` is called between loading it and running it."""
    try:
        return _run(argv, loaded)
    except UsageError as error:
        return report(error, USAGE)
    except CodewhaleError as error:
        return report(error, FAILED)


def report(error: CodewhaleError, code: int) -> int:
    """Print an error for people to stderr: what happened, and what to do. Gives `code` back."""
    sys.stdout.flush()
    print(_plain(f"error: {error.message}"), file=sys.stderr)
    if error.hint:
        print(_plain(f"hint: {error.hint}"), file=sys.stderr)
    return code


def _plain(text: str) -> str:
    return unturned(plain(text))


def _run(argv: list[str], loaded: Callable[[], object]) -> int:
    before, name, rest = split(argv)
    if name == "help" or name is None:
        return _help(rest)
    if name == "version":
        print(f"codewhale {__version__}")
        return 0
    parser, run = command_parser(name)
    try:
        args = parser.parse([*before, *rest])
    except SystemExit as stop:  # argparse leaves this way after printing --help
        return stop.code if isinstance(stop.code, int) else 0
    loaded()
    return run(args)


def split(argv: list[str]) -> tuple[list[str], str | None, list[str]]:
    """(global options before the command, the command, all after it). `-p TEXT` and a bare prompt mean `exec`."""
    at = 0
    while at < len(argv):
        word = argv[at]
        if word in COMMANDS:
            return argv[:at], word, argv[at + 1 :]
        if word in ("-h", "--help", "help"):
            return [], "help", argv[at + 1 :]
        if word in ("-V", "--version"):
            return [], "version", []
        if word in PROMPT_OPTIONS or word.startswith("--prompt="):
            return argv[:at], "exec", argv[at:]
        if is_global(word):
            at += 2 if takes_value(word) else 1
        else:
            return argv[:at], _prompt_or_error(argv[at:]), argv[at:]
    return argv, None, []


def _prompt_or_error(words: list[str]) -> str:
    word = words[0]
    if word.startswith("-") and word != "--":
        meant = nearest(word, [n for names, _, _ in GLOBAL_OPTIONS for n in names])
        hint = f"did you mean {meant}?" if meant else "options of a command come after it: `codewhale exec --json ...`"
        raise UsageError(f"unknown option {word}", hint=hint)
    meant = nearest(word, COMMANDS)
    if any(c.isspace() for c in word) or (len(words) > 2 and meant is None):
        return "exec"
    hint = f"did you mean `codewhale {meant}`?" if meant else "`codewhale --help` lists the commands."
    raise UsageError(f"unknown command {word!r}", hint=f'{hint} To ask the model something: codewhale exec "..."')


def _help(words: list[str]) -> int:
    if words and words[0] in COMMANDS:
        parser, _ = command_parser(words[0])
        parser.print_help()
        return 0
    print(help_text())
    return 0


def help_text() -> str:
    """What `codewhale --help` prints."""
    width = max(len(name) for name in COMMANDS) + 2
    options = [(", ".join(names) + " " + metavar, text) for names, metavar, text in GLOBAL_OPTIONS]
    options += [("-p, --prompt TEXT", "same as `codewhale exec TEXT`"), ("-V, --version", "print the version")]
    option_width = max(len(name) for name, _ in options) + 2
    return "\n".join(
        [
            "codewhale: a coding agent that works in your folder and keeps everything on your machine.",
            "",
            'Usage: codewhale [options] COMMAND ...      for example: codewhale exec "why does the test fail?"',
            "",
            "Commands:",
            *(f"  {name:<{width}}{text}" for name, (_, text) in COMMANDS.items()),
            "",
            "Options (before or after the command):",
            *(f"  {name:<{option_width}}{text}" for name, text in options),
            "",
            "`codewhale COMMAND --help` explains a command. New here? Start with `codewhale demo`.",
        ]
    )
