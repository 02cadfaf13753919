"""`codewhale redact`: which kinds of secrets are taken out of all that is kept and sent, and what becomes of a text."""

import argparse
import sys

import msgspec

from codewhale.config.environment import environment
from codewhale.config.settings import Settings
from codewhale.runtime.redaction import patterns_of, redactor_of
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["list", "test"],
        help="list: the kinds that are looked for; test: print standard input as it would be kept",
    )
    parser.add_argument("--json", action="store_true", help="for list: JSON instead of a table")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for."""
    settings = settings_of(args)
    if args.action == "list":
        return _list(settings, as_json=args.json)
    stream = redactor_of(settings, environment()).stream()
    while piece := sys.stdin.readline(65_536):
        write_text(clean(stream.feed(piece)))
    write_text(clean(stream.end()))
    return 0


def _list(settings: Settings, *, as_json: bool) -> int:
    rows = patterns_of(settings)
    if as_json:
        write_lines([msgspec.json.encode(rows)])
        return 0
    width = max(len(row.id) for row in rows) + 2
    lines = [f"{'on ' if row.on else 'OFF'}  {row.id:<{width}}{row.means}\n" for row in rows]
    write_text(clean("".join(lines)))
    return 0
