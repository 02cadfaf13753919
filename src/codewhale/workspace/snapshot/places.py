"""Which folders may have snapshots, and where those are kept. Pure, apart from resolving links."""

import os

WELL_KNOWN = frozenset(
    {
        *(
            "desktop",
            "documents",
            "downloads",
            "library",
            "movies",
            "music",
            "pictures",
            "public",
            "videos",
            "templates",
        ),
        *("applications", "dropbox", "onedrive", "google drive", "icloud drive"),
    }
)
SYSTEM = frozenset(
    {
        *("/home", "/Users", "/root", "/var", "/usr", "/etc", "/opt", "/srv", "/mnt", "/media"),
        *("/tmp", "/var/tmp"),  # noqa: S108 - nothing is put there; they are refused
        *("/bin", "/sbin", "/lib", "/boot", "/dev", "/proc", "/sys", "/run", "/private/tmp", "/System", "/Library"),
    }
)

_OFFSET = 0xCBF29CE484222325
_PRIME = 0x100000001B3


def refusal(workspace: str, home: str | None) -> str | None:
    """Why a folder gets no snapshots, in words, or None: it is too much of a machine to be copied or put back."""
    real = os.path.realpath(workspace)
    if real == "/" or real in SYSTEM:
        return f"{real} is a folder of the system, not of a project"
    if home is None:
        return None
    own = os.path.realpath(home)
    if real == own:
        return "the workspace is the home folder itself"
    if (own + "/").startswith(real + "/"):
        return f"{real} has the home folder in it"
    if os.path.dirname(real) == own and os.path.basename(real).casefold() in WELL_KNOWN:
        return f"{real} is a folder for everything, not of a project"
    return None


def place_of(root: str, workspace: str) -> str:
    """The folder below `root` that keeps the snapshots of `workspace`; work trees of one project lie side by side."""
    real = os.path.realpath(workspace)
    parent, name = os.path.split(real)
    above, marker = os.path.split(parent)
    project = above if marker == ".worktrees" and name else real
    return os.path.join(root, fnv1a(os.fsencode(project)), fnv1a(os.fsencode(real)))


def fnv1a(value: bytes) -> str:
    """The 64-bit FNV-1a hash, as hexadecimal digits."""
    found = _OFFSET
    for byte in value:
        found = (found ^ byte) * _PRIME & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"
