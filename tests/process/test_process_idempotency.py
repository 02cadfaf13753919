"""A key survives `kill -9`: whenever the server died, the request was carried out once or not at all."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from codewhale.testing.http_calls import Answer, Request, SocketCaller

TRIALS = 6


async def create(server: Any, key: str) -> Answer:
    headers = (
        ("Authorization", f"Bearer {server.token}"),
        ("Content-Type", "application/json"),
        ("Idempotency-Key", key),
    )
    asked = Request(method="POST", path="/v1/threads", headers=headers, body=b"{}")
    return await SocketCaller("127.0.0.1", server.port).send(asked)


@pytest.mark.requirement("IDEMPOTENCY-RESTART")
async def test_a_killed_server_gives_the_same_answer_again(site: Any) -> None:
    server = site.serve()
    first = await create(server, "k-1")
    server.kill()
    server = site.serve()
    again = await create(server, "k-1")
    assert (again.status, again.body) == (first.status, first.body) == (201, first.body)


@pytest.mark.requirement("IDEMPOTENCY-UNKNOWN")
async def test_a_server_killed_at_any_moment_never_does_it_twice(site: Any) -> None:
    server = site.serve()
    for trial in range(TRIALS):

        async def ask(server: Any = server, trial: int = trial) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                await create(server, f"k-{trial}")

        before = len((await server.call("GET", "/v1/threads")).json())
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(ask())
            for _ in range(trial * 3):
                await asyncio.wait([asking], timeout=0.0005)
            server.kill()
        server = site.serve()
        again = await create(server, f"k-{trial}")
        after = len((await server.call("GET", "/v1/threads")).json())
        assert again.status in {201, 409}
        assert after - before == 1 or (again.status, after - before) == (409, 0), again.body
