"""`codewhale processes`: commands that the model left running in the background; seen and ended without the model."""

import argparse

import msgspec

from codewhale.runtime.processes_kept import Kept, cancel, listed, named, output
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text

LOG_HEAD, LOG_TAIL = 64 * 1024, 8 * 1024 * 1024
COMMAND_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["list", "logs", "cancel"],
        help="list: those that run; logs: what one has said; cancel: end one, with all that it started",
    )
    parser.add_argument("id", nargs="?", help="which process; the first letters of its id are enough")
    parser.add_argument("--all", action="store_true", help="for list: those that have ended too")
    parser.add_argument("--json", action="store_true", help="the record (for list: the rows) as JSON")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for; 1 when a process could not be ended."""
    _check(args)
    settings = settings_of(args)
    if args.action == "list":
        rows = listed(settings, ended=args.all)
        if args.json:
            write_lines([msgspec.json.encode([row.process for row in rows])])
        else:
            write_text(clean(_table(rows)) if rows else "No background processes.\n")
        return 0
    kept = named(settings, args.id)
    if args.action == "logs":
        write_text(clean(output(kept.process, LOG_HEAD, LOG_TAIL)))
        return 0
    was_running = kept.process.status == "running"
    if was_running:
        kept = cancel(kept.process)
    if args.json:
        write_lines([msgspec.json.encode(kept.process)])
    else:
        write_text(clean(f"{kept.process.id}: {kept.state}\n"))
    return 1 if kept.process.status == "running" else 0


def _table(rows: list[Kept]) -> str:
    lines: list[str] = []
    for row in rows:
        process = row.process
        command = " ".join(process.command.split())
        shown = command if len(command) <= COMMAND_WIDTH else command[: COMMAND_WIDTH - 1] + "…"
        kept = "  kept" if process.keep and process.status == "running" else ""
        lines.append(f"{process.id}  {process.started_at[:19]}Z  {row.state}{kept}")
        lines.append(f"    {shown}")
        lines.append(f"    in {process.cwd}, confined by {process.confined_by}, thread {process.thread_id}")
    return "\n".join([*lines, ""])


def _check(args: argparse.Namespace) -> None:
    if args.action == "list" and args.id is not None:
        raise UsageError("`processes list` takes no id", hint=f"`codewhale processes logs {args.id}`?")
    if args.action != "list" and args.id is None:
        raise UsageError(
            f"`processes {args.action}` needs the id of a process", hint="`codewhale processes list` shows them"
        )
    if args.all and args.action != "list":
        raise UsageError("--all is for `processes list`")
    if args.json and args.action == "logs":
        raise UsageError("--json is not for `processes logs`", hint="`codewhale processes list --all --json`?")
