"""Reading foreign files: bounded, regular files only, with every failure as one `Unreadable` that says why."""

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO, TypeVar

import msgspec
from msgspec import Struct

from codewhale.domain.text import is_whole

T = TypeVar("T")

MAX_FILE = 256 * 1024 * 1024
MAX_LINE = 32 * 1024 * 1024


class Unreadable(Exception):
    """Why something cannot be taken, in words."""


class _Versioned(Struct, frozen=True):
    schema_version: int | None = None


def names(directory: str, suffix: str) -> list[str]:
    """The names in a directory that end so, sorted; none when there is no such directory."""
    try:
        return sorted(name for name in os.listdir(directory) if name.endswith(suffix) and is_whole(name))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Unreadable(f"cannot be listed: {error.strerror}") from error


def content(path: str) -> bytes:
    """The bytes of a regular file."""
    with _opened(path) as file:
        if os.fstat(file.fileno()).st_size > MAX_FILE:
            raise Unreadable(f"is larger than {MAX_FILE} bytes")
        try:
            return file.read(MAX_FILE)
        except OSError as error:
            raise Unreadable(f"cannot be read: {error.strerror}") from error


def record(path: str, kind: type[T], *, word: str, supported: int) -> T:
    """The JSON record in a file. A version above `supported` is refused before its shape is looked at."""
    raw = content(path)
    if not raw.strip():
        raise Unreadable("is empty")
    try:
        version = msgspec.json.decode(raw, type=_Versioned).schema_version
        if version is not None and version > supported:
            raise Unreadable(f"{word} schema v{version} is newer than supported v{supported}")
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise Unreadable(f"has another shape than a {word.lower()}: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(f"is not valid JSON: {error}") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error


def expect(found: str, wanted: str, what: str) -> None:
    """A file holds what its name says: an id in it that is another one means that files were mixed up."""
    if found != wanted:
        raise Unreadable(f"holds the {what} {found[:80]!r}")


def lines(path: str) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file, each with whether it was ended. One longer than `MAX_LINE` comes in unended pieces."""
    with _opened(path) as file:
        while line := file.readline(MAX_LINE):
            yield line, line.endswith(b"\n")


def moment(text: str) -> str:
    """A time of any precision and zone as our records have it; one without a zone is UTC."""
    try:
        parsed = datetime.fromisoformat(text)
        parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(f"has a time that is none: {text[:40]!r}") from error
    return parsed.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def maybe(text: str | None) -> str | None:
    """`moment`, or None for None."""
    return None if text is None else moment(text)


def _opened(path: str) -> BinaryIO:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Unreadable("is missing") from error
    except OSError as error:
        raise Unreadable(f"cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Unreadable("is not a regular file")
    return os.fdopen(descriptor, "rb")
