from collections.abc import AsyncIterator

import pytest

from codewhale.workspace.processes import Processes


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    started = Processes({"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nowhere"})
    yield started
    started.close()
