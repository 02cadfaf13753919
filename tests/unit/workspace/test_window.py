"""Ranges of lines: whole small files, bounded parts of large ones, the same lines either way."""

from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace import window
from codewhale.workspace.files import Files
from codewhale.workspace.window import MAX_BYTES, read_window

LINES = [f"line {number} ü" for number in range(1, 3001)]


@pytest.fixture(params=["whole", "scanned"])
def files(root: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Both ways of reading; the second, for large files, in chunks that cut lines and characters."""
    if request.param == "scanned":
        monkeypatch.setattr(window, "_WHOLE", -1)
        monkeypatch.setattr(window, "_CHUNK", 1001)
    (root / "f.txt").write_text("\n".join(LINES) + "\n")
    return Files(str(root))


@pytest.mark.parametrize(("start", "count"), [(1, 200), (1, 1), (90, 20), (2990, 200), (3000, 1), (1, 500)])
def test_a_range(files: Files, start: int, count: int) -> None:
    found = read_window(files, "f.txt", start, count)
    expected = LINES[start - 1 : start - 1 + count]
    assert list(found.lines) == expected
    assert (found.first, found.total) == (start, 3000)
    assert found.next_line == (None if start + count > 3000 else start + count)


def test_beyond_the_end(files: Files) -> None:
    found = read_window(files, "f.txt", 3001, 10)
    assert (found.lines, found.total, found.next_line) == ((), 3000, None)


def test_the_bytes_are_bounded_and_reading_on_gets_everything(files: Files, root: Path) -> None:
    lines = ["ü" * (n % 700) for n in range(300)]
    (root / "wide.txt").write_text("\n".join(lines))
    got: list[str] = []
    following: int | None = 1
    while following is not None:
        found = read_window(files, "wide.txt", following, 500)
        assert sum(len(line.encode()) for line in found.lines) <= MAX_BYTES
        got += found.lines
        following = found.next_line
    assert got == lines


def test_a_line_longer_than_a_window_is_cut_and_passed(files: Files, root: Path) -> None:
    (root / "min.js").write_text("x" * 100_000 + "\nlast\n")
    first = read_window(files, "min.js", 1, 500)
    assert first.lines[0].endswith("x [the line goes on, but is cut here]")
    assert (len(first.lines), first.next_line) == (1, 2)
    assert read_window(files, "min.js", 2, 500).lines == ("last",)


def test_binary_is_refused(files: Files, root: Path) -> None:
    (root / "bin").write_bytes(b"a\n" * 2000 + b"\0")
    with pytest.raises(ToolError, match="binary"):
        read_window(files, "bin", 1, 10)


def test_an_empty_file(root: Path) -> None:
    (root / "empty").write_bytes(b"")
    found = read_window(Files(str(root)), "empty", 1, 10)
    assert (found.lines, found.total, found.next_line, found.text) == ((), 0, None, "")
