"""`codewhale import`: conversations from the files of the system that codewhale follows."""

import argparse

import msgspec

from codewhale.runtime.importing.report import Line, Report
from codewhale.runtime.moving import import_directory
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", help="the old data folder, such as ~/.deepseek: it has sessions/ and tasks/ in it")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be taken; change nothing")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON")


def run(args: argparse.Namespace) -> int:
    """0 when all was read, 1 when something could not be."""
    report = import_directory(settings_of(args), args.directory, dry_run=args.dry_run)
    if args.json:
        write_lines([msgspec.json.encode(report)])
    else:
        write_text(clean(_text(report)))
    return 1 if report.problem_count else 0


def _text(report: Report) -> str:
    verb = "Would take" if report.dry_run else "Took"
    lines = [f"{verb}: {_counts(report.taken) or 'nothing'}."]
    if report.known:
        lines.append(f"Already here: {_counts(report.known)}.")
    lines += _listed("Not as it stood", report.notes, len(report.notes))
    lines += _listed("Left where it is", report.left, len(report.left))
    lines += _listed("Could not be read", report.problems, report.problem_count)
    return "\n".join(lines) + "\n"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {kind if count != 1 else kind.removesuffix('s')}" for kind, count in counts.items())


def _listed(title: str, lines: list[Line], count: int) -> list[str]:
    if not lines:
        return []
    shown = [f"  {line.where}: {line.what}" for line in lines[:SHOWN]]
    more = [f"  … and {count - SHOWN} more; --json lists them"] if count > SHOWN else []
    return ["", f"{title} ({count}):", *shown, *more]
