"""The git repository that keeps snapshots: objects and refs, spoken to by git's plumbing. It has no work tree at all.

A snapshot is a commit without parents, so that any can go without the others. Refs: `refs/snapshots/<number>` in the order
taken, and `refs/codewhale/latest`, the last state seen. A run of git that dies leaves at most a temporary pack.
"""

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from codewhale.domain.errors import ToolError
from codewhale.workspace.git.run import Git, GitJob
from codewhale.workspace.processes import ProcessResult
from codewhale.workspace.snapshot.quoting import quoted, unquoted
from codewhale.workspace.snapshot.records import Kept, Snapshot, decode

LATEST = "refs/codewhale/latest"
KEPT = "refs/snapshots/"
_CONFIG = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n\tlogAllRefUpdates = false\n"
_SETTINGS = (
    ("pack.compression", "1"),
    ("core.compression", "1"),
    ("fastimport.unpackLimit", "1"),
    ("repack.writeBitmaps", "false"),
    ("pack.threads", "1"),
    ("gc.auto", "0"),
)
_WHO = "codewhale <codewhale@localhost>"
_WHO_ENVIRON = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "codewhale"), ("EMAIL", "codewhale@localhost"))
}
_SECONDS = 120.0
_LIST = 64 * 1024 * 1024
STALE_PACK_SECONDS = 3600.0

Entry = tuple[str, str]
"""git's mode and name of a content."""


