"""Writing: all at once or not at all, with mode and links kept, and never into what steers git or codewhale."""

import os
import stat
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.files import Files, Write


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_a_new_file_gets_its_directories(files: Files, root: Path) -> None:
    files.write("a/b/c.txt", b"new", None)
    assert (root / "a/b/c.txt").read_bytes() == b"new"
    assert listing(root) == ["a", "a/b", "a/b/c.txt", "src", "src/app.py"]


def test_the_mode_of_a_file_is_kept(files: Files, root: Path) -> None:
    script = root / "run.sh"
    script.write_text("old")
    script.chmod(0o750)
    files.write("run.sh", b"new", files.read("run.sh").stamp)
    assert (script.read_bytes(), stat.S_IMODE(script.stat().st_mode)) == (b"new", 0o750)


def test_a_link_is_kept_and_its_target_written(files: Files, root: Path) -> None:
    (root / "link.py").symlink_to("src/app.py")
    files.write("link.py", b"new", files.read("link.py").stamp)
    assert os.readlink(root / "link.py") == "src/app.py"
    assert (root / "src/app.py").read_bytes() == b"new"


def test_a_hard_link_elsewhere_is_not_written_through(files: Files, root: Path, outside: Path) -> None:
    os.link(outside / "secret.txt", root / "hard.txt")
    files.write("hard.txt", b"new", files.read("hard.txt").stamp)
    assert (outside / "secret.txt").read_bytes() == b"secret\n"
    assert (root / "hard.txt").read_bytes() == b"new"


def test_a_file_changed_meanwhile_is_not_overwritten(files: Files, root: Path) -> None:
    stamp = files.read("src/app.py").stamp
    (root / "src/app.py").write_text("by somebody else")
    with pytest.raises(ToolError, match="changed by somebody else"):
        files.write("src/app.py", b"mine", stamp)
    with pytest.raises(ToolError, match="changed by somebody else"):
        files.write("src/app.py", b"mine", None)
    assert (root / "src/app.py").read_text() == "by somebody else"
    assert listing(root) == ["src", "src/app.py"]


@pytest.mark.parametrize(
    "path",
    [".git/config", ".git", "sub/.git/hooks/pre-commit", ".GIT/x", ".git /x", ".codewhale/a", ".deepseek/a", ".veil"],
)
def test_what_steers_git_or_codewhale_is_not_written(files: Files, root: Path, path: str) -> None:
    with pytest.raises(ToolError) as caught:
        files.write(path, b"x", None)
    assert caught.value.category == "permission_denied"
    assert listing(root) == ["src", "src/app.py"]


def test_not_through_a_link_either(files: Files, root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("[core]\n")
    (root / "innocent").symlink_to(".git/config")
    with pytest.raises(ToolError, match=r"is inside \.git"):
        files.write("innocent", b"x", None)


def test_a_name_like_git_is_a_name(files: Files, root: Path) -> None:
    files.write(".gitignore", b"*.log\n", None)
    files.write(".github/x.yml", b"", None)
    assert (root / ".gitignore").exists()


def test_a_read_only_file_is_refused(files: Files, root: Path) -> None:
    (root / "src/app.py").chmod(0o444)
    with pytest.raises(ToolError, match=r"src/app\.py is read-only; nothing was written"):
        files.write("src/app.py", b"x", files.read("src/app.py").stamp)


def test_all_or_nothing(files: Files, root: Path) -> None:
    (root / "b.txt").write_text("b")
    stamp, other = files.read("src/app.py").stamp, files.read("b.txt").stamp
    (root / "b.txt").write_text("changed")
    writes = [
        Write(path="new/deep/a.txt", content=b"a", stamp=None),
        Write(path="src/app.py", content=b"x", stamp=stamp),
        Write(path="b.txt", content=None, stamp=other),
    ]
    with pytest.raises(ToolError, match=r"b\.txt was changed"):
        files.write_all(writes)
    assert listing(root) == ["b.txt", "src", "src/app.py"]
    assert (root / "src/app.py").read_text() == "print('hi')\n"


def test_a_failure_while_committing_brings_everything_back(files: Files, root: Path) -> None:
    (root / "gone.txt").write_text("gone")
    (root / "last.txt").write_text("last")
    before = {path: (root / path).stat().st_ino for path in ("src/app.py", "gone.txt")}
    writes = [
        Write(path="new/a.txt", content=b"a", stamp=None),
        Write(path="src/app.py", content=b"x", stamp=files.read("src/app.py").stamp),
        Write(path="gone.txt", content=None, stamp=files.read("gone.txt").stamp),
        Write(path="last.txt", content=b"y", stamp=files.read("last.txt").stamp),
    ]

    def wanted() -> bool:
        (root / "last.txt").write_text("changed after everything was staged")
        return True

    with pytest.raises(ToolError, match=r"last\.txt was changed"):
        files.write_all(writes, wanted)
    assert listing(root) == ["gone.txt", "last.txt", "src", "src/app.py"]
    assert (root / "src/app.py").read_text() == "print('hi')\n"
    assert (root / "gone.txt").read_text() == "gone"
    assert {path: (root / path).stat().st_ino for path in before} == before


def test_an_interrupt_before_the_first_commit_writes_nothing(files: Files, root: Path) -> None:
    with pytest.raises(ToolError) as caught:
        files.write_all([Write(path="a/b", content=b"x", stamp=None)], lambda: False)
    assert caught.value.category == "cancelled"
    assert listing(root) == ["src", "src/app.py"]


def test_removing_a_file(files: Files, root: Path) -> None:
    files.write_all([Write(path="src/app.py", content=None, stamp=files.read("src/app.py").stamp)])
    assert listing(root) == ["src"]


def test_executable_bits(files: Files, root: Path) -> None:
    files.write_all([Write(path="run", content=b"#!/bin/sh\n", stamp=None, executable=True)])
    assert os.access(root / "run", os.X_OK)
    files.write_all([Write(path="run", content=b"", stamp=files.read("run").stamp, executable=False)])
    assert stat.S_IMODE((root / "run").stat().st_mode) & 0o111 == 0
