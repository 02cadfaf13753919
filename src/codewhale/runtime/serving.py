"""What a process that serves its runtime to others needs: to be found, and to come to rest."""

import os
from contextlib import aclosing

from codewhale.domain.events import TurnCompleted
from codewhale.runtime.runtime import Runtime
from codewhale.store.lock import OWNER
from codewhale.store.sqlite import SqliteStore


def announce(runtime: Runtime, *, url: str, token: str | None) -> None:
    """Write address and token where other processes of this person look for them (0600)."""
    store = runtime.store
    if isinstance(store, SqliteStore):
        store.announce(url=url, token=token)


def owner_file(runtime_dir: str) -> str:
    """The file that `announce` writes."""
    return os.path.join(runtime_dir, OWNER)


async def come_to_rest(runtime: Runtime) -> None:
    """Interrupt every turn, start no more, and return when the end of each is on record."""
    before = runtime.store.latest_seq
    runtime.stop("The server is shutting down.")
    for thread_id in runtime.store.threads_with_open_turns():
        async with aclosing(runtime.events(thread_id, after=before)) as batches:
            async for batch in batches:
                if any(event.event == TurnCompleted.WIRE for event in batch):
                    break
