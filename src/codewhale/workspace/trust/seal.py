"""What a surface is at this moment, as one digest: its content, the links on the way to it, and the programs that it names.

Any change of a byte, a file added to a folder, a link put in place of a file or another program behind a name gives another
digest. What cannot be read whole within the bounds has none, and can never be trusted.
"""

import hashlib
import os
import stat
import tomllib
from collections.abc import Iterator, Mapping
from typing import cast

import msgspec
from msgspec import Struct

from codewhale.workspace.trust.surfaces import Surface

MAX_BYTES = 16 * 1024 * 1024
MAX_FILES = 1000
MAX_PROGRAM = 512 * 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
MOST_WORDS = 64
_SHELL = frozenset("|&;<>()`\"'\n")


class Program(Struct, frozen=True, kw_only=True):
    """A program that a surface names: the words of the command, the file behind the first one, and the digests of that file
    and of every other file among the words (a script that an interpreter is given), by path; None for what is not readable."""

    command: str
    file: str | None
    digests: dict[str, str | None] = {}


class Sealed(Struct, frozen=True, kw_only=True):
    """A surface with what it is now. `content` is the sha256 of a file's own bytes, `runs` what
    would be run, for people, `leads_to` where a link leads."""

    surface: Surface
    digest: str | None
    content: str | None = None
    runs: tuple[Program, ...] = ()
    leads_to: str | None = None
    problem: str | None = None


class Unreadable(Exception):
    """The surface cannot be read whole: too large, special, or in motion."""


def sealed(workspace: str, surface: Surface, search: str | None) -> Sealed:
    """The surface as it is. `search` is the PATH on which programs are looked up."""
    path = os.path.join(workspace, surface.path)
    real = os.path.realpath(path)
    straight = os.path.join(os.path.realpath(workspace), surface.path)
    leads_to = real if real != straight else None
    try:
        content = _content(real)
        runs = _programs(surface, real, workspace, search)
    except Unreadable as why:
        return Sealed(surface=surface, digest=None, leads_to=leads_to, problem=str(why))
    except OSError as error:
        return Sealed(surface=surface, digest=None, leads_to=leads_to, problem=error.strerror or "it cannot be read")
    named = [(program.command, program.file, sorted(program.digests.items())) for program in runs]
    whole = msgspec.json.encode([surface.kind, surface.path, leads_to, content, named])
    return Sealed(
        surface=surface,
        digest=hashlib.sha256(whole).hexdigest(),
        content=content if isinstance(content, str) else None,
        runs=runs,
        leads_to=leads_to,
    )


def _content(real: str) -> object:
    if not os.path.isdir(real):
        return _file(real, MAX_BYTES)
    rows: list[tuple[str, str]] = []
    left = MAX_BYTES
    for path, name in _walk(real, real):
        if len(rows) >= MAX_FILES:
            raise Unreadable(f"it has more than {MAX_FILES} files")
        if os.path.islink(path):
            raise Unreadable(f"{name} in it is a link")
        left -= os.lstat(path).st_size
        if left < 0:
            raise Unreadable(f"it has more than {MAX_BYTES} bytes")
        mode = "x" if os.lstat(path).st_mode & 0o111 else "-"
        rows.append((f"{mode}{name}", _file(path, MAX_BYTES)))
    return rows


def _walk(folder: str, top: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    if depth > 16:
        raise Unreadable("it is too deep")
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(entry.path, top, depth + 1)
            else:
                yield entry.path, os.path.relpath(entry.path, top)


def _file(path: str, limit: int) -> str:
    fd = os.open(path, _READ)
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Unreadable("it is no file")
        if found.st_size > limit:
            raise Unreadable(f"it has more than {limit} bytes")
        digest = hashlib.sha256()
        read = 0
        while piece := file.read(1024 * 1024):
            read += len(piece)
            if read > limit:
                raise Unreadable(f"it has more than {limit} bytes")
            digest.update(piece)
        return digest.hexdigest()


def _programs(surface: Surface, real: str, workspace: str, search: str | None) -> tuple[Program, ...]:
    """Only hooks and MCP servers name programs. What cannot be understood names none: its content is in
    the digest all the same."""
    if surface.kind not in ("hooks", "mcp") or not os.path.isfile(real):
        return ()
    with open(real, "rb") as file:
        raw = file.read(MAX_BYTES)
    try:
        value: object = msgspec.json.decode(raw) if real.endswith(".json") else tomllib.loads(raw.decode())
    except (msgspec.DecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(_program(words, workspace, search) for words in _commands(value))


def _commands(value: object) -> Iterator[list[str]]:
    """Every `command` in the file, with the `args` beside it, in order."""
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        command, args = table.get("command"), table.get("args")
        if isinstance(command, str) and command:
            yield [command, *(str(arg) for arg in cast("list[object]", args))] if isinstance(args, list) else [command]
        elif isinstance(command, list) and command:
            yield [str(word) for word in cast("list[object]", command)]
        for inner in table.values():
            yield from _commands(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _commands(inner)


def _program(words: list[str], workspace: str, search: str | None) -> Program:
    each = [part for word in words for part in _words(word)][:MOST_WORDS]
    file = _found(each[0], workspace, search) if each else None
    named = [os.path.join(workspace, os.path.expanduser(word)) for word in each[1:] if "\0" not in word]
    files = [*([file] if file else []), *(path for path in named if os.path.isfile(path))]
    return Program(command=" ".join(words), file=file, digests={path: _digest(path) for path in files})


def _words(text: str) -> list[str]:
    """The words of a command, without its quotes and operators; what cannot be split is split at blanks."""
    return "".join(c if c not in _SHELL else " " for c in text).split()


def _digest(path: str) -> str | None:
    try:
        return _file(os.path.realpath(path), MAX_PROGRAM)
    except (OSError, Unreadable):
        return None


def _found(name: str, workspace: str, search: str | None) -> str | None:
    if "\0" in name:
        return None
    places = [workspace] if os.sep in name else (search or os.defpath).split(os.pathsep)
    for place in places:
        path = os.path.realpath(os.path.join(workspace, place, os.path.expanduser(name)))
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    return None
