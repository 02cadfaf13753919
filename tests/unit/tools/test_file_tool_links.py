"""Every file tool against every way that a link can lead out: nothing outside is read, shown, changed or made."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from threading import Event, Thread

import msgspec
import pytest

from codewhale.domain.errors import ToolError
from codewhale.domain.wishes import R, Wish
from codewhale.tools import apply_patch, edit_file, file_search, grep_files, list_dir, read_file, write_file
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.files import Files
from codewhale.workspace.processes import Processes

MODULES = (apply_patch, edit_file, file_search, grep_files, list_dir, read_file, write_file)
TOOLS: dict[str, Tool] = {tool.name: tool for module in MODULES for tool in module.TOOLS}
SECRET = "canary line of the outside"


class Place:
    """A workspace beside a folder that is none of its business."""

    def __init__(self, top: Path, processes: Processes) -> None:
        self.root = top / "root"
        self.outside = top / "outside"
        (self.root / "d").mkdir(parents=True)
        (self.root / "d" / "f").write_text("inside\n")
        (self.outside / "deep").mkdir(parents=True)
        (self.outside / "f").write_text(SECRET + "\n")
        self._processes = processes
        self._before = self._state()

    async def call(self, name: str, arguments: dict[str, object]) -> str:
        """What the tool says; an error is an answer too."""

        async def nobody(wish: Wish[R]) -> R:
            raise ToolError(f"nobody grants {wish}")

        files = Files(str(self.root))
        context = ToolContext(files=files, processes=self._processes, progress=lambda _: None, ask=nobody)
        tool = TOOLS[name]
        try:
            return (await tool.run(msgspec.json.decode(json.dumps(arguments), type=tool.arguments), context)).text
        except ToolError as error:
            return error.message

    def untouched(self) -> bool:
        return self._state() == self._before

    def _state(self) -> dict[str, tuple[bytes, int]]:
        return {
            str(path): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
            for path in (self.outside, *self.outside.rglob("*"))
        }


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    processes = Processes({"PATH": "/usr/bin:/bin"})
    yield Place(tmp_path, processes)
    processes.close()


def _to_file(place: Place) -> str:
    (place.root / "link").symlink_to(place.outside / "f")
    return "link"


def _to_folder(place: Place) -> str:
    (place.root / "link").symlink_to(place.outside)
    return "link/f"


def _dangling(place: Place) -> str:
    (place.root / "link").symlink_to(place.outside / "new")
    return "link"


def _up_after_a_link(place: Place) -> str:
    (place.root / "link").symlink_to(place.outside / "deep")
    return "link/../f"


def _chain(place: Place) -> str:
    (place.root / "second").symlink_to("../outside")
    (place.root / "d" / "first").symlink_to("../second")
    return "d/first/f"


def _plain_up(place: Place) -> str:
    del place
    return "../outside/f"


def _absolute(place: Place) -> str:
    return str(place.outside / "f")


WAYS = [_to_file, _to_folder, _dangling, _up_after_a_link, _chain, _plain_up, _absolute]


def _patch(path: str) -> str:
    return f"--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n-{SECRET}\n+changed\n"


CALLS: dict[str, tuple[str, Callable[[str], dict[str, object]]]] = {
    "read": ("read_file", lambda path: {"path": path}),
    "list": ("list_dir", lambda path: {"path": os.path.dirname(path) or path}),
    "search by name": ("file_search", lambda path: {"query": "f", "path": os.path.dirname(path) or path}),
    "search in": ("grep_files", lambda path: {"pattern": "canary", "path": path}),
    "search beneath": ("grep_files", lambda path: {"pattern": "canary", "path": "." if path else path}),
    "write": ("write_file", lambda path: {"path": path, "content": "changed"}),
    "edit": ("edit_file", lambda path: {"path": path, "search": SECRET, "replace": "changed"}),
    "patch": ("apply_patch", lambda path: {"patch": _patch(path)}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CALLS)
async def test_no_link_leads_a_tool_out(place: Place, name: str, way: Callable[[Place], str]) -> None:
    path = way(place)
    tool, arguments = CALLS[name]
    said = await place.call(tool, arguments(path))
    assert SECRET not in said
    assert place.untouched()


@pytest.mark.parametrize("name", ["write", "edit", "patch"])
async def test_a_hard_link_is_replaced_not_written_through(place: Place, name: str) -> None:
    os.link(place.outside / "f", place.root / "hard")
    before = (place.outside / "f").read_bytes()
    tool, arguments = CALLS[name]
    await place.call(tool, arguments("hard"))
    assert (place.root / "hard").read_text().strip() == "changed"
    assert (place.outside / "f").read_bytes() == before


@pytest.mark.parametrize("name", ["read", "list", "search in", "write", "edit", "patch"])
async def test_a_folder_that_flips_to_a_link_is_never_followed(
    place: Place, name: str, request: pytest.FixtureRequest
) -> None:
    """10,000 races for each tool with `--full`."""
    races = 10_000 if request.config.getoption("--full") else 200
    tool, arguments = CALLS[name]
    over, numbers = Event(), count()
    (place.root / "link").symlink_to(place.outside)

    def move(old: str, new: str) -> None:
        try:
            (place.root / old).rename(place.root / new)
        except OSError:  # the tool made a folder in the moment without one
            with suppress(OSError):
                (place.root / new).rename(place.root / f"aside{next(numbers)}")
                (place.root / old).rename(place.root / new)

    def flip() -> None:
        while not over.is_set():
            for old, new in (("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")):
                move(old, new)

    thread = Thread(target=flip)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(races):
            assert SECRET not in await place.call(tool, arguments("d/f"))
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)
    assert place.untouched()
