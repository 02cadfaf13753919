"""Where paths may lead, and what a person or model reads when they may not."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.files import Files


def refusal(files: Files, path: str) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        files.read(path)
    return caught.value.category, caught.value.message


@pytest.mark.parametrize(
    "path", ["src/app.py", "./src//app.py", "src/../src/app.py", "src/./app.py", "../root/src/app.py"]
)
def test_ways_inside_are_the_same_file(files: Files, path: str) -> None:
    assert files.read(path).path == "src/app.py"
    assert files.read(path).content == b"print('hi')\n"


def test_an_absolute_path_inside_is_fine(files: Files, root: Path) -> None:
    assert files.read(f"{root}/src/app.py").path == "src/app.py"


def test_a_root_given_through_a_link_accepts_both_names(root: Path, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(root)
    files = Files(str(alias))
    assert files.root == str(root)
    assert files.read(f"{alias}/src/app.py").path == "src/app.py"
    assert files.read(f"{root}/src/app.py").path == "src/app.py"


@pytest.mark.parametrize(
    "path",
    ["../outside/secret.txt", "src/../../outside/secret.txt", "/etc/passwd", "/", "..", "src/../..", "../root2/x"],
)
def test_ways_outside_are_refused(files: Files, path: str) -> None:
    assert refusal(files, path)[0] == "path_escape"


def test_a_name_that_begins_like_the_root_is_not_inside(root: Path, tmp_path: Path) -> None:
    sibling = tmp_path / "root-private"
    sibling.mkdir()
    (sibling / "x").write_text("x")
    assert refusal(Files(str(root)), f"{sibling}/x")[0] == "path_escape"


def test_links_are_followed_inside_and_refused_outside(files: Files, root: Path, outside: Path) -> None:
    (root / "to_file").symlink_to("src/app.py")
    (root / "to_dir").symlink_to(root / "src")
    (root / "out_file").symlink_to(outside / "secret.txt")
    (root / "out_dir").symlink_to("../outside")
    (root / "chain").symlink_to("out_dir/secret.txt")
    assert files.read("to_file").path == "src/app.py"
    assert files.read("to_dir/app.py").path == "src/app.py"
    assert files.read("to_dir/../src/app.py").path == "src/app.py"
    for path in (
        "out_file",
        "out_dir/secret.txt",
        "chain",
        "out_dir/../root/src/app.py",
        "to_dir/../../outside/secret.txt",
    ):
        assert refusal(files, path)[0] == "path_escape", path


def test_a_dangling_link_to_the_outside_cannot_be_written_through(files: Files, root: Path, outside: Path) -> None:
    (root / "new").symlink_to(outside / "new.txt")
    with pytest.raises(ToolError) as caught:
        files.write("new", b"x", None)
    assert caught.value.category == "path_escape"
    assert os.listdir(outside) == ["secret.txt"]


def test_a_circle_of_links_ends(files: Files, root: Path) -> None:
    (root / "a").symlink_to("b")
    (root / "b").symlink_to("a")
    assert refusal(files, "a") == ("invalid_input", "a runs in a circle of symbolic links.")


def test_trusted_roots_are_reached_by_absolute_path_only(root: Path, outside: Path) -> None:
    files = Files(str(root), (str(outside),))
    assert files.read(f"{outside}/secret.txt").path == f"{outside}/secret.txt"
    (root / "link").symlink_to(outside / "secret.txt")
    assert files.read("link").content == b"secret\n"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "The path is empty. Name a file, or `.` for the workspace."),
        ("a\0b", "The path holds a NUL character, which no file name can."),
        ("\ud800", "The path is not valid Unicode text."),
        ("x" * 5000, "The path is 5000 bytes long; 4096 are possible."),
        ("src", "src is a directory, not a file. list_dir shows what is in it."),
        (".", ". is a directory, not a file. list_dir shows what is in it."),
        ("src/app.py/x", "src/app.py/x cannot be: src/app.py is a file, not a directory."),
        ("src/ap.py", "src/ap.py does not exist. Did you mean src/app.py?"),
        ("SRC/app.py", "SRC/app.py does not exist: there is no directory SRC. Did you mean src?"),
        ("zzz", "zzz does not exist."),
        (
            "no/../src",
            "no/../src goes through no, which does not exist, and back up with `..`; name the path directly.",
        ),
    ],
)
def test_what_is_said_about_paths_that_cannot_be(files: Files, path: str, message: str) -> None:
    assert refusal(files, path) == ("invalid_input", message)


def test_a_pipe_is_no_file_and_does_not_block(files: Files, root: Path) -> None:
    os.mkfifo(root / "pipe")
    assert refusal(files, "pipe") == ("invalid_input", "pipe is a device, pipe or socket, not a file.")


def test_control_characters_in_a_name_are_escaped_in_messages(files: Files) -> None:
    assert refusal(files, "a\nb\u202ec")[1] == "a\\nb\\u202ec does not exist."


def test_the_directory_of_a_command(files: Files, root: Path) -> None:
    assert files.directory() == str(root)
    assert files.directory("src") == f"{root}/src"
    for path, message in (("src/app.py", "is a file, not a directory"), ("none", "does not exist")):
        with pytest.raises(ToolError, match=message):
            files.directory(path)


def test_resolve_names_places_that_do_not_exist_yet(files: Files, root: Path) -> None:
    assert files.resolve("src/new/deep.py") == f"{root}/src/new/deep.py"


def test_a_large_file_is_refused_with_its_size(files: Files) -> None:
    with pytest.raises(ToolError, match="has 12 bytes; up to 5 can be handled"):
        files.read("src/app.py", 5)


def test_no_descriptor_is_left_open(files: Files, root: Path) -> None:
    (root / "link").symlink_to("../outside/secret.txt")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("src/app.py", "src", "link", "none/x", "../x", "src/app.py/x", "."):
        with suppress(ToolError):
            files.read(path)
    files.write("n/e/w", b"1", None)
    with pytest.raises(ToolError):
        files.write("n/e/w", b"2", None)
    assert len(os.listdir("/proc/self/fd")) == before
