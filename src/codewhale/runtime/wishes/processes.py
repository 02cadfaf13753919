"""Grants what tools wish for about background processes; everything is of the caller's own thread."""

import asyncio
from typing import TYPE_CHECKING

from codewhale.domain.processes import Process
from codewhale.domain.wishes import Origin
from codewhale.tools.process_wishes import Look, ReadLog, RunProcess, StartProcess, StopProcesses, WatchProcess
from codewhale.workspace.background.journal import piece_of

if TYPE_CHECKING:
    from codewhale.runtime.runtime import Runtime


async def _start(wish: StartProcess, origin: Origin, runtime: "Runtime") -> Process:
    return await runtime.processes.start(wish, origin)


async def _run(wish: RunProcess, origin: Origin, runtime: "Runtime") -> Look:
    return await runtime.processes.run(wish.start, origin)


async def _watch(wish: WatchProcess, origin: Origin, runtime: "Runtime") -> Look:
    return await runtime.processes.watch(wish, origin)


async def _log(wish: ReadLog, origin: Origin, runtime: "Runtime") -> str:
    record = runtime.processes.find(wish.name, origin.thread_id)
    piece = await asyncio.to_thread(piece_of, record.log_path, 0, wish.limit, wish.limit, whole=True)
    return piece.shown.text


async def _stop(wish: StopProcesses, origin: Origin, runtime: "Runtime") -> tuple[Look, ...]:
    return tuple(await runtime.processes.stop_some(wish.name, origin))


ANSWERS = {StartProcess: _start, RunProcess: _run, WatchProcess: _watch, ReadLog: _log, StopProcesses: _stop}
