"""What keeps a conversation within its model's window: the limits, and how people learn how full it is. Cheap: every step looks
here, few do more.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from codewhale.context.estimate import Limits
from codewhale.domain.records import CoherenceState
from codewhale.engine.pins import Wanted

if TYPE_CHECKING:
    from codewhale.context.state import Around


class Keeping(Struct, frozen=True, kw_only=True):
    """For one turn. `around` gives what the log says of the work beside its items; `wanted` is the header as it would be
    composed after a compaction; `coherence` records the state and its reason, when it is another than before."""

    limits: Limits
    wanted: Wanted
    around: "Callable[[], Around]"
    coherence: Callable[[CoherenceState, str], None]

    def ample(self, tokens: int) -> bool:
        """Whether a request of so many tokens leaves nothing to do."""
        limits = self.limits
        return tokens <= limits.input and not (limits.automatic and tokens >= limits.trigger)

    def say(self, tokens: int) -> None:
        """Tell people when it gets narrow, and when it no longer is."""
        limits = self.limits
        crowded = tokens >= (limits.crowded if limits.automatic else limits.trigger)
        share = f"About {tokens * 100 // limits.window} % of the window of {limits.window:,} tokens are in use."
        self.coherence("getting_crowded" if crowded else "healthy", share)
