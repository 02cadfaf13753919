"""Plays the parts of an answer on a connection, with the holds and faults that belong to it. The only file that waits.

Waiting here is the product (a slow or silent peer) and always ends when the client goes away or the server stops.
"""

import asyncio

from codewhale.llm.scripted.connection import Connection
from codewhale.llm.scripted.faults import Fault, Point
from codewhale.llm.scripted.gates import Gates
from codewhale.llm.scripted.plan import Plan
from codewhale.llm.scripted.wire import Frame, Part

WRITE = 64 * 1024
_BROKEN = b'data: {"id":"chatcmpl-'


class Broken(Exception):
    """The connection was cut or reset, as the fault wanted; nothing more can be said."""


class Player:
    """One answer being played."""

    def __init__(self, out: Connection, plan: Plan, fault: Fault | None, gates: Gates) -> None:
        self._out = out
        self._fault = fault
        self._gates = gates
        self._holds = plan.reply.holds
        self._pace = plan.pace
        self._buffer: list[bytes] = []
        self._size = 0
        self._started = False
        active = set[Point]() if fault is None else fault.points
        self._points = active | {hold.at for hold in self._holds}
        self._drip = None if fault is None or fault.drip is None or fault.at in active else fault.drip

    async def begin(self) -> None:
        """All that happens before the headers. Raises `Broken`."""
        if self._fault is not None and self._fault.delay:
            await asyncio.sleep(self._fault.delay)
        await self._at("before_headers")

    async def run(self, parts: list[Part]) -> None:
        """Write the body. Raises `Broken`."""
        self._started = True
        for part in parts:
            if isinstance(part, Frame):
                await self._say(part)
            elif part in self._points:
                await self._flush()
                await self._at(part)
        await self._flush()
        self._out.end()

    async def _say(self, frame: Frame) -> None:
        if self._pace or self._drip is not None:
            for _ in range(frame.count):
                await self._slowly(frame.text)
            return
        at_once = max(1, WRITE // max(1, len(frame.text)))
        left = frame.count
        while left > 0:
            count = min(left, at_once)
            self._buffer.append(frame.text * count if count > 1 else frame.text)
            self._size += len(frame.text) * count
            left -= count
            if self._size >= WRITE:
                await self._flush()

    async def _slowly(self, text: bytes) -> None:
        drip = self._drip
        if drip is None:
            await self._out.body(text)
        else:
            for at in range(0, len(text), drip.bytes):
                await self._out.body(text[at : at + drip.bytes])
                await asyncio.sleep(drip.interval)
        await asyncio.sleep(self._pace)

    async def _flush(self) -> None:
        if self._buffer:
            text = b"".join(self._buffer)
            self._buffer.clear()
            self._size = 0
            await self._out.body(text)

    async def _at(self, point: Point) -> None:
        for hold in self._holds:
            if hold.at == point:
                await self._gates.passed(hold.name)
        if self._fault is None:
            return
        if self._fault.drip is not None and self._fault.at == point:
            self._drip = self._fault.drip
        if self._fault.stall == point:
            self._gates.stall()
            await _stall(self._fault.seconds)
        if self._fault.half_close == point:
            self._out.half_close()
            self._gates.stall()
            await _stall(None)
        if self._fault.reset == point:
            self._out.reset()
            raise Broken
        if self._fault.cut == point:
            self._out.cut(_BROKEN if self._started else b"")
            raise Broken


async def _stall(seconds: float | None) -> None:
    if seconds is None:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(seconds)
