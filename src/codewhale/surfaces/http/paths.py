"""Which route a path means. A route is words and `{name}` parts; a part stands for one word that is not empty.

Invariant: a path that is spelt out goes before one with parts, and of those the first wins; nothing is redirected.
"""

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Paths(Generic[T]):
    """Values by route."""

    def __init__(self, routes: Mapping[str, T]) -> None:
        self._plain = {route: value for route, value in routes.items() if "{" not in route}
        self._parted: dict[int, list[tuple[list[str], T]]] = {}
        for route, value in routes.items():
            if "{" in route:
                words = route.split("/")
                self._parted.setdefault(len(words), []).append((words, value))

    def find(self, path: str) -> tuple[T, dict[str, str]] | None:
        """The value of the route that the path means, and what stands for its parts."""
        if path in self._plain:
            return self._plain[path], {}
        words = path.split("/")
        for route, value in self._parted.get(len(words), ()):
            parts = _parts(route, words)
            if parts is not None:
                return value, parts
        return None


def _parts(route: list[str], words: list[str]) -> dict[str, str] | None:
    parts: dict[str, str] = {}
    for meant, word in zip(route, words, strict=True):
        if meant.startswith("{") and word:
            parts[meant[1:-1]] = word
        elif meant != word:
            return None
    return parts
