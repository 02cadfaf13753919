"""What `remember` keeps, without secrets, in the memory file of the project or of everything."""

import asyncio

from codewhale.domain.context import ContextPart
from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import Origin
from codewhale.engine.recorder import TurnRecorder
from codewhale.runtime.memory import keep, project_file, remembered
from codewhale.runtime.runtime import Runtime
from codewhale.tools.remember import Remember
from codewhale.workspace.plain import plain


async def remember(wish: Remember, origin: Origin, runtime: Runtime) -> str:
    """Keep it; the file's path."""
    around = runtime.outside.surroundings
    places = around.memory if around is not None else None
    if places is None:
        raise ToolError("Memory is switched off.", category="not_available")
    recorder = runtime.recorder(origin.thread_id)
    assert recorder is not None
    path = places.everywhere
    if wish.scope == "project":
        path = await asyncio.to_thread(project_file, places, origin.workspace)
    note = recorder.ports.redactor.text(plain(wish.note))
    before = await asyncio.to_thread(remembered, places, origin.workspace)
    await asyncio.to_thread(keep, path, note, wish.replaces, recorder.ports.clock.now())
    after = await asyncio.to_thread(remembered, places, origin.workspace)
    conversation = runtime.resident(origin.thread_id).conversation
    if conversation is not None:
        conversation.header.learned(recorder, _part(recorder, before), _part(recorder, after))
    return path


def _part(recorder: TurnRecorder, text: str) -> ContextPart:
    return ContextPart(name="memory", text=recorder.ports.redactor.text(text))


ANSWERS = {Remember: remember}
