"""`codewhale restore`: the saved states of this folder, and bringing one of them back."""

import argparse
import time

from codewhale.domain.errors import NotFound
from codewhale.domain.snapshots import PatchResult, SnapshotRow
from codewhale.runtime.client import Client
from codewhale.surfaces.cli.opening import with_client
from codewhale.surfaces.cli.parser import UsageError, settings_of
from codewhale.surfaces.cli.terminal import clean, write_text
from codewhale.surfaces.cli.undo import said

LISTED = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="list", help="list, or the number or id of the state to bring back")
    parser.add_argument(
        "--force",
        action="store_true",
        help="also overwrite files that changed after the newest state; the present ones are kept as a snapshot",
    )


def run(args: argparse.Namespace) -> int:
    """List the states, or bring one back and say what was done."""
    settings = settings_of(args)
    workspace = settings.workspace
    if args.what == "list":
        rows = with_client(settings, "restore", lambda client: client.rewinds.snapshots(LISTED, workspace))
        write_text(
            clean(table(rows)) if rows else f"No saved states of {workspace} yet: turns that change files make them.\n"
        )
        return 0

    async def restore(client: Client) -> PatchResult:
        rows = await client.rewinds.snapshots(LISTED, workspace)
        return await client.rewinds.restore(chosen(rows, args.what).id, workspace=workspace, force=args.force)

    write_text(clean(said(with_client(settings, "restore", restore))))
    return 0


def table(rows: list[SnapshotRow]) -> str:
    """Newest first, numbered from 1, with times in UTC."""
    lines = [f"{'N':>3}  {'taken (UTC)':19}  {'id':12}  label"]
    for number, row in enumerate(rows, 1):
        taken = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(row.timestamp))
        lines.append(f"{number:>3}  {taken:19}  {row.id[:12]:12}  {row.label}")
    return "\n".join(lines) + "\n"


def chosen(rows: list[SnapshotRow], what: str) -> SnapshotRow:
    """The state of this number in the list, or whose id begins so."""
    if what.isdecimal() and len(what) <= len(str(LISTED)):
        if not 1 <= int(what) <= len(rows):
            raise NotFound(f"there is no state number {what}; there are {len(rows)}", hint="`codewhale restore list`")
        return rows[int(what) - 1]
    found = [row for row in rows if row.id.startswith(what)]
    if len(found) != 1 or len(what) < 4:
        raise UsageError(
            f"{what[:60]!r} names no saved state", hint="`codewhale restore list` shows their numbers and ids"
        )
    return found[0]
