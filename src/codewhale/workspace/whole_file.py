"""A small file of the person's own, replaced at once or not at all, readable by its owner alone."""

import os
from contextlib import suppress

from codewhale.domain.errors import StoreUnwritable


def put_whole(path: str, content: bytes) -> None:
    """Put `content` in the place of `path`, durably; folders are made as needed. `StoreUnwritable` when the disk refuses."""
    folder = os.path.dirname(path)
    beside = f"{path}.{os.getpid()}.new"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(fd)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(beside)
        raise StoreUnwritable(
            f"could not write {path}: {error.strerror or error}", hint="free some space, or make the folder writable"
        ) from error
