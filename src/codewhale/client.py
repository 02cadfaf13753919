"""The typed, asynchronous client of a running codewhale: what the command line uses, for any program.

A lost connection costs nothing: requests that create or start something carry an idempotency key and are sent again, streams
go on after the last event that arrived. Errors are the tree of `codewhale.domain.errors`. See docs/client.md.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

from codewhale.domain.commands import NewThread, StartedTurn, ThreadPatch, TurnInput
from codewhale.domain.errors import CodewhaleError, Conflict, InvalidInput, NotFound, StoreError
from codewhale.domain.events import Event, TurnCompleted
from codewhale.domain.records import Item, Thread, Turn
from codewhale.domain.requests import Answer, ClientTool, ClientToolResult, InputImage, InputText
from codewhale.domain.views import ThreadFilter, ThreadSnapshot, ThreadSummary
from codewhale.runtime.line import ATTEMPTS
from codewhale.runtime.owner import Owner, owner_of
from codewhale.runtime.remote import RemoteClient
from codewhale.runtime.remote import connect as connect_to

__all__ = [
    "Answer",
    "ClientTool",
    "ClientToolResult",
    "CodewhaleError",
    "Conflict",
    "Event",
    "InputImage",
    "InputText",
    "InvalidInput",
    "Item",
    "NewThread",
    "NotFound",
    "RemoteClient",
    "StartedTurn",
    "StoreError",
    "Thread",
    "ThreadFilter",
    "ThreadPatch",
    "ThreadSnapshot",
    "ThreadSummary",
    "Turn",
    "TurnInput",
    "connect",
    "connect_local",
    "connect_to",
    "run_turn",
]


@asynccontextmanager
async def connect(
    url: str, token: str | None = None, *, attempts: int | None = ATTEMPTS
) -> AsyncGenerator[RemoteClient]:
    """A client of the server at `url`; `token` None where it wants none. A request or a stream may fail `attempts` times in a
    row (None: for ever) before that is a `StoreError`."""
    owner = Owner(pid=0, started_at="", what="serve", url=url, token=token)
    async with connect_to(owner, attempts=attempts) as client:
        yield client


@asynccontextmanager
async def connect_local(
    directory: str | None = None, *, attempts: int | None = ATTEMPTS
) -> AsyncGenerator[RemoteClient]:
    """A client of the server that this person runs on this machine: address and token are found in the data directory (by
    default the configured one). `NotFound` when nobody serves it."""
    if directory is None:
        from codewhale.config.load import load  # noqa: PLC0415 - the command line has its own settings

        directory = load().runtime_dir
    owner = owner_of(directory)
    if owner is None:
        raise NotFound(f"nobody serves {directory}", hint="start `codewhale serve --http`")
    async with connect_to(owner, attempts=attempts) as client:
        yield client


async def run_turn(client: RemoteClient, thread_id: str, given: TurnInput) -> AsyncGenerator[Event, None]:
    """Start a turn and give its events up to `turn.completed`. The turn goes on when the caller leaves."""
    before = (await client.snapshot(thread_id)).latest_seq
    started = await client.start_turn(thread_id, given)
    async with aclosing(client.events(thread_id, after=before)) as batches:
        async for batch in batches:
            for event in batch:
                if event.turn_id == started.turn.id:
                    yield event
                    if event.event == TurnCompleted.WIRE:
                        return
