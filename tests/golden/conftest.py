"""Golden logs: `stage` opens a scene, `same_log` compares with `tests/golden/<case>.jsonl` (`--update-golden` writes it)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.runtime.threads import Defaults
from codewhale.testing.golden import golden
from codewhale.testing.scene import SameLog, Scene, Stage, scene

FOLDER = Path(__file__).parent
ENVIRON = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Opens a scene over a small workspace for a script."""
    (tmp_path / "notes.txt").write_text("one\ntwo\n")
    (tmp_path / "main.py").write_text("print('hi')\n")

    @asynccontextmanager
    async def opened(script: str, defaults: Defaults | None = None) -> AsyncGenerator[Scene, None]:
        async with scene(str(tmp_path), script, environ=ENVIRON, defaults=defaults) as found:
            yield found

    return opened


@pytest.fixture
def same_log(request: pytest.FixtureRequest) -> SameLog:
    """Compares a thread's whole log with its golden file."""
    update = bool(request.config.getoption("--update-golden"))

    def compare(stage: Scene, thread_id: str, case: str) -> None:
        above = str(Path(stage.workspace).parent)
        found = golden(stage.log(thread_id), {stage.workspace: "<workspace>", above: "<above>"})
        file = FOLDER / f"{case}.jsonl"
        if update:
            file.write_text(found)
        assert found.splitlines() == file.read_text().splitlines()

    return compare
