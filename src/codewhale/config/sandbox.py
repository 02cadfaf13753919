"""`[sandbox]` of a settings file: more places that programs may write or must not see, and whether they have the network."""

import os
from typing import Annotated

from msgspec import Meta, Struct

from codewhale.domain.confinement import Surface

Path = Annotated[str, Meta(min_length=1, max_length=4096)]


class SandboxKeys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sandbox]`: more folders that programs may write, more places that they must not see, and the network through the
    allow-list proxy. A key that is not known is an error: it may have been meant to hold something."""

    writable_roots: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    network: bool | None = None


def surface_of(keys: SandboxKeys, path: str) -> Surface | None:
    """What the keys in the file at `path` ask for, relative paths meant from its folder; None when they say nothing."""
    if keys == SandboxKeys():
        return None
    beside = os.path.dirname(path)

    def real(given: str) -> str:
        return os.path.realpath(os.path.join(beside, os.path.expanduser(given)))

    return Surface(
        writable=tuple(real(root) for root in keys.writable_roots),
        hidden=tuple(real(place) for place in keys.hidden),
        network="proxy" if keys.network else "off",
    )
