"""Writing a person's file: whole or not at all, with the mode that it had, one writer at a time."""

import os
import stat
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress

from codewhale.domain.errors import ConfigError


@contextmanager
def alone(path: str) -> Generator[None]:
    """While this is held, no other codewhale changes the file at `path`. Makes its folder, readable by the owner alone."""
    import fcntl  # noqa: PLC0415 - the one place that needs it; not on every system

    folder = os.path.dirname(os.path.realpath(path))
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def replace_file(path: str, content: bytes, *, mode: int | None = None) -> None:
    """Put `content` in the place of the file, through a link where it is one. `mode` None keeps the mode that it has; a new
    file is readable by its owner alone."""
    real = os.path.realpath(path)
    folder = os.path.dirname(real)
    try:
        fd, name = tempfile.mkstemp(dir=folder, prefix=f".{os.path.basename(real)}-")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            _like(real, fd, mode)
            os.fsync(fd)
        os.replace(name, real)
        _settle(folder)
    except OSError as error:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise _unwritable(path, error) from error


def _like(real: str, fd: int, mode: int | None) -> None:
    try:
        before = os.stat(real)
    except FileNotFoundError:
        os.fchmod(fd, 0o600 if mode is None else mode)
        return
    with suppress(PermissionError):  # a file that is not ours stays readable to whom it was by its mode
        os.fchown(fd, before.st_uid, before.st_gid)
    os.fchmod(fd, stat.S_IMODE(before.st_mode) if mode is None else mode)


def _settle(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _unwritable(path: str, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be written: {error.strerror}", hint="make its folder writable")
