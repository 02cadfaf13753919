"""Which paths a command may read by itself: those inside the workspace, symlinks resolved, that hold no secret.

A command after `cd` is judged from every folder it may then be in.
"""

import os
from fnmatch import fnmatchcase

from codewhale.policy.commands.verdict import Place, Refused

MOST_FOLDERS = 8
NULL = "/dev/null"

_SECRET_NAMES = (
    *(
        ".env",
        ".env.*",
        ".envrc",
        "*.pem",
        "*.key",
        "*.p12",
        "*.pfx",
        "*.kdbx",
        "*.keystore",
        "*.jks",
        "id_rsa*",
        "id_dsa*",
    ),
    *("id_ecdsa*", "id_ed25519*", ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials"),
    *("credentials", "credentials.*", ".htpasswd", "auth_token", "*.token", "secrets", "secrets.*", ".vault-token"),
)
_EXAMPLES = (".env.example", ".env.sample", ".env.template", ".env.dist", ".env.defaults", "*.pub")
_SYSTEM = frozenset(
    "bin boot dev etc home lib lib64 opt proc root run sbin srv sys usr var Users System Library".split()
)


def secret_name(path: str) -> bool:
    """Whether the file's name says that it holds keys or passwords."""
    name = os.path.basename(path.rstrip("/")).lower()
    if any(fnmatchcase(name, pattern) for pattern in _EXAMPLES):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _SECRET_NAMES)


class Paths:
    """The folders a command may be in, and the check of what it reads from there."""

    def __init__(self, place: Place) -> None:
        self._root = os.path.realpath(place.workspace)
        home = os.path.realpath(place.home) if place.home else None
        self._broad = self._root == "/" or (home is not None and _inside(home, self._root))
        self._folders = {os.path.realpath(place.cwd)}
        if not all(_inside(folder, self._root) for folder in self._folders):
            raise Refused("path", "it would run outside the workspace")

    def enter(self, path: str, *, certain: bool) -> None:
        """A `cd` to `path`; unless `certain`, what follows may also run where it ran before."""
        self.readable(path)
        there = {os.path.realpath(os.path.join(folder, path)) for folder in self._folders}
        # the shell takes `..` off the text of the path, the kernel follows links first
        there |= {os.path.realpath(os.path.normpath(os.path.join(folder, path))) for folder in self._folders}
        if not all(_inside(folder, self._root) for folder in there):
            raise Refused("path", f"{path} is outside the workspace", "ask.outside_path")
        self._folders = there if certain else self._folders | there
        if len(self._folders) > MOST_FOLDERS:
            raise Refused("path", "it changes the folder too often to be followed")

    @property
    def folders(self) -> frozenset[str]:
        """Where the next command may run."""
        return frozenset(self._folders)

    def also(self, folders: frozenset[str]) -> None:
        """What follows may run in these too."""
        self._folders |= folders

    def readable(self, path: str) -> None:
        """Raise `Refused` unless reading `path` stays in the workspace and away from secrets, from wherever it runs."""
        if path in {NULL, "-"}:
            return
        if not path:
            raise Refused("path", "an empty path")
        for folder in self._folders:
            self._check(path, folder)

    def _check(self, path: str, folder: str) -> None:
        try:
            real = os.path.realpath(os.path.join(folder, path))
        except (OSError, ValueError) as error:
            raise Refused("path", f"{path!r} cannot be resolved") from error
        if not _inside(real, self._root):
            raise Refused("path", f"{path} is outside the workspace", "ask.outside_path")
        if self._broad and self._exposed(path, real):
            raise Refused("path", f"{path} is in a home or system folder", "ask.outside_path")
        if any(secret_name(name) for name in (path, real)) or _git_private(real):
            raise Refused("secrets", f"{path} may hold secrets", "ask.secret_file")

    def _exposed(self, path: str, real: str) -> bool:
        parts = os.path.relpath(real, self._root).split("/")
        hidden = any(part.startswith(".") and part not in (".", "..") for part in parts)
        return os.path.isabs(path) or hidden or (self._root == "/" and parts[0] in _SYSTEM)


def _inside(path: str, *roots: str) -> bool:
    return any(path == root or path.startswith(root.rstrip("/") + "/") for root in roots)


def _git_private(real: str) -> bool:
    return real.endswith(("/.git/config", "/.git/credentials"))
