"""What the reduced cage of Linux is told, as one document for `spawner.py`: where to read, where to write, which calls.

Landlock only ever adds rights below a path. So hidden places are left out by naming everything around them, and protected
names inside a writable folder cannot be kept from being written: `integrity.py` reports it instead.
"""

import marshal
import os
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from codewhale.domain.confinement import within
from codewhale.workspace.plain import plain
from codewhale.workspace.sandbox.ground import Place, setup_failed

DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "pts")
MAX_RULES = 4096


class Orders(Struct, frozen=True, kw_only=True):
    """The document: the command with its environment, and everything that holds for it."""

    argv: tuple[str, ...]
    environ: Mapping[str, str]
    read: tuple[str, ...]
    write: tuple[str, ...]
    devices: tuple[str, ...]
    seccomp: bytes
    ready: str
    network: bool


class Stage(Struct, frozen=True, kw_only=True):
    """What a cage brings besides the places: the temporary folder, the filter, the file that says it is complete."""

    tmp: str
    seccomp: bytes
    ready: str
    network: bool


def orders(argv: Sequence[str], environ: Mapping[str, str], places: Sequence[Place], stage: Stage) -> bytes:
    """The document for one command."""
    hidden = [place.path for place in places if place.access == "hide"]
    written = [place.path for place in places if place.access == "write"]
    for path in hidden:
        if any(within(path, root) for root in written):
            raise setup_failed(
                f"The reduced sandbox cannot hide {plain(path)}, which is in a folder that may be written."
            )
    read = [way for place in places if place.access == "read" for way in _readable(place.path, hidden)]
    given = msgspec.structs.asdict(
        Orders(
            argv=tuple(argv),
            environ=dict(environ),
            read=(*around(hidden), *read, *written),
            write=(*written, stage.tmp),
            devices=tuple(f"/dev/{name}" for name in DEVICES),
            seccomp=stage.seccomp,
            ready=stage.ready,
            network=stage.network,
        )
    )
    return marshal.dumps(given)  # what costs the spawner least to read; it comes from here alone


def _readable(path: str, hidden: Sequence[str]) -> list[str]:
    inside = [place for place in hidden if within(place, path)]
    return around(inside, path) if inside else [path]


def around(hidden: Iterable[str], top: str = "/") -> list[str]:
    """All that is below `top` but the hidden places and /dev: folders that lead to none of them whole, the others entry by
    entry. Names directly in such a folder are readable only when they are there now."""
    apart = (*hidden, "/dev")
    found: list[str] = []
    waiting = [top]
    while waiting and len(found) < MAX_RULES:
        folder = waiting.pop()
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            if os.path.islink(path) or any(within(path, place) for place in apart):
                continue
            (waiting if any(within(place, path) for place in apart) else found).append(path)
    return found
