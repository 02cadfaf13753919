"""How an empty folder is known as a mask: by its mode and its emptiness. So one of another command, or one left behind by a
crash, is never taken for a person's folder."""

import os
import stat

MODE = 0o1500


def is_mask(path: str) -> bool:
    """Whether an empty folder there is a mask of ours, of any command or of one that crashed."""
    try:
        found = os.lstat(path)
        return stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == MODE and not os.listdir(path)
    except OSError:
        return False
