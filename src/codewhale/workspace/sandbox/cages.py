"""The sandbox of a process: proves its tier once, at the first command that needs one, and puts commands into it.

A tier is never lowered: where the proved one fails later, the command does not run.
"""

import os
import threading
from collections.abc import Sequence

from codewhale.domain.confinement import Confinement
from codewhale.workspace.sandbox.bubblewrap import BINARIES
from codewhale.workspace.sandbox.cage import Entered, Wanted, enter
from codewhale.workspace.sandbox.ground import setup_failed
from codewhale.workspace.sandbox.scratch import Scratch
from codewhale.workspace.sandbox.tiers import Means, Offered, Proof, Runner, Victim, prove, tiers_here

_PROVED: dict[tuple[object, ...], Proof] = {}
_PROVING = threading.Lock()


class Cages:
    """Owns the temporary folder of confined programs; `close` removes it."""

    def __init__(
        self, run: Runner, victim: Victim, binaries: Sequence[str] = BINARIES, tiers: Sequence[Offered] | None = None
    ) -> None:
        """`run` and `victim` start programs; `binaries` are where bubblewrap may be; `tiers` None: all that there can be."""
        given = tiers_here() if tiers is None else tuple(tiers)
        self.means = Means(run=run, victim=victim, binaries=tuple(binaries), tiers=given)
        self.scratch = Scratch()

    @property
    def proved(self) -> bool:
        """Whether the tier is known, so that `proof` costs nothing."""
        return self._key in _PROVED

    def proof(self) -> Proof:
        """The tier, tried out by whoever asks first in this process. Blocks."""
        with _PROVING:
            found = _PROVED.get(self._key)
            if found is None:
                found = _PROVED[self._key] = prove(self.means, self.scratch)
            return found

    def enter(self, held: Confinement, wanted: Wanted) -> Entered:
        """The command in its cage; `sandbox_setup_failed` when there is none or it cannot be set up."""
        found = self.proof()
        if found.tier == "none":
            reasons = "; ".join(f"{missing.tier}: {missing.reason}" for missing in found.missing)
            raise setup_failed(
                f"Nothing on this machine confines programs ({reasons or 'no tier for this system'}). Install bubblewrap, "
                'or let the person set sandbox_mode = "danger-full-access" (or "external-sandbox" inside a container).'
            )
        return enter(found.tier, held, wanted, self.scratch, found.binary)

    def close(self) -> None:
        """Remove what programs left in their temporary folder."""
        self.scratch.close()

    @property
    def _key(self) -> tuple[object, ...]:
        return (self.means.binaries, self.means.tiers, os.geteuid())
