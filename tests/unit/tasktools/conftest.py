"""`stage` opens a runtime over a git repository, with tasks that run and background commands; `turn` runs the calls of one."""

import os
import subprocess  # noqa: TID251  (the person's git, not one of ours)
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.network import OPEN
from codewhale.runtime.surroundings import surroundings_of
from codewhale.runtime.threads import Defaults
from codewhale.testing.homes import settings_at
from codewhale.testing.scene import MODEL, Extras, Scene, Stage, scene
from codewhale.workspace.web.web import Web

PATH = "/usr/local/bin:/usr/bin:/bin"
ENVIRON = {"PATH": PATH}


class Repository:
    """A person's repository with one commit."""

    def __init__(self, top: Path) -> None:
        self.top = top
        top.mkdir()
        self.git("init", "-q", "-b", "main")
        (top / "a.txt").write_text("one\ntwo\nthree\n")
        self.commit("first")

    def git(self, *words: str) -> str:
        env = {**ENVIRON, "HOME": str(self.top), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        who = ("-c", "user.name=t", "-c", "user.email=t@t")
        done = subprocess.run(
            ["git", *who, *words], cwd=self.top, env=env, check=True, capture_output=True, timeout=20, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "work")


@pytest.fixture
def stage(tmp_path: Path, repository: Repository) -> Stage:
    """`stage(script, defaults=None, gh=None, path=PATH)`."""

    @asynccontextmanager
    async def opened(
        script: str, defaults: Defaults | None = None, gh: str | None = None, path: str = PATH
    ) -> AsyncGenerator[Scene, None]:
        (tmp_path / "home").mkdir(exist_ok=True)
        settings = settings_at(tmp_path, "http://127.0.0.1:1", {"DEEPSEEK_GH_BIN": gh} if gh is not None else None)
        around = surroundings_of(settings)
        given = defaults or Defaults(model=MODEL, workspace=str(repository.top), allow_shell=True)
        extras = Extras(processes_dir=str(tmp_path / "processes"), web=Web(OPEN), surroundings=around)
        async with scene(str(repository.top), script, environ={"PATH": path}, defaults=given, extras=extras) as found:
            yield found

    return opened
