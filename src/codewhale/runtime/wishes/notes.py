"""Notes of the model, appended to the person's notes file after a `---` line. The file is never larger than a megabyte."""

import asyncio
import os

from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import Origin
from codewhale.runtime.runtime import Runtime
from codewhale.tools.note import AddNote
from codewhale.workspace.plain import plain

MOST_BYTES = 1024 * 1024


async def add(wish: AddNote, origin: Origin, runtime: Runtime) -> str:
    """Append it; the file's path."""
    del origin
    around = runtime.outside.surroundings
    if around is None:
        raise ToolError("There is no notes file here.", category="not_available")
    path = around.notes
    await asyncio.to_thread(append, path, plain(wish.content).strip())
    return path


def append(path: str, content: str) -> None:
    """Append to the file, which is made where it is missing, for nobody else to read."""
    entry = f"\n---\n{content}\n".encode()
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(fd).st_size + len(entry) > MOST_BYTES:
                raise ToolError(
                    f"{path} is full ({MOST_BYTES:,} bytes); nothing was noted. The person has to tidy it up."
                )
            os.write(fd, entry)
        finally:
            os.close(fd)
    except OSError as error:
        raise ToolError(f"{path} cannot be written ({error.strerror}); nothing was noted.") from error


ANSWERS = {AddNote: add}