class Side:
    """One such repository at `path`, made when first used."""

    def __init__(self, git: Git, path: str) -> None:
        self.path = path
        self._git = git
        self._dir = os.path.join(path, ".git")

    def make(self) -> None:
        """Lay out an empty repository, unless there is one; clear away what a crash left."""
        if not os.path.exists(os.path.join(self._dir, "HEAD")):
            for folder in ("objects/pack", "objects/info", "refs/snapshots", "refs/codewhale", "info"):
                os.makedirs(os.path.join(self._dir, folder), mode=0o700, exist_ok=True)
            _put(os.path.join(self._dir, "config"), _CONFIG)
            _put(os.path.join(self._dir, "HEAD"), "ref: refs/heads/none\n")
        self._clear_stale()

    async def store(self, contents: Iterable[bytes]) -> None:
        """Keep file contents."""
        parts: list[bytes] = []
        for content in contents:
            parts += (b"blob\ndata %d\n" % len(content), content, b"\n")
        await self._import(b"".join(parts))

    async def commit_latest(
        self, contents: Iterable[bytes], base: str | None, gone: Iterable[str], changed: Mapping[str, Kept]
    ) -> str:
        """Keep contents and a new state: the tree `base` without `gone` and with `changed`. The new tree."""
        parts: list[bytes] = []
        for content in contents:
            parts += (b"blob\ndata %d\n" % len(content), content, b"\n")
        parts.append(f"commit {LATEST}\ncommitter {_WHO} 0 +0000\ndata 6\nlatest\n".encode())
        parts.append(b"deleteall\n" if base is None else f'M 040000 {base} ""\n'.encode())
        parts += (b"D " + quoted(path) + b"\n" for path in gone)
        parts += (f"M {kept.mode} {kept.oid} ".encode() + quoted(path) + b"\n" for path, kept in changed.items())
        await self._import(b"".join(parts))
        done = await self._run(("rev-parse", f"{LATEST}^{{tree}}"))
        return done.stdout.text.strip()

    async def add(self, tree: str, message: bytes, ref: str, at: float) -> str:
        """Make a snapshot of a tree that is here; its id."""
        moment = {f"GIT_{role}_DATE": f"@{int(at)} +0000" for role in ("AUTHOR", "COMMITTER")}
        done = await self._run(("commit-tree", tree, "-F", "-"), stdin=message, environ=moment)
        commit = done.stdout.text.strip()
        await self._run(("update-ref", ref, commit))
        return commit

    async def snapshots(self) -> list[Snapshot]:
        """All there are, in the order in which they were taken."""
        words = ("for-each-ref", "--sort=refname", "--format=%(objectname) %(tree) %(refname) %(subject)", KEPT)
        done = await self._run(words)
        found: list[Snapshot] = []
        for line in done.stdout.text.splitlines():
            commit, tree, ref, message = line.split(" ", 3)
            read = decode(message)
            if read is not None:
                found.append(Snapshot(id=commit, tree=tree, ref=ref, note=read.note, detail=read.detail))
        return found

    async def drop(self, snapshots: Sequence[Snapshot]) -> None:
        """Forget snapshots. Their room is given back by `tidy`."""
        lines = "".join(f"delete {each.ref} {each.id}\n" for each in snapshots)
        if lines:
            await self._run(("update-ref", "--stdin"), stdin=lines.encode())

    async def tidy(self) -> None:
        """Give back the room of what is no longer kept, and make one pack of the rest."""
        await self._run(("repack", "-a", "-d", "-q", "--window=0"))
        await self._run(("prune", "--expire=now"))

    async def differences(self, before: str, after: str) -> dict[str, tuple[Entry | None, Entry | None]]:
        """What differs between two trees."""
        if before == after:
            return {}
        done = await self._run(("diff-tree", "-r", "--no-renames", "--no-ext-diff", "--full-index", before, after))
        found: dict[str, tuple[Entry | None, Entry | None]] = {}
        for line in done.stdout.text.splitlines():
            facts, _, path = line.partition("\t")
            old_mode, mode, old, new, _ = facts[1:].split(" ")
            found[unquoted(path)] = (_entry(old_mode, old), _entry(mode, new))
        return found

    async def unpack(self, oids: Sequence[str], folder: str) -> None:
        """Write contents into `folder` (our own, existing) as files named `0`, `1`, ... in the order given."""
        index = os.path.join(folder, "index")
        lines = "".join(f"100644 {oid}\t{number}\n" for number, oid in enumerate(oids)).encode()
        own = {"GIT_INDEX_FILE": index, "GIT_WORK_TREE": folder}
        await self._run(("update-index", "--index-info"), stdin=lines, environ=own)
        await self._run(("checkout-index", "--all", "--force", f"--prefix={folder}/"), environ=own)

    def has_latest(self) -> bool:
        """Whether a last state is kept."""
        return os.path.exists(os.path.join(self._dir, LATEST))

    def packs(self) -> int:
        """How many packs there are."""
        return sum(name.endswith(".pack") for name in _names(os.path.join(self._dir, "objects", "pack")))

    def size(self) -> int:
        """Bytes on disk."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):  # gone meanwhile
                    total += os.lstat(os.path.join(folder, name)).st_size
        return total

    def _clear_stale(self) -> None:
        packs = os.path.join(self._dir, "objects", "pack")
        old = time.time() - STALE_PACK_SECONDS
        for name in _names(packs):
            if name.startswith(("tmp_pack_", "tmp_idx_", ".tmp-")):
                path = os.path.join(packs, name)
                with suppress(OSError):  # somebody else was faster
                    if os.lstat(path).st_mtime < old:
                        os.unlink(path)

    async def _import(self, stream: bytes) -> None:
        await self._run(("fast-import", "--quiet", "--force", "--done", "--depth=0"), stdin=stream + b"done\n")

    async def _run(
        self, words: tuple[str, ...], *, stdin: bytes | None = None, environ: Mapping[str, str] | None = None
    ) -> ProcessResult:
        done = await self._git.run(
            GitJob(
                folder=self._dir,
                words=words,
                settings=_SETTINGS,
                environ={**_WHO_ENVIRON, "GIT_DIR": self._dir, **(environ or {})},
                stdin=stdin,
                seconds=_SECONDS,
                output=_LIST,
            )
        )
        if done.exit_code != 0 or done.stdout.omitted:
            raise ToolError(_problem(words[0], done))
        return done


def _problem(word: str, done: ProcessResult) -> str:
    if done.timed_out:
        return f"git {word} took longer than {_SECONDS:.0f} s and was stopped"
    said = done.stderr.text.strip().splitlines()
    return f"git {word} failed: {said[-1] if said else 'it says nothing'}"


def _entry(mode: str, oid: str) -> Entry | None:
    return None if mode == "000000" else (mode, oid)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _put(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
