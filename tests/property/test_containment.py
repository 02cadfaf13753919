"""Whatever the tree and the path, and whatever is swapped meanwhile: nothing outside the workspace is read or written."""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codewhale.domain.errors import ToolError
from codewhale.workspace.blocking import Stop
from codewhale.workspace.files import Files
from codewhale.workspace.walk import Walk

RACES, ALL_RACES = 300, 10_000
SECRET = b"outside"

NAMES = st.sampled_from(["a", "b", "c"])
STEPS = st.sampled_from(["a", "b", "c", "..", ".", "", "../..", "../outside", "secret"])
PATHS = st.lists(STEPS, min_size=1, max_size=6).map("/".join)


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """What to make in the root: kind, place, target."""
    place = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
    target = st.one_of(PATHS, PATHS.map(lambda path: "{top}/root/" + path), st.just("{top}/outside"), st.just("{top}"))
    return draw(st.lists(st.tuples(st.sampled_from(["file", "dir", "link"]), place, target), max_size=8))


def build(top: Path, tree: list[tuple[str, str, str]]) -> Path:
    root = top / "root"
    root.mkdir()
    (top / "outside").mkdir()
    (top / "outside" / "secret").write_bytes(SECRET)
    (top / "outside" / "a").write_bytes(SECRET)
    for kind, place, target in tree:
        path = root / place
        with suppress(OSError):  # the tree need not be consistent
            if not os.path.realpath(path.parent).startswith(str(root)):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if kind == "dir":
                path.mkdir()
            elif kind == "link":
                path.symlink_to(target.format(top=top))
            elif not path.is_symlink():
                path.write_bytes(b"inside")
    return root


def outside_of(top: Path) -> dict[str, bytes]:
    found = {str(path): path.read_bytes() for path in (top / "outside").iterdir()}
    return found | {str(path): b"" for path in top.iterdir()}


@given(tree=trees(), path=PATHS, absolute=st.sampled_from(["", "{top}/root/", "{top}/", "/"]))
def test_no_path_leads_out(tree: list[tuple[str, str, str]], path: str, absolute: str) -> None:
    with TemporaryDirectory() as folder:
        top = Path(folder).resolve()
        root = build(top, tree)
        files, before = Files(str(root)), outside_of(top)
        asked = absolute.format(top=top) + path
        with suppress(ToolError):
            assert files.resolve(asked).startswith(str(root))
            assert files.read(asked).content == b"inside"
        with suppress(ToolError):
            stamp = files.stamp(asked)
            files.write(asked, b"written", stamp)
            assert (root / files.read(asked).path).resolve().read_bytes() == b"written"
        with suppress(ToolError):
            for entry in Walk(files, asked, Stop()).tree():
                assert (root / "/".join(entry.parts[:-1])).resolve() == root / "/".join(entry.parts[:-1])
        assert outside_of(top) == before


@given(tree=trees(), path=PATHS)
def test_what_is_found_is_what_the_system_finds(tree: list[tuple[str, str, str]], path: str) -> None:
    with TemporaryDirectory() as folder:
        root = build(Path(folder).resolve(), tree)
        try:
            found = Files(str(root)).resolve(path)
        except ToolError:
            return
        assert found == os.path.realpath(root / path)


@contextmanager
def swapping(root: Path, outside: Path) -> Generator[None]:
    """While inside, `root/d` is by turns a directory and a link to the outside."""
    over, numbers = Event(), count()
    (root / "link").symlink_to(outside)

    def move(old: str, new: str) -> None:
        while True:
            try:
                (root / old).rename(root / new)
            except OSError:  # the writer made a directory in the moment without one
                (root / new).rename(root / f"aside{next(numbers)}")
            else:
                return

    def swap() -> None:
        while not over.is_set():
            for old, new in (("d", "real"), ("link", "d"), ("d", "link"), ("real", "d")):
                move(old, new)

    thread = Thread(target=swap)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sys.setswitchinterval(interval)


def read(files: Files, _: int) -> None:
    assert files.read("d/secret").content == b"inside"


def overwrite(files: Files, turn: int) -> None:
    files.write("d/secret", b"inside", files.read("d/secret").stamp)
    files.write(f"d/new{turn}", b"x", None)


def make_directories(files: Files, turn: int) -> None:
    files.write(f"d/deep{turn}/er/f", b"x", None)


def walk(files: Files, _: int) -> None:
    assert all(entry.name != "canary" for entry in Walk(files, ".", Stop()).tree())
    assert all(entry.name != "canary" for entry in Walk(files, "d", Stop()).level())


@pytest.mark.parametrize("act", [read, overwrite, make_directories, walk])
def test_a_directory_swapped_for_a_link_is_never_followed(
    tmp_path: Path, act: Callable[[Files, int], None], request: pytest.FixtureRequest
) -> None:
    races = ALL_RACES if request.config.getoption("--full") else RACES
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (root / "d").mkdir(parents=True)
    (outside / "secret").write_bytes(SECRET)
    (outside / "canary").write_bytes(SECRET)
    (root / "d" / "secret").write_bytes(b"inside")
    files = Files(str(root))
    done = 0
    with swapping(root, outside):
        for turn in range(races * 10):
            if turn >= races and done:
                break
            with suppress(ToolError):
                act(files, turn)
                done += 1
    assert sorted(os.listdir(outside)) == ["canary", "secret"]
    assert (outside / "secret").read_bytes() == SECRET
    assert done > 0
