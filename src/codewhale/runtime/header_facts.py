"""Gathers what a thread's header says: the project's documents, the skills, what the turn's mode allows. Reads files and runs
nothing.
"""

from codewhale.context.documents import Documents, project_documents, rendered
from codewhale.context.parts import Facts, parts_of
from codewhale.domain.context import ContextPart
from codewhale.domain.records import Thread
from codewhale.engine.recorder import TurnRecorder
from codewhale.policy.decide import Posture
from codewhale.runtime.confining import in_words
from codewhale.runtime.outside import Outside

NOBODY = "Nobody can approve anything here: a call that would need an approval is denied."


def header_parts(
    recorder: TurnRecorder, thread: Thread, posture: Posture, outside: Outside
) -> tuple[tuple[ContextPart, ...], tuple[str, ...]]:
    """The parts as they would be composed now, without secrets, and what is to be said to people about them."""
    documents = documents_of(thread, outside)
    facts = Facts(
        thread=thread,
        mode=posture.mode,
        today=recorder.ports.clock.now()[:10],
        confined=in_words(posture.mode, outside.standing.surface),
        approvals=NOBODY if posture.never_ask else "",
        instructions=rendered(documents),
    )
    redacted = recorder.ports.redactor.text
    parts = tuple(ContextPart(name=part.name, text=redacted(part.text)) for part in parts_of(facts))
    return parts, documents.warnings


def documents_of(thread: Thread, outside: Outside) -> Documents:
    """The instructions for work in the thread's workspace."""
    around = outside.surroundings
    own = around.instructions_file if around is not None else None
    extra = around.instructions if around is not None else ()
    return project_documents(thread.workspace, own, extra)
