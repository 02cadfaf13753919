"""A workspace with git's own repository in it, and a runtime that keeps snapshots of it."""

import os
import subprocess  # noqa: TID251  (the person's own git, not one of ours)
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.snapshots import SnapshotLimits
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, Extras, Scene, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
Open = Callable[..., AbstractAsyncContextManager[Scene]]


def contents(root: Path) -> dict[str, object]:
    """Everything below `root` but git's own folder: files with mode and content, links with their target, empty folders."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if ".git" in path.relative_to(root).parts:
            continue
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = (path.stat().st_mode & 0o777, path.read_bytes())
        elif path.is_dir() and not any(path.iterdir()):
            found[name] = "empty"
    return found


def git(folder: Path, *words: str) -> str:
    """The person's own git."""
    who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")
    env = {"PATH": ENVIRON["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(["git", *who, *words], cwd=folder, env=env, check=True, capture_output=True, text=True)
    return done.stdout


def calls(*commands: str) -> str:
    """A script of one turn per command, each run in the shell."""
    turns = [
        f'[[turn]]\n[[turn.reply]]\ncalls = [{{id = "call_{n}", tool = "exec_shell", arguments = {{command = {command!r}}}}}]\n'
        f'[[turn.reply]]\ntext = "Done."\n'
        for n, command in enumerate(commands)
    ]
    return "\n".join(turns)


def shell_of_prompts() -> str:
    """A script in which the model runs what the person says, for a few commands of one letter."""
    return "".join(
        f'[[turn]]\nwhen = {{contains = "{target}={value}"}}\n[[turn.reply]]\ncalls = [{{id = "{target}{value}", '
        f'tool = "exec_shell", arguments = {{command = "echo {value} > {target}"}}}}]\n[[turn.reply]]\ntext = "Done."\n'
        for target in "ab"
        for value in "123"
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project: tracked, ignored and untracked files, a link, an odd mode, an empty folder."""
    root = tmp_path / "tree"
    (root / "src").mkdir(parents=True)
    (root / "src" / "main.py").write_text("print('hi')\r\n")
    (root / ".gitignore").write_text("build/\n*.log\nsecret.env\n")
    (root / ".gitattributes").write_text("* text=auto eol=lf\n")
    git(root, "init")
    git(root, "add", "-A")
    git(root, "commit", "-m", "first")
    (root / "build" / "deep").mkdir(parents=True)
    (root / "build" / "app").write_bytes(bytes(range(256)))
    (root / "build" / "app").chmod(0o755)
    (root / "build" / "deep" / "cache.o").write_text("object")
    (root / "secret.env").write_text("KEY=1")
    (root / "secret.env").chmod(0o600)
    (root / "untracked.txt").write_text("notes")
    (root / "run.log").write_text("log")
    (root / "link").symlink_to("src/main.py")
    (root / "hollow").mkdir()
    return root


@pytest.fixture
def keeping(tree: Path, tmp_path: Path) -> Open:
    """Opens a runtime over the tree that approves by itself and keeps snapshots: `keeping(script, **limits)`."""

    @asynccontextmanager
    async def opened(script: str, **limits: object) -> AsyncGenerator[Scene, None]:
        defaults = Defaults(model=MODEL, workspace=str(tree), allow_shell=True, auto_approve=True)
        kept = (str(tmp_path / "snapshots"), SnapshotLimits(**limits))  # type: ignore[arg-type]
        async with scene(str(tree), script, environ=ENVIRON, defaults=defaults, extras=Extras(snapshots=kept)) as found:
            yield found

    return opened
