"""Takes a folder or an archive (tar, zip) apart into an empty folder: regular files and folders, nothing else.

Links, devices, names that lead out and whatever is too much are refused before anything of the package counts; the caller
throws the folder away then. Nothing of the package is run, and no mode but "may be executed" is taken over.
"""

import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from typing import IO

from codewhale.domain.errors import InvalidInput

MOST_BYTES = 5 * 1024 * 1024
MOST_FILES = 1000
MOST_DEPTH = 16
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Entry = tuple[str, bool, IO[bytes]]
"""The path within the package, whether it may be executed, and the content."""


def unpack(source: str, into: str) -> None:
    """Put the package's files beneath `into`. `InvalidInput` says what of it is refused."""
    left, count = MOST_BYTES, 0
    try:
        for name, executable, content in _entries(source):
            count += 1
            if count > MOST_FILES:
                raise InvalidInput(f"{source} has more than {MOST_FILES} files")
            left -= _put(os.path.join(into, _checked(source, name)), executable, content, left, source)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"{source} cannot be unpacked: {error}") from error
    except OSError as error:
        raise InvalidInput(f"{source} cannot be unpacked: {error.strerror or error}") from error


def _entries(source: str) -> Iterator[Entry]:
    if os.path.isdir(source):
        yield from _of_folder(source, source, 0)
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            yield from _of_zip(source, archive)
    else:
        with tarfile.open(source, "r:*") as archive:
            yield from _of_tar(source, archive)


def _of_folder(top: str, folder: str, depth: int) -> Iterator[Entry]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = os.path.relpath(entry.path, top)
        if entry.is_symlink():
            raise InvalidInput(f"{name} in {top} is a link")
        if entry.is_dir(follow_symlinks=False):
            if entry.name != ".git" and depth < MOST_DEPTH:
                yield from _of_folder(top, entry.path, depth + 1)
            continue
        with os.fdopen(os.open(entry.path, _READ), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidInput(f"{name} in {top} is no file")
            yield name, bool(status.st_mode & 0o111), file


def _of_zip(source: str, archive: zipfile.ZipFile) -> Iterator[Entry]:
    for member in archive.infolist():
        mode = member.external_attr >> 16
        if mode and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode) and stat.S_IFMT(mode):
            raise InvalidInput(f"{member.filename} in {source} is a link or no file")
        if member.is_dir():
            _checked(source, member.filename.rstrip("/"))
            continue
        with archive.open(member) as content:
            yield member.filename, bool(mode & 0o111), content


def _of_tar(source: str, archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive:
        if member.isdir():
            _checked(source, member.name)
            continue
        content = archive.extractfile(member) if member.isreg() else None
        if content is None:
            raise InvalidInput(f"{member.name} in {source} is a link or no file")
        with content:
            yield member.name, bool(member.mode & 0o111), content


def _checked(source: str, name: str) -> str:
    """The name, relative and without detours."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    leads_out = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or ":" in name
    if leads_out or len(parts) > MOST_DEPTH or not name.isprintable():
        raise InvalidInput(f"{name!r} in {source} leads out of it, or is no name to use")
    return os.path.join(*parts) if parts else "."


def _put(path: str, executable: bool, content: IO[bytes], left: int, source: str) -> int:
    read = content.read(left + 1)
    if len(read) > left:
        raise InvalidInput(f"{source} has more than {MOST_BYTES:,} bytes")
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o755 if executable else 0o644), "wb") as file:
        file.write(read)
    return len(read)
