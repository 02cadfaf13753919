"""`codewhale store`: is the database of conversations sound, and the repair of what is derived from it."""

import argparse
import sys

from codewhale.domain.errors import CodewhaleError
from codewhale.runtime.maintenance import check_store, rebuild_store
from codewhale.surfaces.cli.collector import settle
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["check", "rebuild"],
        help="check: look for damage, change nothing; rebuild: make lists and transcripts anew from the log",
    )
    parser.add_argument("--yes", action="store_true", help="rebuild without asking")


def run(args: argparse.Namespace) -> int:
    """0 when all is well or was repaired, 1 when something is wrong."""
    settle()
    settings = settings_of(args)
    if args.action == "check":
        findings = check_store(settings)
        for finding in findings:
            print(clean(f"{finding.kind}: {finding.where}: {finding.what}"))
        if not findings:
            say(f"The store in {settings.runtime_dir} is sound.")
            return 0
        print("\n`codewhale store rebuild` repairs what is listed as read_model; the log itself is never changed.")
        return 1
    changes = rebuild_store(settings, dry_run=True)
    if not changes:
        print("Nothing to rebuild: lists and transcripts say what the log says.")
        return 0
    for change in changes:
        print(clean(f"{change.kind}: {change.where}: {change.what}"))
    if not args.yes and not _agreed(len(changes)):
        raise CodewhaleError("nothing was changed", hint="`codewhale store rebuild --yes` does it without asking")
    done = rebuild_store(settings, dry_run=False)
    print(f"Rebuilt; {len(done)} differences are gone.")
    return 0


def _agreed(count: int) -> bool:
    if not sys.stdin.isatty():
        return False
    print(f"Repair these {count} differences from the log? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
