"""Looking for tools that are not in the first request: what the model asks of the engine, and what it gets."""

from typing import Literal

from msgspec import Struct

from codewhale.domain.wishes import Wish

Match = Literal["any", "all", "name"]
"""Any of the query's words, all of them, or exact names only."""

MOST_FOUND = 5


class FoundTool(Struct, frozen=True, kw_only=True):
    """A tool that was found. `parameters` is there when the next request has no room for it."""

    name: str
    description: str
    parameters: dict[str, object] | None = None


class FoundTools(Struct, frozen=True, kw_only=True):
    """The best first. `shown` are those that fit and are in the request already; `unavailable` those that fit and cannot be
    called here, each with why; `others` the names of all that could be found, where nothing was."""

    found: tuple[FoundTool, ...]
    shown: tuple[str, ...] = ()
    unavailable: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()


class FindTools(Wish[FoundTools], frozen=True, kw_only=True):
    """Tools that fit `query`, at most `limit`."""

    query: str
    match: Match = "any"
    limit: int = MOST_FOUND
