"""The garbage collector around the start of a process: hardly at work while modules load, then as Python sets it.

Imports make tens of thousands of objects that live as long as the process, and going through them again and again is a
fifth of a short run. Invariant: whoever works for long calls `settle` first; until then memory is bounded by `STARTING`.
"""

import gc

STARTING = 100_000
"""New objects between two collections until `settle`."""

_USUAL = gc.get_threshold()


def begin() -> None:
    """Modules are about to be loaded."""
    gc.set_threshold(STARTING)


def settle() -> None:
    """What was loaded stays: it is not looked at again, and the collector works as usual. Without `begin` nothing is
    changed."""
    if gc.get_threshold()[0] == STARTING:
        gc.freeze()
        gc.set_threshold(*_USUAL)
