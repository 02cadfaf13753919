"""`codewhale context`: what fills a conversation's window, and, request by request, what the provider's cache should have had
of it, what it had, and why."""

import argparse

import msgspec

from codewhale.domain.context_report import ContextReport
from codewhale.domain.errors import NotFound
from codewhale.runtime.client import Client
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.context_text import difference, filling
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import settings_of
from codewhale.surfaces.cli.terminal import clean, write_lines, write_text
from codewhale.surfaces.cli.threads_of import resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        choices=["show", "diff"],
        help="show: what the next request would be made of; diff: what each request had in common with the one before, what "
        "the cache had, and what explains the rest",
    )
    parser.add_argument("thread", help="which conversation; the first letters of its id are enough")
    parser.add_argument("--all", action="store_true", help="for diff: also the requests where nothing was missed")
    parser.add_argument("--json", action="store_true", help="JSON instead of text")


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    settings = settings_of(args)
    if not store_exists(settings):
        raise NotFound(f"there are no threads in {settings.runtime_dir} yet", hint="`codewhale exec` starts one")

    async def report(client: Client) -> ContextReport:
        return await client.introspection.context(await resolve(client, args.thread))

    found = with_client(settings, "context", report)
    if args.json:
        write_lines([msgspec.json.encode(found)])
    else:
        write_text(clean(filling(found) if args.action == "show" else difference(found, every=args.all)))
    return 0
