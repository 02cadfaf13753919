"""`codewhale export`: everything that was said, as files that other programs read."""

import argparse

from codewhale.runtime.moving import export_directory
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", help="a new or empty folder to write to")
    parser.add_argument(
        "--layout",
        choices=["files"],
        default="files",
        help="files: one JSON file per thread, turn, item and session, as `codewhale import` reads them (default)",
    )


def run(args: argparse.Namespace) -> int:
    """Write it all, and say how much it was."""
    done = export_directory(settings_of(args), args.directory)
    say(
        f"Wrote {done.threads} threads ({done.turns} turns, {done.items} items, {done.events} events),"
        f" {done.sessions} sessions, {done.tasks} tasks and {done.automations} automations to {args.directory}."
    )
    return 0
