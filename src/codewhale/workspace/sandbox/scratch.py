"""The temporary folder that confined programs share: made when first needed, theirs alone, gone with its owner.

What a crashed owner left is removed by the next one. Nothing in it is trusted: the parts that steer a cage lie beside the
programs' part, not in it.
"""

import os
import shutil
import tempfile
from contextlib import suppress

PREFIX = "codewhale-run-"


class Scratch:
    """One folder of mode 0700 with `tmp`, which programs see as their /tmp."""

    def __init__(self, within: str | None = None) -> None:
        self._within = within
        self._folder: str | None = None
        self._pid = 0

    @property
    def folder(self) -> str:
        """The folder, made when this is first asked for."""
        if self._folder is None or self._pid != os.getpid():
            above = self._within or tempfile.gettempdir()
            _sweep(above)
            self._pid = os.getpid()
            self._folder = os.path.realpath(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=above))
            os.mkdir(os.path.join(self._folder, "tmp"), 0o700)
            os.close(os.open(os.path.join(self._folder, "empty"), os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o400))
        return self._folder

    @property
    def tmp(self) -> str:
        """What programs use for temporary files."""
        return os.path.join(self.folder, "tmp")

    @property
    def empty(self) -> str:
        """A file with nothing in it, to be shown in place of a hidden one."""
        return os.path.join(self.folder, "empty")

    def ready_file(self) -> str:
        """A new file that a cage empties when it is complete, just before it becomes the program."""
        fd, path = tempfile.mkstemp(prefix="ready-", dir=self.folder)
        os.write(fd, b"pending")
        os.close(fd)
        return path

    def close(self) -> None:
        """Remove it all."""
        if self._folder is not None and self._pid == os.getpid():
            _remove(self._folder)
        self._folder = None


def became_ready(path: str) -> bool:
    """Whether the cage was complete; the file goes."""
    try:
        ready = os.stat(path).st_size == 0
    except OSError:
        return False
    with suppress(OSError):
        os.unlink(path)
    return ready


def _sweep(above: str) -> None:
    """Remove what owners that are gone left."""
    with suppress(OSError), os.scandir(above) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                owner = entry.name.removeprefix(PREFIX).partition("-")[0]
                if owner.isdigit() and not _lives(int(owner)):
                    _remove(entry.path)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _remove(folder: str) -> None:
    """Remove a folder of ours, also what programs made without permission bits in it. Nothing outside of it is changed,
    whoever else removes it meanwhile."""

    def unlock(_call: object, path: str, _error: object) -> None:
        if path == folder:
            return
        with suppress(OSError):
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700, follow_symlinks=True) if os.path.isdir(path) and not os.path.islink(path) else None
            shutil.rmtree(path, ignore_errors=True) if os.path.isdir(path) else os.unlink(path)

    shutil.rmtree(folder, onerror=unlock)
    shutil.rmtree(folder, ignore_errors=True)  # with what could be unlocked
