"""`codewhale context`: what fills a conversation's window, and, request by request, what the provider's cache should have had
of it, what it had, and why; what left it, and how to make it smaller or bring that back."""

import argparse

import msgspec

from codewhale.domain.context_report import ContextReport
from codewhale.domain.errors import NotFound
from codewhale.domain.left_out import LeftOut
from codewhale.runtime.client import Client
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.compacting import compacted, gone, restored
from codewhale.surfaces.cli.context_text import difference, filling
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text
from codewhale.surfaces.cli.threads_of import resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["show", "diff", "left-out", "compact", "uncompact"],
        help="show: what the next request would be made of; diff: what each request had in common with the one before, what "
        "the cache had, and what explains the rest; left-out: what the model no longer sees; compact: summarise the "
        "conversation; uncompact: take the last compaction back",
    )
    parser.add_argument("thread", help="which conversation; the first letters of its id are enough")
    parser.add_argument("--all", action="store_true", help="for diff: also the requests where nothing was missed")
    parser.add_argument("--reason", help="for compact: what the summary is for")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    settings = settings_of(args)
    if not store_exists(settings):
        raise NotFound(f"there are no threads in {settings.runtime_dir} yet", hint="`codewhale exec` starts one")

    if args.action in ("compact", "uncompact"):
        write_text(clean(with_client(settings, "context", lambda client: _changed(client, args))))
        return 0
    if args.action == "left-out":
        left = with_client(settings, "context", lambda client: _left_out(client, args.thread))
        if args.json:
            write_lines([msgspec.json.encode(left)])
        else:
            write_text(clean(gone(left)))
        return 0

    async def report(client: Client) -> ContextReport:
        return await client.introspection.context(await resolve(client, args.thread))

    found = with_client(settings, "context", report)
    if args.json:
        write_lines([msgspec.json.encode(found)])
    else:
        write_text(clean(filling(found) if args.action == "show" else difference(found, every=args.all)))
    return 0


async def _changed(client: Client, args: argparse.Namespace) -> str:
    thread_id = await resolve(client, args.thread)
    if args.action == "compact":
        return await compacted(client, thread_id, args.reason)
    return await restored(client, thread_id)


async def _left_out(client: Client, thread: str) -> LeftOut:
    return await client.introspection.left_out(await resolve(client, thread))
