"""Which tools cannot be called on this machine because a program is missing."""

import shutil
from collections.abc import Mapping

from codewhale.tools.registry import ENTRIES


def tool_count() -> int:
    """How many tools there are."""
    return len(ENTRIES)


def lacking(environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The tools that are missing a program, each with those of which it needs one."""
    path = environ.get("PATH")
    return {
        name: entry.needs
        for name, entry in ENTRIES.items()
        if entry.needs and not any(shutil.which(program, path=path) for program in entry.needs)
    }
