"""Blocking work ends with its caller."""

import asyncio
import threading

import pytest

from codewhale.workspace.blocking import Stop, blocking


async def test_the_result_and_the_error_come_back() -> None:
    assert await blocking(bool) is False

    def fail(_: Stop) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await blocking(fail)


async def test_a_cancelled_caller_asks_the_work_to_stop_and_waits_for_it() -> None:
    began, ended = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def work(stop: Stop) -> None:
        loop.call_soon_threadsafe(began.set)
        while not stop:
            threading.Event().wait(0.001)
        ended.set()
        raise ValueError("nobody is told")

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        task = group.create_task(blocking(work))
        await began.wait()
        task.cancel()
    assert ended.is_set()
