"""The background processes of a data directory as their folders tell of them: for looking at them and ending them beside the
runtime that owns them, or when there is none. Nothing here reads or writes the log; the owner sees an end by itself.
"""

import os
import select
from contextlib import suppress

from msgspec import Struct
from msgspec.structs import replace

from codewhale.config.settings import Settings
from codewhale.domain.errors import InvalidInput, NotFound
from codewhale.domain.processes import Process, ProcessEnd, status_of
from codewhale.runtime.process_notices import ending
from codewhale.workspace.background.journal import piece_of
from codewhale.workspace.background.link import end_of
from codewhale.workspace.background.shelf import ask_to_end, lives, lying

FOLDER = "processes"
END_SECONDS = 5.0


class Kept(Struct, frozen=True, kw_only=True):
    """One process as of now, and how it stands in words."""

    process: Process
    state: str


def processes_dir(settings: Settings) -> str:
    """Where they keep what they say."""
    return os.path.join(settings.runtime_dir, FOLDER)


def listed(settings: Settings, *, ended: bool) -> list[Kept]:
    """Those that run, oldest first; with `ended` the others too, as far as their output is still there."""
    found = [_now(record) for record in lying(processes_dir(settings))]
    return [kept for kept in found if ended or kept.process.status == "running"]


def named(settings: Settings, name: str) -> Kept:
    """The one whose id begins so."""
    found = [record for record in lying(processes_dir(settings)) if record.id.startswith(name)]
    exact = [record for record in found if record.id == name]
    if len(exact or found) != 1:
        if found:
            raise InvalidInput(f"Ambiguous process prefix {name!r}: matches {len(found)} processes")
        raise NotFound(f"Process not found: {name[:80]}", hint="`codewhale processes list --all` shows them")
    return _now((exact or found)[0])


def output(process: Process, head: int, tail: int) -> str:
    """What it has said: the beginning and the end, as far as they were kept."""
    return piece_of(process.log_path, 0, head, tail, whole=True).shown.text


def cancel(process: Process) -> Kept:
    """End it and all that it started, and wait for that, within a bound."""
    watched: int | None = None
    with suppress(AttributeError, OSError):  # not Linux, or gone
        watched = os.pidfd_open(process.supervisor_pid)
    asked = ask_to_end(process)
    if watched is not None:
        if asked:
            select.select([watched], [], [], END_SECONDS)
        os.close(watched)
    return _now(process)


def _now(record: Process) -> Kept:
    end = end_of(record.log_path)
    if end is None and lives(record):
        return Kept(process=record, state="running")
    end = end or end_of(record.log_path) or ProcessEnd(cause="unknown", error="its supervisor was killed")
    process = replace(record, status=status_of(end), end=end)
    return Kept(process=process, state=ending(process))
