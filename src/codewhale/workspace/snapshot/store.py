"""Takes, lists and drops snapshots of one workspace. One call at a time, also across processes (a lock file).

What was last seen of every file is kept beside the repository, so that only files that have changed are read. A crash
anywhere leaves what was there before: refs move last, and the file of what was seen is replaced whole.
"""

import asyncio
import fcntl
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.blocking import blocking
from codewhale.workspace.snapshot.keep import oldest, superfluous
from codewhale.workspace.snapshot.records import (
    MAX_ODD,
    Change,
    Detail,
    Kept,
    Message,
    Note,
    Snapshot,
    State,
    decode,
    encode,
)
from codewhale.workspace.snapshot.scan import Limits, Scan, scan
from codewhale.workspace.snapshot.side import KEPT, Entry, Side

_PACKS = 48
_VERSION = 1


class Quota(Struct, frozen=True, kw_only=True):
    """How much is kept: snapshots, their age in seconds, bytes on disk, and the bytes left after making room."""

    count: int = 50
    age: float = 7 * 86_400.0
    size: int = 500 * 1024**2
    size_after: int = 400 * 1024**2


class Seen(Struct, frozen=True, kw_only=True):
    """A state of the workspace that is stored: its tree, what git does not keep of it, and every file's stamp."""

    tree: str
    detail: Detail
    files: dict[str, Kept]


class _Saved(Struct, frozen=True, kw_only=True):
    """`Seen` on disk: paths are bytes, for a name need not be text, and the detail is as in a commit."""

    tree: str
    detail: str
    files: dict[bytes, Kept]
    version: int = _VERSION


class View(Struct, frozen=True, kw_only=True):
    """A state to be compared or restored."""

    tree: str
    detail: Detail


