"""Directories outside the workspace: out of reach, allowed by the person, in reach."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from codewhale.domain.commands import NewThread
from codewhale.domain.errors import CodewhaleError, InvalidInput
from codewhale.domain.events import Event, ItemCompleted, ItemFailed
from codewhale.runtime.trust import distrust_path, trust_path, trusted_paths
from codewhale.testing.homes import Home, home
from codewhale.workspace.trust.paths import TrustedPaths

READS = """
[[reply]]
calls = [{ tool = "read_file", arguments = { path = "%s" } }]
[[reply]]
text = "Done."
"""


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    folder = tmp_path / "beside"
    folder.mkdir()
    (folder / "notes.txt").write_text("a quiet garden\n")
    return folder


@asynccontextmanager
async def opened(tmp_path: Path, script: str) -> AsyncGenerator[Home]:
    async with home(tmp_path, script) as found:
        yield found


async def read(place: Home, new: NewThread) -> str:
    events = await place.say("read", new)
    ended = [e for e in map(Event.decode, events) if isinstance(e, ItemCompleted | ItemFailed) and e.item.call]
    return ended[0].item.detail or ""


async def test_only_what_the_person_allows_is_in_reach(tmp_path: Path, beside: Path) -> None:
    script = (READS % (beside / "notes.txt")) * 3
    async with opened(tmp_path, script) as place:
        assert "quiet garden" not in await read(place, NewThread())
        assert trust_path(place.settings, str(beside)) == str(beside)
        assert trusted_paths(place.settings) == (str(beside),)
        assert "quiet garden" in await read(place, NewThread())
        assert distrust_path(place.settings, str(beside))
        assert "quiet garden" not in await read(place, NewThread())


async def test_trust_mode_reaches_everything(tmp_path: Path, beside: Path) -> None:
    async with opened(tmp_path, READS % (beside / "notes.txt")) as place:
        assert "quiet garden" in await read(place, NewThread(trust_mode=True))


def test_everything_at_once_is_not_allowed(tmp_path: Path) -> None:
    paths = TrustedPaths(str(tmp_path / "trust.json"))
    for directory in ("/", "~", str(tmp_path / "none")):
        with pytest.raises(InvalidInput):
            paths.add(str(tmp_path), directory)
    assert paths.of(str(tmp_path)) == ()


def test_a_directory_that_became_a_link_is_out_again(tmp_path: Path, beside: Path) -> None:
    paths = TrustedPaths(str(tmp_path / "trust.json"))
    paths.add(str(tmp_path), str(beside))
    beside.rename(tmp_path / "moved")
    beside.symlink_to("/etc")
    assert paths.of(str(tmp_path)) == ()


def test_a_broken_list_is_said(tmp_path: Path) -> None:
    file = tmp_path / "trust.json"
    file.write_text("[]")
    with pytest.raises(CodewhaleError, match="cannot be used"):
        TrustedPaths(str(file)).of(str(tmp_path))
