"""A task group that gives the caller's own exception back as it is, not wrapped in an `ExceptionGroup`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager


@asynccontextmanager
async def task_group() -> AsyncGenerator[asyncio.TaskGroup, None]:
    """As `asyncio.TaskGroup`; what the body raises leaves it unchanged, after the tasks have ended."""
    failure: Exception | None = None
    async with asyncio.TaskGroup() as group:
        try:
            yield group
        except Exception as error:  # noqa: BLE001 - kept and raised below, once the tasks are over
            failure = error
    if failure is not None:
        raise failure
