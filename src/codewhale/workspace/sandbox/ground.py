"""A confinement looked up on the disk: which folder or file is mounted how, in the order in which it must be.

A protected place that is a link, a pipe or a device, or a root that is not what it says, refuses the whole command: a mount
would go to where the link leads, and the link could then be swapped. Nothing is made or changed here.
"""

import os
import stat
from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from codewhale.domain.confinement import INSTRUCTIONS, Confinement, within
from codewhale.domain.errors import ToolError
from codewhale.workspace.plain import plain
from codewhale.workspace.sandbox.git_places import git_places
from codewhale.workspace.sandbox.marks import is_mask

MAX_PLACES = 64
"""Mounts beyond the system's own; each costs a fifth of a millisecond."""

Access = Literal["write", "read", "hide"]


class Place(Struct, frozen=True, order=True):
    """One path and what is possible there; a folder or a file."""

    path: str
    access: Access
    folder: bool = True


class Ground(Struct, frozen=True, kw_only=True):
    """`places` sorted so that what is beneath comes after what is above; `missing` are folders to be kept from existing."""

    places: tuple[Place, ...]
    missing: tuple[str, ...]


def covered(paths: Iterable[str]) -> tuple[str, ...]:
    """Those of our own folders over which a cage lays its /tmp: a checkout or an interpreter there must be shown again."""
    return tuple(path for path in dict.fromkeys(map(os.path.realpath, paths)) if within(path, "/tmp"))  # noqa: S108


def setup_failed(why: str) -> ToolError:
    """The one error of a cage that cannot be set up: the command was not run."""
    return ToolError(
        f"sandbox_setup_failed: {why} The command was not run: it never runs without its sandbox.",
        category="sandbox_setup_failed",
    )


def survey(held: Confinement) -> Ground:
    """The places of `held`. Raises `sandbox_setup_failed` with a named reason."""
    places: dict[str, Place] = {}
    missing: list[str] = []
    for root in (*held.writable, *held.visible):
        _check_root(root)
    for root in held.visible:
        places[root] = Place(root, "read")
    for root in held.writable:
        places[root] = Place(root, "write")
    for path in held.protected:
        if any(within(path, root) for root in held.writable):
            _protect(path, places, missing)
    for root in held.writable:
        for name in INSTRUCTIONS:
            _freeze(os.path.join(root, name), places)
    for path in held.hidden:
        _hide(path, places)
    if len(places) + len(missing) > MAX_PLACES:
        raise setup_failed(f"It would need {len(places) + len(missing)} mounts, and {MAX_PLACES} are the limit.")
    ordered = sorted(places.values(), key=lambda place: (place.path.count("/"), place.path))
    return Ground(places=tuple(ordered), missing=tuple(missing))


def _check_root(root: str) -> None:
    if os.path.realpath(root) != root:
        raise setup_failed(f"The folder {plain(root)} is reached through a link, so another place would be opened.")
    if not os.path.isdir(root):
        raise setup_failed(f"The folder {plain(root)} does not exist.")
    if root == "/":
        raise setup_failed("The root of the file system cannot be a writable folder.")


def _protect(path: str, places: dict[str, Place], missing: list[str]) -> None:
    above = os.path.dirname(path)
    if os.path.realpath(above) != above:
        raise setup_failed(f"The protected {plain(path)} is reached through a link.")
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        missing.append(path)
        return
    except OSError as error:
        raise setup_failed(f"The protected {plain(path)} cannot be looked at: {error.strerror}.") from error
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "a pipe, socket or device"
        raise setup_failed(f"The protected {plain(path)} is {kind}, which cannot be kept from being swapped.")
    if is_mask(path):  # another command's: it goes with that one, unless we hold it too
        missing.append(path)
        return
    places[path] = Place(path, "read", stat.S_ISDIR(mode))
    git = git_places(path) if os.path.basename(path) == ".git" else None
    if git is None:
        return
    for writable in git.writable:
        places[writable] = Place(writable, "write")
    for protected in git.protected:
        places[protected] = Place(protected, "read", os.path.isdir(protected))
    missing += git.missing


def _freeze(path: str, places: dict[str, Place]) -> None:
    """Instructions for agents: what they lead to is read-only where it exists."""
    real = os.path.realpath(path)
    if os.path.isfile(real) and any(place.access == "write" and within(real, place.path) for place in places.values()):
        places[real] = Place(real, "read", folder=False)


def _hide(path: str, places: dict[str, Place]) -> None:
    if not os.path.lexists(path):
        return
    real = os.path.realpath(path)
    if os.path.isdir(real):
        if any(within(real, place.path) and place.access == "hide" for place in places.values()):
            return
        if places.get(real) is None:
            places[real] = Place(real, "hide")
    elif os.path.isfile(real):
        places[real] = Place(real, "hide", folder=False)
