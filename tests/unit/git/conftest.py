"""Repositories that run a canary in every way that a repository can make git run something."""

import hashlib
import os
import subprocess  # noqa: TID251  (the attacker's git, not one of ours)
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


class Hostile:
    """A repository with two commits and uncommitted changes; `program` leaves a line in `canary` when run."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.root = top / "tree"
        self.canary = top / "canary"
        self.program = top / "evil.sh"
        self.program.write_text(f'#!/bin/sh\necho "$0 $*" >> {self.canary}\ncat 2>/dev/null\nexit 0\n')
        self.program.chmod(0o755)
        self.root.mkdir()
        self.git("init", "-q", "-b", "main")
        (self.root / "a.txt").write_text("one\ntwo\n")
        (self.root / ".gitattributes").write_text("*.txt filter=evil diff=evil merge=evil\n")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "first")
        (self.root / "a.txt").write_text("one\n2\n")
        self.git("commit", "-q", "-am", "second")

    def git(self, *words: str, cwd: Path | None = None, check: bool = True) -> str:
        """Plain git with nobody's settings."""
        env = {**ENVIRON, "HOME": str(self.top), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
        who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always")
        done = subprocess.run(
            ["git", *who, *words], cwd=cwd or self.root, env=env, check=check, capture_output=True, timeout=20
        )
        return done.stdout.decode(errors="replace")

    def config(self, **settings: str) -> None:
        for key, value in settings.items():
            self.git("config", key.replace("__", "."), value)

    def changed(self) -> None:
        """An uncommitted change of the same size, which only its content tells."""
        (self.root / "a.txt").write_text("1ne\n2\n")
        (self.root / "new.txt").write_text("new\n")

    def fired(self) -> bool:
        return self.canary.exists()

    def disarm(self) -> None:
        self.canary.unlink(missing_ok=True)

    def signed(self) -> None:
        """A commit on top that claims to be signed."""
        body = self.git("cat-file", "commit", "HEAD")
        head, _, message = body.partition("\n\n")
        sig = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----"
        text = f"{head}\n{sig}\n\n{message}".encode()
        raw = b"commit %d\0" % len(text) + text
        oid = hashlib.sha1(raw, usedforsecurity=False).hexdigest()
        place = self.root / ".git" / "objects" / oid[:2] / oid[2:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(zlib.compress(raw))
        self.git("update-ref", "HEAD", oid)


def _config(*pairs: tuple[str, str]) -> Callable[[Hostile], None]:
    def arm(repo: Hostile) -> None:
        for key, value in pairs:
            repo.git("config", key, value.replace("@", str(repo.program)))
        repo.changed()

    return arm


def _included(repo: Hostile) -> None:
    (repo.top / "inc").write_text(f"[core]\n\tfsmonitor = {repo.program}\n")
    repo.git("config", "include.path", str(repo.top / "inc"))
    repo.changed()


def _worktree_config(repo: Hostile) -> None:
    repo.git("config", "extensions.worktreeConfig", "true")
    (repo.root / ".git" / "config.worktree").write_text(f"[core]\n\tfsmonitor = {repo.program}\n")
    repo.changed()


def _nested(repo: Hostile) -> None:
    inner = repo.root / "sub"
    inner.mkdir()
    repo.git("init", "-q", cwd=inner)
    (inner / "f.txt").write_text("inner\n")
    repo.git("add", "-A", cwd=inner)
    repo.git("commit", "-q", "-m", "inner", cwd=inner)
    repo.git("add", "sub")
    repo.git("commit", "-q", "-m", "with a gitlink")
    repo.git("config", "core.fsmonitor", str(repo.program), cwd=inner)
    (inner / "f.txt").write_text("INNER\n")
    repo.changed()


def _bare(repo: Hostile) -> None:
    inner = repo.root / "bare"
    repo.git("init", "-q", "--bare", str(inner))
    with (inner / "config").open("a") as file:
        file.write(f"[core]\n\tbare = false\n\tworktree = .\n\tfsmonitor = {repo.program}\n")
    repo.changed()


def _hooks_path(repo: Hostile) -> None:
    hooks = repo.top / "hooks"
    hooks.mkdir()
    _hook(repo, hooks)
    repo.git("config", "core.hooksPath", str(hooks))


def _hook(repo: Hostile, folder: Path) -> None:
    for name in ("post-index-change", "fsmonitor-watchman", "pre-commit", "post-checkout", "reference-transaction"):
        (folder / name).write_text(repo.program.read_text())
        (folder / name).chmod(0o755)
    repo.changed()
    os.utime(repo.root / ".gitattributes", (1, 1))


def _own_hooks(repo: Hostile) -> None:
    _hook(repo, repo.root / ".git" / "hooks")


def _signature(repo: Hostile) -> None:
    repo.signed()
    repo.git("config", "log.showSignature", "true")
    repo.git("config", "gpg.program", str(repo.program))
    repo.changed()


def _promisor(repo: Hostile) -> None:
    """An object is missing and can be had from a remote that is a program."""
    repo.git("config", "extensions.partialClone", "origin")
    repo.git("config", "remote.origin.promisor", "true")
    helper = repo.top / "helper.sh"
    helper.write_text(f"#!/bin/sh\necho ran >> {repo.canary}\nexit 1\n")
    helper.chmod(0o755)
    repo.git("config", "remote.origin.url", f"ext::{helper} %S")
    repo.git("config", "protocol.ext.allow", "always")
    oid = repo.git("rev-parse", "HEAD:a.txt").strip()
    (repo.root / ".git" / "objects" / oid[:2] / oid[2:]).unlink()
    repo.changed()


VECTORS: dict[str, Callable[[Hostile], None]] = {
    "fsmonitor": _config(("core.fsmonitor", "@")),
    "fsmonitor by include": _included,
    "fsmonitor by worktree configuration": _worktree_config,
    "fsmonitor of a nested repository": _nested,
    "fsmonitor of an embedded bare repository": _bare,
    "hooks path": _hooks_path,
    "own hooks": _own_hooks,
    "signature program": _signature,
    "ssh command": _config(("core.sshCommand", "@"), ("remote.origin.url", "ssh://nowhere/x"), ("fetch.all", "true")),
    "external diff": _config(("diff.external", "@")),
    "textconv driver": _config(("diff.evil.textconv", "@")),
    "diff driver": _config(("diff.evil.command", "@")),
    "clean filter": _config(("filter.evil.clean", "@"), ("filter.evil.required", "true")),
    "process filter": _config(("filter.evil.process", "@")),
    "smudge filter": _config(("filter.evil.smudge", "@")),
    "merge driver": _config(("merge.evil.driver", "@")),
    "alias over a builtin": _config(*((f"alias.{word}", "!@") for word in ("status", "diff", "log", "show", "blame"))),
    "pagers": _config(("core.pager", "@"), ("pager.log", "@"), ("pager.diff", "@"), ("core.editor", "@")),
    "submodule update": _config(
        ("submodule.sub.update", "!@"), ("submodule.recurse", "true"), ("credential.helper", "!@")
    ),
    "remote that is a program": _promisor,
}


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return Hostile(tmp_path)
