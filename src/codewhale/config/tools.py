"""`[tools]`: which tools every request carries beside the essential ones."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from codewhale.config.settings import Problem
from codewhale.domain.nearest import nearest
from codewhale.tools.registry import ENTRIES

Name = Annotated[str, Meta(min_length=1, max_length=64)]


class ToolKeys(Struct, frozen=True, kw_only=True):
    """`[tools]`."""

    always_load: tuple[Name, ...] = ()


def tool_problems(keys: ToolKeys, path: str) -> Iterator[Problem]:
    """The names that are no tools. Those of MCP servers are not known here."""
    for name in keys.always_load:
        if name not in ENTRIES and not name.startswith("mcp_"):
            yield Problem(
                path=path,
                key="tools.always_load",
                message=f"there is no tool {name!r}; ignored",
                suggestion=nearest(name, ENTRIES),
            )
