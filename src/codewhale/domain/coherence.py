"""How crowded a thread's context is, in words."""

from codewhale.domain.events import CoherenceChanged
from codewhale.domain.records import CoherenceState, Thread

_COHERENCE: dict[CoherenceState, tuple[str, str]] = {
    "healthy": ("healthy", "There is room in the model's context."),
    "getting_crowded": ("getting crowded", "The model's context is nearly full."),
    "refreshing_context": ("refreshing context", "The conversation is being made smaller."),
    "verifying_recent_work": ("verifying recent work", "Recent work is being looked at again."),
    "resetting_plan": ("resetting plan", "The plan is being made anew."),
}


def coherence(thread: Thread, reason: str) -> CoherenceChanged:
    """The event of the state that the thread's record has now."""
    label, description = _COHERENCE[thread.coherence_state]
    return CoherenceChanged(
        state=thread.coherence_state, label=label, description=description, reason=reason, thread=thread
    )
