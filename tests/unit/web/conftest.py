"""A peer that counts as public, and a sink inside that nobody may reach."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest


class Sink:
    """A server on 127.0.0.2, an address like any other internal one."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        del reader
        self.connections += 1
        writer.close()


@asynccontextmanager
async def _listening() -> AsyncGenerator[Sink]:
    sink = Sink()
    server = await asyncio.start_server(sink.accept, "127.0.0.2", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()


@pytest.fixture
async def sink() -> AsyncGenerator[Sink]:
    async with _listening() as one:
        yield one
