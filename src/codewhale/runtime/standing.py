"""What holds for all turns of a runtime besides their threads' settings: the sandbox that was proved, and the rules.

The rules are asked for at every decision, so that one that was just written holds for the turn under way.
"""

import os
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from codewhale.domain.confinement import Surface, Tier, policy_of
from codewhale.policy.posture import Posture
from codewhale.runtime.rulebook import Rulebook


class Standing(Struct, frozen=True, kw_only=True):
    """`tier` tells the sandbox that was proved here, `surface` is what the settings ask for, `unconfined` the word of whoever
    started us that programs may run by themselves without a sandbox."""

    tier: Callable[[], Tier] = lambda: "none"
    surface: Surface = Surface()
    unconfined: bool = False
    book: Rulebook | None = None

    def applied(self, posture: Posture, workspace: str) -> Posture:
        """The posture in this runtime, with the rules of this moment."""
        cage = policy_of(posture.mode, self.surface.policy)
        tier: Tier = "external" if cage == "external-sandbox" else self.tier()
        posture = replace(
            posture,
            tier=tier,
            guards_history=tier != "landlock",
            cage=cage,
            unconfined=self.unconfined,
        )
        if self.book is None:
            return posture
        return self.book.applied(posture, workspace)

    def ignored(self, thread_id: str, workspace: str) -> str | None:
        """What the project in `workspace` tries to set and may not, in words, once for a thread."""
        problems = self.book.untold(thread_id, workspace) if self.book is not None else ()
        if not problems:
            return None
        keys = ", ".join(f"{os.path.basename(problem.path)}: {problem.key}" for problem in problems)
        return f"This project may only tighten permissions; ignored: {keys}."
