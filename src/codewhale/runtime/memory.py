"""The memory files: one for everywhere, and one for each project, shared by the worktrees of a repository.

Plain Markdown that people read and edit; an entry is a line `- (YYYY-MM-DD HH:MM UTC) text`. A file never grows beyond its
limit and is replaced whole or appended to, never half written.
"""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager

from msgspec import Struct

from codewhale.config.settings import Settings
from codewhale.context.memory import memory_part
from codewhale.domain.errors import StoreUnwritable, ToolError
from codewhale.runtime.surroundings import MemoryPlaces
from codewhale.workspace.identity import project_key
from codewhale.workspace.whole_file import put_whole

MOST_BYTES = 100 * 1024


class Kept(Struct, frozen=True, kw_only=True):
    """The memory that threads in a workspace have, and where it is."""

    enabled: bool
    project_file: str
    project: str
    everywhere_file: str
    everywhere: str


def kept(settings: Settings) -> Kept:
    """What is remembered for the workspace of the settings."""
    places = MemoryPlaces(everywhere=settings.memory_file, projects=settings.memory_dir)
    own = project_file(places, settings.workspace)
    return Kept(
        enabled=settings.memory,
        project_file=own,
        project=read(own),
        everywhere_file=places.everywhere,
        everywhere=read(places.everywhere),
    )


def remembered(places: MemoryPlaces, workspace: str) -> str:
    """The part of a thread's header."""
    return memory_part(read(project_file(places, workspace)), read(places.everywhere))


def project_file(places: MemoryPlaces, workspace: str) -> str:
    """The file of the project that the workspace belongs to."""
    return os.path.join(places.projects, "workspace", project_key(workspace), "MEMORY.md")


def read(path: str) -> str:
    """The newest part of a memory file; nothing where there is none that can be read."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(size - MOST_BYTES, 0))
            return file.read(MOST_BYTES).decode(errors="replace")
    except OSError:
        return ""


def keep(path: str, note: str, replaces: str, moment: str) -> None:
    """Add the note, dated, or put it in the place of the one entry that has the words `replaces`; without a note that entry
    goes. `ToolError` when there is no such entry, or more than one, or no room."""
    entry = f"- ({moment[:10]} {moment[11:16]} UTC) {' '.join(note.split())}\n" if note.strip() else ""
    try:
        with _alone(path):
            before = read_whole(path)
            put_whole(os.path.realpath(path), _changed(before, entry, replaces, path).encode())
    except StoreUnwritable as error:
        raise ToolError(f"{error.message}; nothing was remembered") from error
    except OSError as error:
        raise ToolError(f"{path} cannot be written ({error.strerror}); nothing was remembered.") from error


def read_whole(path: str) -> str:
    """All of a memory file; `ToolError` when it is too large to be one."""
    try:
        with open(path, "rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return ""
    if len(content) > MOST_BYTES:
        raise ToolError(f"{path} is full ({MOST_BYTES:,} bytes). The person has to tidy it up.")
    return content.decode(errors="replace")


def _changed(before: str, entry: str, replaces: str, path: str) -> str:
    lines = before.splitlines(keepends=True)
    words = " ".join(replaces.split())
    if words:
        found = [at for at, line in enumerate(lines) if words in " ".join(line.split())]
        if len(found) != 1:
            problem = "no entry has" if not found else f"{len(found)} entries have"
            raise ToolError(
                f"{problem} the words {words[:80]!r} in {path}; nothing was changed.", category="invalid_input"
            )
        lines[found[0]] = ""
    if lines and not lines[-1].endswith("\n") and lines[-1]:
        lines[-1] += "\n"
    after = "".join(lines) + entry
    if len(after.encode()) > MOST_BYTES:
        raise ToolError(
            f"{path} is full ({MOST_BYTES:,} bytes); nothing was remembered. Forget something with `replaces`."
        )
    return after


@contextmanager
def _alone(path: str) -> Generator[None]:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    fd = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
