"""What is in a snapshot and comes back: every byte, mode, link and name; what is not is said. Nothing blocks."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codewhale.workspace.snapshot.quoting import quoted, unquoted
from codewhale.workspace.snapshot.scan import EXCLUDED, Limits, TooLarge, scan
from tests.unit.snapshot.conftest import Kept
from tests.unit.undo.conftest import contents, git

NAMES = [
    "plain",
    "new\nline",
    'quo"te',
    '"quoted"',
    "back\\slash",
    "tab\t",
    "trailing\r",
    " space ",
    "ünï",
    "-option",
    ":x",
]


async def test_names_of_all_kinds_come_back(kept: Kept) -> None:
    for name in NAMES:
        (kept.root / name).write_text(name)
    (kept.root / os.fsdecode(b"inv\xff\xfelid")).write_bytes(b"bytes")
    before = contents(kept.root)
    snapshot = await kept.take()
    for path in list(kept.root.iterdir()):
        path.unlink()
    await kept.restore(snapshot)
    assert contents(kept.root) == before


async def test_line_ends_modes_links_and_empty_folders_come_back(kept: Kept) -> None:
    root = kept.root
    (root / ".gitattributes").write_text("* text=auto eol=lf working-tree-encoding=UTF-16 ident\n")
    (root / "crlf.txt").write_bytes(b"a\r\nb\n$Id$\r\n")
    for mode in (0o600, 0o640, 0o755, 0o700, 0o444):
        (root / f"m{mode:o}").write_text("x")
        (root / f"m{mode:o}").chmod(mode)
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    (root / "outside").symlink_to("/etc/passwd")
    (root / "hollow" / "deep").mkdir(parents=True)
    before = contents(root)
    snapshot = await kept.take()
    for path in (*root.glob("m*"), root / "crlf.txt", root / "dangling", root / "loop", root / "outside"):
        path.unlink()
    (root / "hollow" / "deep").rmdir()
    (root / "m600").write_text("x")
    await kept.restore(snapshot)
    assert contents(root) == before
    (root / "m600").chmod(0o644)
    await kept.restore(snapshot)
    assert contents(root) == before


async def test_a_file_becomes_a_folder_and_back(kept: Kept) -> None:
    (kept.root / "a").write_text("file")
    (kept.root / "d").mkdir()
    (kept.root / "d" / "f").write_text("inner")
    first, before = await kept.take(), contents(kept.root)
    (kept.root / "a").unlink()
    (kept.root / "a").mkdir()
    (kept.root / "a" / "b").write_text("now a folder")
    (kept.root / "d" / "f").unlink()
    (kept.root / "d").rmdir()
    (kept.root / "d").symlink_to("a")
    second, after = await kept.take(), contents(kept.root)
    await kept.restore(first)
    assert contents(kept.root) == before
    await kept.restore(second)
    assert contents(kept.root) == after


async def test_files_of_a_nested_repository_come_back_and_its_history_is_said_to_be_missing(kept: Kept) -> None:
    inner = kept.root / "sub"
    inner.mkdir()
    git(inner, "init")
    (inner / "f").write_text("committed")
    git(inner, "add", "-A")
    git(inner, "commit", "-m", "inner")
    (inner / "f").write_text("changed")
    snapshot = await kept.take()
    assert snapshot.detail.missing == {"sub/.git": "a repository of its own: its files are kept, its history is not"}
    (inner / "f").write_text("worse")
    await kept.restore(snapshot)
    assert (inner / "f").read_text() == "changed"
    assert git(inner, "log", "--format=%s") == "inner\n"


async def test_special_files_are_named_and_never_touched(kept: Kept) -> None:
    root = kept.root
    os.mkfifo(root / "fifo")
    (root / "here").write_text("x")
    for name in (".GIT", ".git ", "git~1"):
        (root / "in").mkdir(exist_ok=True)
        (root / "in" / name).write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(root, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        with (root / "sparse").open("wb") as file:
            file.truncate(5 * 1024**3)
        kept.open(Limits(size=0))
        snapshot = await kept.take()
    assert set(snapshot.detail.missing) == {"fifo", "socket", "sparse", "in/.GIT", "in/.git ", "in/git~1"}
    (root / "here").unlink()
    await kept.restore(snapshot)
    assert ((root / "here").read_text(), (root / "fifo").is_fifo()) == ("x", True)


async def test_what_can_be_made_again_is_left_out_and_said(kept: Kept) -> None:
    for name in ("node_modules", "cargo", "build"):
        (kept.root / name).mkdir()
        (kept.root / name / "f").write_text("x")
    (kept.root / "cargo" / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55\n")
    snapshot = await kept.take()
    assert snapshot.detail.missing == {"cargo/": "a cache, as it says itself", "node_modules/": "can be made again"}
    assert snapshot.detail.files == 1
    assert "build" not in EXCLUDED


@pytest.mark.parametrize("limits", [Limits(entries=3), Limits(size=10)])
async def test_a_workspace_that_is_too_large_gets_none(kept: Kept, limits: Limits) -> None:
    for n in range(5):
        (kept.root / str(n)).write_text("12345")
    kept.open(limits)
    with pytest.raises(TooLarge):
        await kept.take()


async def test_a_file_changed_within_the_same_tick_is_seen(kept: Kept) -> None:
    file = kept.root / "f"
    for n in range(20):
        file.write_text(f"{n:03}")
        snapshot = await kept.take(f"pre-turn:{n}")
        file.write_text("xxx")
        await kept.restore(snapshot)
        assert file.read_text() == f"{n:03}"


def test_the_folder_of_the_snapshots_is_not_part_of_the_workspace(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "f").write_text("x")
    here = (tmp_path / "own").stat()
    found = scan(str(tmp_path), Limits(), frozenset({(here.st_dev, here.st_ino)}))
    assert (found.files, found.missing) == ({}, {"own/": "the snapshots themselves"})


@given(st.binary(min_size=1).filter(lambda raw: b"\0" not in raw))
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_a_quoted_path_is_read_as_it_was(raw: bytes) -> None:
    path = os.fsdecode(raw)
    text = quoted(path)
    assert b"\n" not in text
    assert os.fsencode(unquoted(os.fsdecode(text))) == raw or not text.startswith(b'"')
