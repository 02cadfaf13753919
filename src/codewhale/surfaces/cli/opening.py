"""The runtime for one command: in this process, or the one that already owns the data directory, over its HTTP API.

Callers cannot tell which; both give the `Client` protocol.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from codewhale.config.settings import Settings
from codewhale.runtime.client import Client
from codewhale.runtime.owner import Owner, owner_of
from codewhale.surfaces.cli.collector import settle
from codewhale.surfaces.cli.failures import sole

T = TypeVar("T")


@asynccontextmanager
async def opened(settings: Settings, what: str, owner: Owner | None) -> AsyncGenerator[Client]:
    """The client of the runtime. `StoreOwned` when the owner does not serve; `StoreError` when the data is unusable."""
    if owner is not None:
        from codewhale.client import connect_to  # noqa: PLC0415 - start-up: most runs have no server

        async with connect_to(owner) as remote:
            settle()
            yield remote
    else:
        from codewhale.runtime.assembly import open_runtime  # noqa: PLC0415 - start-up: a client of a server needs none

        async with open_runtime(settings, what=what) as runtime:
            settle()
            yield runtime


def with_client(settings: Settings, what: str, use: Callable[[Client], Awaitable[T]]) -> T:
    """Run `use` with the runtime and give its result."""

    async def run() -> T:
        async with opened(settings, what, owner_of(settings.runtime_dir)) as client:
            return await use(client)

    try:
        return asyncio.run(run())
    except BaseExceptionGroup as group:
        raise sole(group) from None
