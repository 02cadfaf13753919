"""`codewhale undo`: the files as they were before the last turns that changed any. The conversation stays as it is."""

import argparse

from codewhale.domain.errors import NotFound
from codewhale.domain.snapshots import PatchResult
from codewhale.domain.views import ThreadFilter
from codewhale.runtime.client import Client
from codewhale.runtime.maintenance import store_exists
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_text
from codewhale.surfaces.cli.threads_of import resolve

MOST = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "thread", nargs="?", help="whose changes; the first letters of its id (default: the latest here)"
    )
    parser.add_argument(
        "--turns", type=int, default=1, metavar="N", help="how many turns that changed files (default: 1)"
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="also overwrite files that changed since in another way; the present ones are kept as a snapshot",
    )


def run(args: argparse.Namespace) -> int:
    """Take the changes back, and say what was done."""
    if not 1 <= args.turns <= MOST:
        raise UsageError(f"--turns must be between 1 and {MOST}")
    settings = settings_of(args)
    if not store_exists(settings):
        raise NotFound("nothing was done here yet, so there is nothing to undo")

    async def undo(client: Client) -> PatchResult:
        if args.thread is not None:
            thread_id = await resolve(client, args.thread)
        else:
            found = await client.threads(ThreadFilter(workspace=settings.workspace, limit=1))
            if not found:
                raise NotFound(
                    f"there is no thread in {settings.workspace} to undo", hint="`codewhale threads list --all`"
                )
            thread_id = found[0].id
        return await client.rewinds.revert(thread_id, args.turns, force=args.force)

    write_text(clean(said(with_client(settings, "undo", undo))))
    return 0


def said(done: PatchResult) -> str:
    """What was done, for a person."""
    back = f" (back to {done.snapshot_label})" if done.snapshot_label else ""
    return f"{done.summary or 'Nothing had to change.'}{back}\n"
