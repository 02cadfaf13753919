"""`codewhale memory`: what is remembered between conversations, and in which files, which people edit as they like."""

import argparse

import msgspec

from codewhale.runtime.memory import Kept, kept
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=["show", "path"],
        help="show: the notes (default); path: their files",
    )
    parser.add_argument("--json", action="store_true", help="for show: JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    settings = settings_of(args)
    if args.json and args.action != "show":
        raise UsageError("--json is for `memory show`")
    found = kept(settings)
    if args.action == "path":
        write_text(clean(f"{found.project_file}\n{found.everywhere_file}\n"))
    elif args.json:
        write_lines([msgspec.json.encode(found)])
    else:
        write_text(clean(text(found)))
    return 0


def text(found: Kept) -> str:
    """The notes for people."""
    lines = [] if found.enabled else ["Memory is switched off: `[memory] enabled = true` or DEEPSEEK_MEMORY=on."]
    for title, path, notes in (
        ("This project", found.project_file, found.project),
        ("Everywhere", found.everywhere_file, found.everywhere),
    ):
        lines += [f"{title} ({path}):", notes.rstrip() or "(nothing yet)", ""]
    return "\n".join(lines[:-1]) + "\n"
