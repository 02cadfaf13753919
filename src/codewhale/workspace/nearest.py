"""The name that was probably meant, for a path that does not exist. Loaded when somebody mistyped, not before."""

import os
from difflib import get_close_matches
from itertools import islice

from codewhale.workspace.beneath import DIRECTORY, Spot

_LOOK_AT = 2000


def nearest_name(spot: Spot) -> str | None:
    """The entry of the directory at `spot` that is most like the missing name."""
    try:
        fd = os.open(".", DIRECTORY, dir_fd=spot.parent)
    except OSError:
        return None
    try:
        with os.scandir(fd) as entries:
            names = [entry.name for entry in islice(entries, _LOOK_AT)]
    except OSError:
        return None
    finally:
        os.close(fd)
    lower = spot.name.lower()
    for name in names:
        if name.lower() == lower:
            return name
    close = get_close_matches(spot.name, names, n=1, cutoff=0.6)
    return close[0] if close else None