class SnapshotStore:
    """The snapshots of the workspace `root`. Errors are `ToolError`s; `TooLarge` when it has more than the limits."""

    def __init__(self, side: Side, root: str, limits: Limits, quota: Quota) -> None:
        self.root = os.path.realpath(root)
        self._side = side
        self._limits = limits
        self._quota = quota
        self.leftovers: tuple[str, ...] = ()
        """What the last `look` found of restores that were cut off."""
        self._seen: Seen | None = None
        self._known: list[Snapshot] | None = None
        self._lock = -1

    @asynccontextmanager
    async def held(self) -> AsyncGenerator[None]:
        """Everything else of this class is called inside. `ToolError` when another process is at it."""
        self._lock = self._prepare()  # without awaiting: a lock must not get lost with an interrupted caller
        try:
            yield
        finally:
            os.close(self._lock)
            self._lock = -1
            self._seen = None

    async def look(self) -> View:
        """Store the present state of the workspace, and give it."""
        seen = self._seen or await blocking(lambda _: self._load())
        now = time.time_ns()
        found = await blocking(lambda stop: scan(self.root, self._limits, self._own(), lambda: bool(stop)))
        self.leftovers = tuple(found.leftovers)
        old = seen.files if seen is not None else {}
        stale = sorted(path for path, stamp in found.files.items() if path not in old or old[path].stamp != stamp)
        gone = [path for path in old if path not in found.files]
        fresh, rest = await self._read(found, stale, old, now)
        changed = {path: kept for path, kept in fresh.items() if path not in old or _entry(old[path]) != _entry(kept)}
        gone += [path for path in stale if path not in fresh and path in old]
        files = {**old, **fresh}
        for path in gone:
            files.pop(path, None)
        tree = seen.tree if seen is not None else None
        if tree is None or changed or gone or rest:
            await blocking(lambda _: self._forget())
            tree = await self._side.commit_latest(rest, tree, gone, changed)
        detail = _detail(found, files)
        now_seen = self._seen = Seen(tree=tree, detail=detail, files=files)
        if fresh or gone or seen is None or seen.detail != detail:
            await blocking(lambda _: self._save(now_seen))
        return View(tree=tree, detail=detail)

    async def add(self, view: View, note: Note) -> Snapshot:
        """Keep a state that `look` gave as a snapshot."""
        known = await self.snapshots()
        ref = f"{KEPT}{1 + int(known[-1].ref.removeprefix(KEPT)) if known else 1:012d}"
        commit = await self._side.add(view.tree, encode(Message(note=note, detail=view.detail)), ref, note.at)
        snapshot = Snapshot(id=commit, tree=view.tree, ref=ref, note=note, detail=view.detail)
        known.append(snapshot)
        return snapshot

    async def snapshots(self) -> list[Snapshot]:
        """All that are kept, the oldest first."""
        if self._known is None:
            self._known = await self._side.snapshots()
        return self._known

    async def prune(self, now: float) -> None:
        """Drop what is too old or too many; make room when too much disk is used."""
        quota = self._quota
        known = await self.snapshots()
        await self.drop(superfluous(known, now=now, max_age=quota.age, max_count=quota.count))
        size = await blocking(lambda _: self._side.size())
        if size <= quota.size and self._side.packs() <= _PACKS:
            return
        await self._side.tidy()
        while (size := await blocking(lambda _: self._side.size())) > quota.size_after:
            known = await self.snapshots()
            if len(known) <= 1:
                break
            await self.drop(oldest(known, 0.25))
            await self._side.tidy()
        if size > quota.size:
            await blocking(lambda _: self.clear())
            raise ToolError(
                f"one snapshot alone takes {size // 1024**2:,} MB; {quota.size // 1024**2:,} MB are allowed"
            )

    def clear(self) -> None:
        """Remove all snapshots from the disk."""
        remove_tree(os.path.join(self._side.path, ".git"))
        self._forget()
        self._seen = self._known = None

    async def changes(self, before: View, after: View) -> dict[str, Change]:
        """Every path that differs between two states, with what it is in each."""
        entries = await self._side.differences(before.tree, after.tree)
        found: dict[str, Change] = {
            path: (_state(path, old, before.detail), _state(path, new, after.detail))
            for path, (old, new) in entries.items()
        }
        odd = (before.detail.odd.keys() | after.detail.odd.keys()) - found.keys()
        if odd:
            found.update(await self._chmods(sorted(odd), before, after))
        return found

    async def _chmods(self, odd: Sequence[str], before: View, after: View) -> dict[str, Change]:
        """Files with the same content and other permissions. Only those of the last state seen have known contents."""
        found: dict[str, Change] = {}
        files = self._seen.files if self._seen is not None else {}
        for path in odd:
            kept = files.get(path)
            if kept is not None and kept.mode != "120000":
                old, new = (view.detail.permissions(path, kept.mode) for view in (before, after))
                if old != new:
                    found[path] = (
                        State(mode=kept.mode, oid=kept.oid, permissions=old),
                        State(mode=kept.mode, oid=kept.oid, permissions=new),
                    )
        return found

    async def unpack(self, oids: Sequence[str], folder: str) -> None:
        """Write contents into `folder`, as `Side.unpack` says."""
        await self._side.unpack(oids, folder)

    def staging(self) -> str:
        """A new, empty folder of our own for `unpack`."""
        folder = os.path.join(self._side.path, "restore")
        remove_tree(folder)
        os.makedirs(folder, mode=0o700)
        return folder

    async def drop(self, snapshots: Sequence[Snapshot]) -> None:
        """Forget snapshots."""
        if snapshots:
            await self._side.drop(snapshots)
            gone = {each.id for each in snapshots}
            self._known = [each for each in await self.snapshots() if each.id not in gone]

    async def _read(
        self, found: Scan, stale: Sequence[str], old: dict[str, Kept], now: int
    ) -> tuple[dict[str, Kept], list[bytes]]:
        """Read what has changed; all but the last batch of contents are stored already."""
        if not stale:
            return {}, []
        from codewhale.workspace.snapshot.reading import BATCH, Reader  # noqa: PLC0415 - start-up: most looks read nothing

        reader = Reader(self.root, stale, old, now=now, limit=self._limits.file)
        fresh: dict[str, Kept] = {}
        rest: list[bytes] = []
        try:
            while (batch := await blocking(reader.batch)) is not None:
                fresh.update(batch.kept)
                for path, why in batch.missing.items():
                    found.leave_out(path, why)
                rest += batch.contents
                if batch.size >= BATCH:
                    await self._side.store(rest)
                    rest = []
        except asyncio.CancelledError:  # the thread may still be reading; it closes when it sees that it may stop
            raise
        except BaseException:
            reader.close()
            raise
        reader.close()
        return fresh, rest

    def _prepare(self) -> int:
        os.makedirs(self._side.path, mode=0o700, exist_ok=True)
        lock = os.open(os.path.join(self._side.path, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise ToolError("another codewhale is taking a snapshot of this workspace") from error
        self._side.make()
        return lock

    def _own(self) -> frozenset[tuple[int, int]]:
        here = os.stat(self._side.path)
        return frozenset({(here.st_dev, here.st_ino)})

    @property
    def _state(self) -> str:
        return os.path.join(self._side.path, "seen")

    def _load(self) -> Seen | None:
        try:
            with open(self._state, "rb") as file:
                saved = msgspec.msgpack.decode(file.read(), type=_Saved)
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return None  # all files are read anew
        message = decode(saved.detail)
        if saved.version != _VERSION or message is None or not self._side.has_latest():
            return None
        files = {os.fsdecode(path): kept for path, kept in saved.files.items()}
        return Seen(tree=saved.tree, detail=message.detail, files=files)

    def _save(self, seen: Seen) -> None:
        detail = encode(Message(note=Note(label="", at=0), detail=seen.detail)).decode()
        files = {os.fsencode(path): kept for path, kept in seen.files.items()}
        temporary = self._state + ".new"
        with open(temporary, "wb") as file:
            file.write(msgspec.msgpack.encode(_Saved(tree=seen.tree, detail=detail, files=files)))
        os.replace(temporary, self._state)

    def _forget(self) -> None:
        """Until the new state is kept, none is known: whatever happens in between, all files are read anew after it."""
        with suppress(FileNotFoundError):
            os.unlink(self._state)


def remove_tree(folder: str) -> None:
    """Remove a folder of our own, as far as that goes."""
    from shutil import rmtree  # noqa: PLC0415 - start-up: it brings every compressor there is

    rmtree(folder, ignore_errors=True)


def _entry(kept: Kept) -> Entry:
    return kept.mode, kept.oid


def _state(path: str, entry: Entry | None, detail: Detail) -> State | None:
    if entry is None:
        return None
    mode, oid = entry
    return State(mode=mode, oid=oid, permissions=None if mode == "120000" else detail.permissions(path, mode))


def _detail(found: Scan, files: dict[str, Kept]) -> Detail:
    """What git does not keep of what was found."""
    usual = {mode: Counter[int]() for mode in ("100644", "100755")}
    bits: dict[str, tuple[str, int]] = {}
    for path, stamp in found.files.items():
        kept = files.get(path)
        if kept is not None and kept.mode != "120000":
            bits[path] = kept.mode, stamp[4] & 0o777
            usual[kept.mode][stamp[4] & 0o777] += 1
    common = {mode: counts.most_common(1)[0][0] if counts else 0 for mode, counts in usual.items()}
    odd = {path: mode for path, (kind, mode) in bits.items() if mode != common[kind]}
    empty = sorted(found.empty)
    missing = dict(sorted(found.missing.items()))
    if len(odd) > MAX_ODD:
        missing["(permissions)"] = f"{len(odd):,} files have unusual ones; those of {MAX_ODD:,} are kept"
    if len(empty) > MAX_ODD:
        missing["(empty folders)"] = f"there are {len(empty):,}; {MAX_ODD:,} are kept"
    return Detail(
        plain=common["100644"] or 0o644,
        executable=common["100755"] or 0o755,
        odd=dict(sorted(odd.items())[:MAX_ODD]),
        empty=tuple(empty[:MAX_ODD]),
        missing=missing,
        files=len(files),
        size=found.size,
    )
