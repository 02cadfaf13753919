"""`stage` opens a scene whose processes may go on in the background."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.testing.scene import Extras, Scene, Stage, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Opens a scene over an empty workspace for a script."""
    workspace = tmp_path / "work"
    workspace.mkdir()

    @asynccontextmanager
    async def opened(script: str) -> AsyncGenerator[Scene, None]:
        extras = Extras(processes_dir=str(tmp_path / "processes"))
        async with scene(str(workspace), script, environ=ENVIRON, extras=extras) as found:
            yield found

    return opened
