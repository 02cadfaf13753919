"""Grants what tools wish for about background processes; everything is of the caller's own thread."""

from typing import TYPE_CHECKING

from codewhale.domain.processes import Process
from codewhale.domain.wishes import Origin
from codewhale.tools.process_wishes import Look, RunProcess, StartProcess, StopProcesses, WatchProcess

if TYPE_CHECKING:
    from codewhale.runtime.runtime import Runtime


async def _start(wish: StartProcess, origin: Origin, runtime: "Runtime") -> Process:
    return await runtime.processes.start(wish, origin)


async def _run(wish: RunProcess, origin: Origin, runtime: "Runtime") -> Look:
    return await runtime.processes.run(wish.start, origin)


async def _watch(wish: WatchProcess, origin: Origin, runtime: "Runtime") -> Look:
    return await runtime.processes.watch(wish, origin)


async def _stop(wish: StopProcesses, origin: Origin, runtime: "Runtime") -> tuple[Look, ...]:
    return tuple(await runtime.processes.stop_some(wish.name, origin))


ANSWERS = {StartProcess: _start, RunProcess: _run, WatchProcess: _watch, StopProcesses: _stop}
