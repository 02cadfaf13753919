"""Who trusted what: `trust.json` in the person's directory, never in the workspace. One entry per surface and content.

An entry counts only while the workspace is the same directory (path, device, inode) and the surface has the same digest.
Written at once or not at all, readable by its owner alone; a file that cannot be understood trusts nothing.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct, field

from codewhale.domain.errors import CodewhaleError
from codewhale.domain.ports import Clock
from codewhale.workspace.trust.seal import Sealed, sealed
from codewhale.workspace.trust.surfaces import Surface, own_surfaces
from codewhale.workspace.whole_file import put_whole

VERSION = 1
MAX_FILE = 16 * 1024 * 1024


class Grant(Struct, frozen=True, kw_only=True):
    """Trust in one content of one surface."""

    digest: str
    granted_at: str


class Folder(Struct, frozen=True, kw_only=True):
    """The trusted surfaces of one directory, by path."""

    path: str
    device: int
    inode: int
    surfaces: dict[str, Grant] = field(default_factory=dict[str, Grant])


class File(Struct, frozen=True, kw_only=True):
    """The whole file."""

    version: int = VERSION
    folders: tuple[Folder, ...] = ()


class TrustUnreadable(CodewhaleError):
    """The file that holds what is trusted cannot be used."""

    code = "trust_unreadable"


class Trust:
    """The person's trust, in `path`. `environ` gives the PATH on which programs are looked up."""

    def __init__(self, path: str, clock: Clock, environ: Mapping[str, str]) -> None:
        self._path = path
        self._clock = clock
        self._search = environ.get("PATH")

    def standing(self, workspace: str) -> tuple[tuple[Sealed, bool], ...]:
        """Every surface of ours as it is now, and whether that is trusted."""
        found = [sealed(workspace, surface, self._search) for surface in own_surfaces(workspace)]
        if not found:
            return ()
        grants = self._grants(workspace)
        return tuple((one, _granted(one, grants)) for one in found)

    def untrusted(self, workspace: str) -> tuple[Surface, ...]:
        """The surfaces that are there and will not be run or obeyed."""
        return tuple(one.surface for one, trusted in self.standing(workspace) if not trusted)

    def trusted(self, workspace: str, surface: Surface) -> bool:
        """Whether this surface is trusted as it is at this moment. To be asked right before it is used."""
        return _granted(sealed(workspace, surface, self._search), self._grants(workspace))

    def vouches(self, workspace: str, path: str, content: bytes) -> bool:
        """Whether these very bytes, read from the surface at `path`, are what is trusted there: to be asked after reading and
        before anything follows from it. Nobody is trusted while the file of trust cannot be read."""
        surface = next((one for one in own_surfaces(workspace) if one.path == path), None)
        if surface is None:
            return False
        now = sealed(workspace, surface, self._search)
        try:
            granted = _granted(now, self._grants(workspace))
        except TrustUnreadable:
            return False
        return granted and now.content == hashlib.sha256(content).hexdigest()

    def grant(self, workspace: str, given: Sequence[Sealed]) -> None:
        """Trust the surfaces with the content that the person was shown. `CodewhaleError` when one has none."""
        for one in given:
            if one.digest is None:
                raise CodewhaleError(f"{one.surface.path} cannot be trusted: {one.problem}", code="trust_refused")
        now = self._clock.now()
        added = {one.surface.path: Grant(digest=one.digest or "", granted_at=now) for one in given}
        self._change(workspace, {**self._grants(workspace), **added})

    def revoke(self, workspace: str, paths: Sequence[str] | None = None) -> int:
        """Trust these surfaces (all of the workspace's, for None) no more; how many were trusted."""
        grants = self._grants(workspace)
        kept = {} if paths is None else {path: grant for path, grant in grants.items() if path not in paths}
        self._change(workspace, kept)
        return len(grants) - len(kept)

    def _grants(self, workspace: str) -> dict[str, Grant]:
        key = _key(workspace)
        for folder in self._read().folders:
            if (folder.path, folder.device, folder.inode) == key:
                return dict(folder.surfaces)
        return {}

    def _change(self, workspace: str, grants: dict[str, Grant]) -> None:
        path, device, inode = _key(workspace)
        others = [folder for folder in self._read().folders if folder.path != path]
        if grants:
            others.append(Folder(path=path, device=device, inode=inode, surfaces=grants))
        content = msgspec.json.format(msgspec.json.encode(File(folders=tuple(others))), indent=2)
        put_whole(self._path, content + b"\n")

    def _read(self) -> File:
        try:
            with open(self._path, "rb") as file:
                content = file.read(MAX_FILE + 1)
        except FileNotFoundError:
            return File()
        except OSError as error:
            raise self._unreadable(error.strerror or "it cannot be read") from error
        try:
            found = msgspec.json.decode(content, type=File)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._unreadable(str(error)) from None
        if found.version != VERSION:
            raise self._unreadable(f"it has version {found.version}, and this codewhale knows {VERSION}")
        return found

    def _unreadable(self, why: str) -> TrustUnreadable:
        return TrustUnreadable(
            f"{self._path}, which says what is trusted, cannot be used: {why}",
            hint="nothing is trusted until it can be read; move it away to begin anew",
        )


def _granted(one: Sealed, grants: Mapping[str, Grant]) -> bool:
    grant = grants.get(one.surface.path)
    return grant is not None and one.digest is not None and grant.digest == one.digest


def _key(workspace: str) -> tuple[str, int, int]:
    real = os.path.realpath(workspace)
    try:
        found = os.stat(real)
    except OSError as error:
        raise CodewhaleError(f"{workspace}: {error.strerror}", code="not_found") from error
    return real, found.st_dev, found.st_ino
