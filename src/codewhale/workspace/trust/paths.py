"""Directories outside a workspace that its threads may use: `workspace-trust.json`, by workspace.

The file is the person's. One that cannot be understood trusts nothing and says so.
"""

import os

import msgspec

from codewhale.domain.errors import CodewhaleError, InvalidInput
from codewhale.workspace.whole_file import put_whole

MAX_FILE = 4 * 1024 * 1024
MOST = 200

Table = dict[str, list[str]]


class TrustedPaths:
    """The allow-list in one file: real paths of workspaces to real paths of directories."""

    def __init__(self, path: str) -> None:
        self._path = path

    def of(self, workspace: str) -> tuple[str, ...]:
        """The directories that this workspace's threads may use too; those that are gone are left out."""
        if not os.path.exists(self._path):
            return ()
        listed = self._read().get(os.path.realpath(workspace), [])
        return tuple(path for path in listed if os.path.isabs(path) and os.path.realpath(path) == path)

    def add(self, workspace: str, directory: str) -> str:
        """Allow a directory; its real path. `InvalidInput` when it is none, or is `/` or a home."""
        real = os.path.realpath(os.path.expanduser(directory))
        if not os.path.isdir(real):
            raise InvalidInput(f"{directory} is not a directory", hint="name one that exists")
        if real in ("/", os.path.realpath(os.path.expanduser("~"))):
            raise InvalidInput(f"{real} would open everything", hint="name the directory that is needed")
        table = self._read()
        paths = table.setdefault(os.path.realpath(workspace), [])
        if real not in paths:
            if len(paths) >= MOST:
                raise InvalidInput(f"{MOST} directories are trusted for this workspace already")
            paths.append(real)
            self._write(table)
        return real

    def remove(self, workspace: str, directory: str) -> bool:
        """Allow it no more; whether it was allowed."""
        table = self._read()
        key = os.path.realpath(workspace)
        given = os.path.abspath(os.path.expanduser(directory))
        kept = [path for path in table.get(key, []) if path not in (given, os.path.realpath(given))]
        if len(kept) == len(table.get(key, [])):
            return False
        table[key] = kept
        self._write({workspace: paths for workspace, paths in table.items() if paths})
        return True

    def _read(self) -> Table:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(MAX_FILE), type=Table)
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise CodewhaleError(
                f"{self._path}, which lists trusted directories, cannot be used: {error}",
                code="trust_unreadable",
                hint='it is an object of workspaces, each with a list of directories: {"/work": ["/data"]}',
            ) from error

    def _write(self, table: Table) -> None:
        put_whole(self._path, msgspec.json.format(msgspec.json.encode(table), indent=2) + b"\n")
