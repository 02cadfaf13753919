"""`stage` opens a runtime over a log that is in memory, or in a directory; `full` makes that log's disk full."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.testing.scene import Scene, Stage, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    @asynccontextmanager
    async def opened(script: str) -> AsyncGenerator[Scene, None]:
        async with scene(str(tmp_path), script, environ=ENVIRON) as found:
            yield found

    return opened
