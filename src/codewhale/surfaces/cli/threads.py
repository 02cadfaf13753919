"""`codewhale threads`: what was said before, as a list, as a transcript, as a file."""

import argparse

import msgspec

from codewhale.domain.errors import NotFound
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.runtime.client import Client
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, say, write_lines, write_text
from codewhale.surfaces.cli.threads_of import resolve
from codewhale.surfaces.cli.transcript import export_object, markdown, table, transcript

DEFAULT_LIMIT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["list", "show", "export"],
        help="list: the newest first; show: one as text; export: one as JSON or Markdown",
    )
    parser.add_argument("id", nargs="?", help="which thread; the first letters of its id are enough")
    parser.add_argument("--format", choices=["json", "markdown"], help="for export (default: json)")
    parser.add_argument("--json", action="store_true", help="for list: JSON instead of a table")
    parser.add_argument("--all", action="store_true", help="for list: archived ones and other folders' too")
    parser.add_argument("--search", metavar="TEXT", help="for list: only those with this text in id, title or preview")
    parser.add_argument("--limit", type=int, metavar="N", help=f"for list: at most so many (default: {DEFAULT_LIMIT})")


def run(args: argparse.Namespace) -> int:
    """Print what was asked for."""
    _check(args)
    settings = settings_of(args)
    kept = store_exists(settings)
    if args.action == "list":
        given = ThreadFilter(
            limit=args.limit or DEFAULT_LIMIT,
            include_archived=args.all,
            search=args.search,
            workspace=None if args.all else settings.workspace,
        )
        rows = with_client(settings, "threads", lambda client: client.summaries(given)) if kept else []
        _list(rows, args, settings.workspace)
        return 0
    if not kept:
        raise NotFound(f"there are no threads in {settings.runtime_dir} yet", hint="`codewhale exec` starts one")
    snapshot = with_client(settings, "threads", lambda client: _snapshot(client, args.id))
    if args.action == "show":
        write_text(clean(transcript(snapshot)))
    elif args.format == "markdown":
        write_text(clean(markdown(snapshot)))
    else:
        write_lines([msgspec.json.format(msgspec.json.encode(export_object(snapshot)), indent=2)])
    return 0


async def _snapshot(client: Client, prefix: str) -> ThreadSnapshot:
    return await client.snapshot(await resolve(client, prefix))


def _list(rows: list[ThreadSummary], args: argparse.Namespace, workspace: str) -> None:
    if args.json:
        write_lines([msgspec.json.encode(rows)])
    elif rows:
        write_text(clean(table(rows, folders=args.all)))
    else:
        say("No threads." if args.all else f"No threads in {workspace}; --all shows those of other folders.")


def _check(args: argparse.Namespace) -> None:
    if args.action == "list":
        if args.id is not None:
            raise UsageError(f"`threads list` takes no id ({args.id!r})", hint=f"`codewhale threads show {args.id}`?")
        if args.limit is not None and args.limit < 1:
            raise UsageError("--limit must be at least 1")
    elif args.id is None:
        raise UsageError(
            f"`threads {args.action}` needs the id of a thread", hint="`codewhale threads list` shows them"
        )
    if args.format and args.action != "export":
        raise UsageError("--format is for `threads export`")
    for option in ("json", "all", "search", "limit"):
        if getattr(args, option) and args.action != "list":
            raise UsageError(f"--{option} is for `threads list`")
