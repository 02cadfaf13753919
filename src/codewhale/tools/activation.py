"""Which found tools a thread's requests carry: a fold over its items, so that it is the same after a restart, in a fork and
from another surface.

Between two compactions the list only grows, at its end, so that a provider's cache of the request's beginning holds; what
does not fit waits. A compaction, after which nothing is cached anyway, keeps what was used last.
"""

from collections.abc import Iterable
from typing import cast

import msgspec

from codewhale.domain.records import Item
from codewhale.tools.registry import known, spec_of

MOST_ACTIVE = 8
MOST_ACTIVE_BYTES = 16 * 1024
"""How many found tools a thread's requests carry, and how many bytes of JSON they may be together."""
ACTIVATED = "activated"
"""The field of an item's metadata that names the tools which its call brought in."""


class Activation:
    """The fold. `names` are in the order in which the requests show them."""

    def __init__(self, items: Iterable[Item] = ()) -> None:
        self.names: tuple[str, ...] = ()
        self._bytes = 0
        self._wanted: dict[str, None] = {}
        for item in items:
            self.see(item)

    def see(self, item: Item) -> None:
        """The next item of the thread, ended."""
        if item.summarizes:
            self._reset()
        if item.call is not None or item.compaction is not None:
            for name in _named(item):
                self._want(name)
        if item.call is not None and item.call.name in self._wanted:
            self._want(item.call.name)

    def fits(self, name: str, others: Iterable[str] = ()) -> bool:
        """Whether the requests will carry `name`, once `others`, found with it, are in."""
        more = [one for one in (*others, name) if one not in self.names]
        size = self._bytes + sum(_size(one) for one in more)
        return name in self.names or (len(self.names) + len(more) <= MOST_ACTIVE and size <= MOST_ACTIVE_BYTES)

    def _want(self, name: str) -> None:
        self._wanted.pop(name, None)
        self._wanted[name] = None
        self._add(name)

    def _add(self, name: str) -> None:
        if name not in self.names and self.fits(name):
            self.names = (*self.names, name)
            self._bytes += _size(name)

    def _reset(self) -> None:
        latest = list(self._wanted)[::-1][:MOST_ACTIVE]
        self.names, self._bytes = (), 0
        for name in latest:
            self._add(name)
        self.names = self.names[::-1]
        self._wanted = dict.fromkeys(self.names)


def _named(item: Item) -> list[str]:
    names = (item.metadata or {}).get(ACTIVATED)
    if not isinstance(names, list):
        return []
    return [name for name in cast("list[object]", names) if isinstance(name, str) and known(name)]


def _size(name: str) -> int:
    return len(msgspec.json.encode(spec_of(name)))
