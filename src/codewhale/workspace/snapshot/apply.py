"""Puts files back beneath the root: by descriptors, one folder at a time, never through a link, each file whole or not at
all. What is no longer as it was planned for is left alone and said.
"""

import os
import stat
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from hashlib import sha1

from msgspec import Struct, field

from codewhale.workspace.beneath import DIRECTORY
from codewhale.workspace.snapshot.plan import Plan
from codewhale.workspace.snapshot.records import State
from codewhale.workspace.snapshot.scan import TEMPORARY

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1024 * 1024


class Outcome(Struct, kw_only=True):
    """What was done, by path; `failed` with the reason."""

    written: list[str] = field(default_factory=list[str])
    removed: list[str] = field(default_factory=list[str])
    failed: dict[str, str] = field(default_factory=dict[str, str])


class Changed(Exception):
    """A file is not what the plan was made for."""


def apply(root: str, plan: Plan, contents: Mapping[str, str], stop: Callable[[], bool] = lambda: False) -> Outcome:
    """Carry out the plan's steps. `contents` has, for each content's name, a file of our own that holds it."""
    outcome = Outcome()
    removals = sorted((path for path, (_, target) in plan.steps.items() if target is None), reverse=True)
    writes = sorted(path for path, (_, target) in plan.steps.items() if target is not None)
    for path in removals:
        if not stop():
            _attempt(outcome, outcome.removed, path, lambda path=path: _remove(root, path, plan.steps[path][0]))
    for path in plan.leave:
        _leave(root, path)
    for path in writes:
        if not stop():
            _attempt(outcome, outcome.written, path, lambda path=path: _write(root, path, plan, contents))
    for path in plan.folders:
        with suppress(OSError, Changed):  # in its place is something else by now, which stays
            os.close(_folder(root, path, make=True))
    if stop():
        done = {*outcome.removed, *outcome.written, *outcome.failed}
        outcome.failed.update({path: "not reached: interrupted" for path in plan.steps if path not in done})
    return outcome


def sweep(root: str, leftovers: Iterable[str]) -> None:
    """Remove files of ours that a restore which was cut off never put in place."""
    for path in leftovers:
        folder, _, name = path.rpartition("/")
        with suppress(OSError):  # gone, or not ours to remove
            fd = _folder(root, folder, make=False)
            try:
                os.unlink(name, dir_fd=fd)
            finally:
                os.close(fd)


def _attempt(outcome: Outcome, done: list[str], path: str, act: Callable[[], None]) -> None:
    try:
        act()
    except Changed as error:
        outcome.failed[path] = str(error)
    except OSError as error:
        outcome.failed[path] = error.strerror or str(error)
    else:
        done.append(path)


def _folder(root: str, path: str, *, make: bool) -> int:
    """A descriptor of the folder `path`, one step at a time from the root; a link on the way is an `OSError`."""
    fd = os.open(root, DIRECTORY)
    try:
        for name in path.split("/") if path else ():
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=fd)
            inner = os.open(name, DIRECTORY, dir_fd=fd)
            os.close(fd)
            fd = inner
    except BaseException:
        os.close(fd)
        raise
    return fd


def _remove(root: str, path: str, now: State | None) -> None:
    folder, _, name = path.rpartition("/")
    fd = _folder(root, folder, make=False)
    try:
        _check(fd, name, now)
        os.unlink(name, dir_fd=fd)
    finally:
        os.close(fd)
    while folder:
        if not _leave(root, folder):
            return
        folder = folder.rpartition("/")[0]


def _leave(root: str, folder: str) -> bool:
    """Remove a folder if it is empty."""
    above, _, name = folder.rpartition("/")
    try:
        fd = _folder(root, above, make=False)
    except OSError:
        return False
    try:
        os.rmdir(name, dir_fd=fd)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _write(root: str, path: str, plan: Plan, contents: Mapping[str, str]) -> None:
    now, target = plan.steps[path]
    assert target is not None
    folder, _, name = path.rpartition("/")
    fd = _folder(root, folder, make=True)
    try:
        _check(fd, name, now)
        if now is not None and (now.mode == "120000") == (target.mode == "120000") and now.oid == target.oid:
            _permit(fd, name, target)
        else:
            _replace(fd, name, target, contents[target.oid])
    finally:
        os.close(fd)


def _permit(fd: int, name: str, target: State) -> None:
    if target.permissions is None:
        return
    file = os.open(name, _READ, dir_fd=fd)
    try:
        os.fchmod(file, target.permissions)
    finally:
        os.close(file)


def _replace(fd: int, name: str, target: State, source: str) -> None:
    temporary = f"{TEMPORARY}{os.urandom(6).hex()}"
    try:
        if target.permissions is None:
            with open(source, "rb") as file:
                os.symlink(file.read(), os.fsencode(temporary), dir_fd=fd)
        else:
            _copy(source, os.open(temporary, _CREATE, 0o600, dir_fd=fd), target.permissions)
        os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=fd)
        raise


def _copy(source: str, out: int, permissions: int) -> None:
    with open(source, "rb") as file, os.fdopen(out, "wb") as copy:
        while chunk := file.read(_CHUNK):
            copy.write(chunk)
        copy.flush()
        os.fchmod(copy.fileno(), permissions)


def _check(fd: int, name: str, expected: State | None) -> None:
    """Raise `Changed` unless the entry is what the plan was made for."""
    try:
        here = os.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        if expected is None:
            return
        raise Changed("somebody removed it meanwhile") from None
    if stat.S_ISDIR(here.st_mode):
        raise Changed("a folder is in its place now")
    if expected is None or _oid(fd, name, here) != expected.oid:
        raise Changed("somebody changed it meanwhile")


def _oid(fd: int, name: str, here: os.stat_result) -> str:
    """Git's name of the content that is there."""
    if stat.S_ISLNK(here.st_mode):
        content = os.fsencode(os.readlink(name, dir_fd=fd))
        return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    if not stat.S_ISREG(here.st_mode):
        return ""
    file = os.open(name, _READ, dir_fd=fd)
    try:
        found = sha1(b"blob %d\0" % os.fstat(file).st_size, usedforsecurity=False)
        while chunk := os.read(file, _CHUNK):
            found.update(chunk)
    finally:
        os.close(file)
    return found.hexdigest()
