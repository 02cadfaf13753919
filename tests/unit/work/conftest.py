"""`stage` opens a runtime whose tasks run, over a log in memory; its clock and its limits are the test's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.tasks import TaskLimits
from codewhale.runtime.threads import Defaults
from codewhale.testing.scene import MODEL, Scene, Stage, scene

ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """`stage(script, workers=2, running=True)`."""

    @asynccontextmanager
    async def opened(script: str, *, workers: int = 2, running: bool = True) -> AsyncGenerator[Scene, None]:
        defaults = Defaults(model=MODEL, workspace=str(tmp_path), allow_shell=True, tasks=TaskLimits(workers=workers))
        async with scene(str(tmp_path), script, environ=ENVIRON, defaults=defaults) as found:
            if running:
                found.runtime.tasks.start()
            yield found

    return opened
