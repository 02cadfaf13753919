"""How crowded a thread's context is, as an event and on the thread's record. Only changes are recorded."""

from collections.abc import Callable

from msgspec.structs import replace

from codewhale.domain.coherence import coherence
from codewhale.domain.records import CoherenceState
from codewhale.engine.recorder import TurnRecorder
from codewhale.runtime.residents import Resident


def coherence_of(resident: Resident, recorder: TurnRecorder) -> Callable[[CoherenceState, str], None]:
    """Records the thread's state, with the reason, when it is another than before."""

    def changed(state: CoherenceState, reason: str) -> None:
        if resident.thread.coherence_state == state:
            return
        now = recorder.ports.clock.now()
        resident.thread = replace(resident.thread, coherence_state=state, updated_at=now)
        recorder.append(coherence(resident.thread, reason))

    return changed
