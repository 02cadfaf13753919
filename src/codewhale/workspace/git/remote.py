"""Where a repository says that it comes from, read from its configuration file without running git. A hostile file gives a
wrong name at most: whoever uses the name shows it to the person first.
"""

import os
import re
from urllib.parse import urlsplit

from msgspec import Struct

from codewhale.workspace.git.repository import Repository

MOST_BYTES = 256 * 1024
_SECTION = re.compile(r'^\s*\[\s*remote\s+"((?:[^"\\]|\\.)*)"\s*\]')
_URL = re.compile(r"^\s*url\s*=\s*(\S+)\s*$", re.IGNORECASE)
_SCP = re.compile(r"^(?:[A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+):(?!//)(.+)$")
_NAME = re.compile(r"^(?!-)[A-Za-z0-9_.-]{1,100}$")
_HOST = re.compile(r"^[a-z0-9](?:[a-z0-9.-]{0,252}[a-z0-9])?$")


class Hosted(Struct, frozen=True, kw_only=True):
    """A repository on a server, as `host/owner/name`."""

    host: str
    owner: str
    name: str

    @property
    def slug(self) -> str:
        """How programs name it."""
        return f"{self.host}/{self.owner}/{self.name}"


def hosted(repository: Repository) -> Hosted | None:
    """What `origin` (or the only remote) names; None when there is none that is on a server."""
    remotes = _remotes(os.path.join(repository.common, "config"))
    url = remotes.get("origin") or (next(iter(remotes.values())) if len(remotes) == 1 else None)
    return hosted_at(url) if url is not None else None


def hosted_at(url: str) -> Hosted | None:
    """What a remote's address names: `https://host/owner/name.git`, `ssh://git@host/owner/name`, `git@host:owner/name`."""
    host, path = _split(url)
    if host is None:
        return None
    host = {"ssh.github.com": "github.com", "www.github.com": "github.com"}.get(host.lower(), host.lower())
    parts = path.strip("/").removesuffix(".git").split("/")
    if len(parts) != 2 or _HOST.fullmatch(host) is None or not all(_NAME.fullmatch(part) for part in parts):
        return None
    return Hosted(host=host, owner=parts[0], name=parts[1])


def _split(url: str) -> tuple[str | None, str]:
    if "://" in url:
        try:
            split = urlsplit(url)
            return (split.hostname if split.scheme in ("https", "http", "ssh", "git") else None), split.path
        except ValueError:
            return None, ""
    found = _SCP.match(url)
    return (found[1], found[2]) if found is not None else (None, "")


def _remotes(config: str) -> dict[str, str]:
    """The first address of every remote."""
    try:
        if not os.path.isfile(config) or os.path.getsize(config) > MOST_BYTES:
            return {}
        with open(config, encoding="utf-8", errors="replace") as file:
            lines = file.read(MOST_BYTES).splitlines()
    except OSError:
        return {}
    remotes: dict[str, str] = {}
    section: str | None = None
    for line in lines:
        if line.lstrip().startswith("["):
            found = _SECTION.match(line)
            section = found[1] if found is not None else None
        elif section is not None and (url := _URL.match(line)) is not None:
            remotes.setdefault(section, url[1])
    return remotes
