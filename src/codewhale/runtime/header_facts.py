"""Gathers what a thread's header says: the project's documents, the skills, what the turn's mode allows. Reads files and runs
nothing.
"""

import os

from codewhale.config.settings import PROJECT_FOLDER
from codewhale.context.parts import Facts, parts_of
from codewhale.context.places import may_have_documents
from codewhale.context.working_set import working_set
from codewhale.domain.context import ContextPart
from codewhale.domain.errors import ConfigError
from codewhale.domain.records import Thread
from codewhale.engine.recorder import TurnRecorder
from codewhale.policy.posture import Posture
from codewhale.runtime.confining import in_words
from codewhale.runtime.outside import Outside
from codewhale.runtime.surroundings import skill_places

NOBODY = "Nobody can approve anything here: a call that would need an approval is denied."


def header_parts(
    recorder: TurnRecorder, thread: Thread, posture: Posture, outside: Outside
) -> tuple[tuple[ContextPart, ...], tuple[str, ...]]:
    """The parts as they would be composed now, without secrets, and what is to be said to people about them."""
    instructions, warnings = _instructions(thread, outside)
    anchors, handoff = _beside(thread.workspace)
    skills, complaints = _skills(thread, outside)
    facts = Facts(
        thread=thread,
        mode=posture.mode,
        today=recorder.ports.clock.now()[:10],
        confined=in_words(posture.mode, outside.standing.surface),
        approvals=NOBODY if posture.never_ask else "",
        instructions=instructions,
        skills=skills,
        memory=_memory(thread, outside),
        anchors=anchors,
        handoff=handoff,
        working_set=working_set(thread.workspace),
    )
    redacted = recorder.ports.redactor.text
    parts = tuple(ContextPart(name=part.name, text=redacted(part.text)) for part in parts_of(facts))
    return parts, (*(f"Project instructions: {warning}" for warning in warnings), *complaints)


def _skills(thread: Thread, outside: Outside) -> tuple[str, tuple[str, ...]]:
    """What is said of skills, and to people when that could not be found out."""
    around = outside.surroundings
    if around is None or not any(map(os.path.isdir, skill_places(thread.workspace, around.skill_places))):
        return "", ()
    from codewhale.runtime.skills import offered  # noqa: PLC0415 - start-up: most threads have no skills

    try:
        return offered(around, thread.workspace), ()
    except ConfigError as error:
        return "", (f"Skills are left out: {error.message}",)


def _memory(thread: Thread, outside: Outside) -> str:
    around = outside.surroundings
    if around is None or around.memory is None:
        return ""
    from codewhale.runtime.memory import remembered  # noqa: PLC0415 - start-up: memory is off unless asked for

    return remembered(around.memory, thread.workspace)


def _instructions(thread: Thread, outside: Outside) -> tuple[str, tuple[str, ...]]:
    """The instructions for work in the thread's workspace, and what is to be said about what is missing."""
    around = outside.surroundings
    own = around.instructions_file if around is not None else None
    extra = around.instructions if around is not None else ()
    if not may_have_documents(thread.workspace, [*([own] if own else []), *extra]):
        return "", ()
    from codewhale.context.documents import project_documents, rendered  # noqa: PLC0415 - start-up: loaded where there are any

    documents = project_documents(thread.workspace, own, extra)
    return rendered(documents), documents.warnings


def _beside(workspace: str) -> tuple[str, str]:
    """The workspace's anchors, and what the session before left."""
    if not os.path.lexists(os.path.join(workspace, PROJECT_FOLDER)):
        return "", ""
    from codewhale.context.beside import anchors, handoff  # noqa: PLC0415 - start-up: loaded where there may be some

    return anchors(workspace), handoff(workspace)
