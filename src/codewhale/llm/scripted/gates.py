"""Named gates and attempt counts: the only state of a scripted model. Bounded; `reset` makes it new.

Nobody polls: a test waits for `reached`, an answer waits for `passed`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable

from codewhale.domain.errors import NotFound

MAX_COUNTED = 4096


class Gate:
    """One gate: closed until released, then open for good."""

    __slots__ = ("opened", "reached")

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.reached = asyncio.Event()


class Gates:
    """The gates of one script, by the names in its holds."""

    def __init__(self, names: Iterable[str]) -> None:
        self._gates = {name: Gate() for name in sorted(names)}
        self._stalls = 0
        self._stalled = asyncio.Event()

    def stall(self) -> None:
        """An answer has come to a stop."""
        self._stalls += 1
        self._stalled.set()

    async def stalled(self, count: int) -> None:
        """Wait until `count` answers have come to a stop since the last reset."""
        while self._stalls < count:
            self._stalled.clear()
            await self._stalled.wait()

    async def passed(self, name: str) -> None:
        """Wait until the gate is open, and let those know who wait for somebody to come."""
        gate = self._gates[name]
        gate.reached.set()
        await gate.opened.wait()

    async def reached(self, name: str) -> None:
        """Wait until an answer stands at the gate, or has passed it."""
        await self._known(name).reached.wait()

    def release(self, name: str) -> None:
        """Open the gate. `NotFound` names the gates that there are."""
        self._known(name).opened.set()

    def reset(self) -> None:
        """Close all gates again; what waits at one goes on."""
        self._stalls = 0
        for name, gate in self._gates.items():
            gate.opened.set()
            self._gates[name] = Gate()

    def _known(self, name: str) -> Gate:
        gate = self._gates.get(name)
        if gate is None:
            names = ", ".join(self._gates) or "none"
            raise NotFound(f"The script has no hold named {name!r}; it has: {names}")
        return gate


class Attempts:
    """How often each request came. Equal requests count as one request asked again; the oldest are forgotten."""

    def __init__(self) -> None:
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def next(self, key: bytes) -> int:
        """The number of this attempt, from 0."""
        attempt = self._counts.pop(key, 0)
        self._counts[key] = attempt + 1
        if len(self._counts) > MAX_COUNTED:
            self._counts.popitem(last=False)
        return attempt

    def reset(self) -> None:
        self._counts.clear()
