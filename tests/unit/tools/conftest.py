"""`stage` opens a runtime whose model is a script, over a small workspace."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import Scene, Stage, scene

PROGRAMS = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    (tmp_path / "notes.txt").write_text("one\ntwo\n")

    @asynccontextmanager
    async def opened(script: str, defaults: Defaults | None = None) -> AsyncGenerator[Scene, None]:
        async with scene(str(tmp_path), script, environ=PROGRAMS, defaults=defaults) as found:
            yield found

    return opened
