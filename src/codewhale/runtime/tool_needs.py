"""Which tools cannot be called on this machine because a program is missing."""

import shutil
from collections.abc import Mapping

from codewhale.tools.registry import ENTRIES


def tool_count() -> int:
    """How many tools there are."""
    return len(ENTRIES)


def lacking(environ: Mapping[str, str], gh: str | None = None) -> dict[str, tuple[str, ...]]:
    """The tools that are missing a program, each with those of which it needs one. `gh` is where the person says that it is."""
    path = environ.get("PATH")
    own = {"gh": gh} if gh is not None else {}
    return {
        name: entry.needs
        for name, entry in ENTRIES.items()
        if entry.needs and not any(shutil.which(own.get(program, program), path=path) for program in entry.needs)
    }
