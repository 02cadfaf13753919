"""What git would ignore is not walked; links are not followed; limits are told."""

import os
import subprocess  # noqa: TID251  (git itself is the reference)
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codewhale.domain.errors import ToolError
from codewhale.workspace.blocking import Stop
from codewhale.workspace.files import Files
from codewhale.workspace.ignore import Rules, expanded
from codewhale.workspace.walk import Walk


def make(root: Path, tree: dict[str, str]) -> None:
    for path, content in tree.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)


def walked(files: Files, path: str = ".") -> list[str]:
    walk = Walk(files, path, Stop())
    return [walk.label(entry) for entry in walk.tree() if entry.is_file]


@pytest.mark.parametrize(
    ("pattern", "path", "ignored"),
    [
        ("*.log", "a/b.log", True),
        ("/*.log", "a/b.log", None),
        ("a/*.log", "a/b.log", True),
        ("a/*", "a/b/c", None),
        ("a/**", "a/b/c", True),
        ("***/a", "a", True),
        ("[a-[ab]", "a", True),
        ("/**", "a/b", True),
        ("/a**", "a/b", True),
        ("**/c", "a/b/c", True),
        ("a/**/c", "a/c", True),
        ("a/**/c", "a/x/y/c", True),
        ("build/", "build", None),
        ("b?ild", "build", True),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", None),
        ("[[:digit:]]", "7", True),
        ("\\#x", "#x", True),
        ("\\!x", "!x", True),
        ("x\\ ", "x ", True),
        ("x ", "x", True),
        ("x\r", "x", True),
        ("#x", "#x", None),
        ("x\\", "x", None),
        ("[ab", "a", None),
        ("!x", "x", False),
        ("", "x", None),
        ("/", "x", None),
    ],
)
def test_patterns(pattern: str, path: str, ignored: bool | None) -> None:
    assert Rules([pattern]).verdict(path, path.rpartition("/")[2], directory=False) is ignored


def test_a_later_line_overrules() -> None:
    rules = Rules(["*.log", "!keep.log", "/keep.log"])
    assert [rules.verdict(path, "keep.log", directory=False) for path in ("a/keep.log", "keep.log")] == [False, True]


NAMES = ["a", "b", "ab", "a.b", "[a]", "a b"]
PIECES = st.sampled_from(
    ["a", "b", "*", "**", "?", "/", ".", "[ab]", "[!a]", "[^b]", "\\a", "\\*", " ", "!", "[", "-", "]"]
)


@settings(max_examples=60, deadline=None)
@given(patterns=st.lists(st.lists(PIECES, min_size=1, max_size=6).map("".join), min_size=1, max_size=12))
def test_the_rules_say_what_git_says(patterns: list[str]) -> None:
    paths = [first + rest for first in NAMES for rest in ("", *(f"/{name}" for name in NAMES))]
    with TemporaryDirectory() as folder:
        subprocess.run(["git", "init", "-q", folder], check=True)
        Path(folder, ".gitignore").write_text("\n".join(patterns) + "\n")
        asked = subprocess.run(
            ["git", "-C", folder, "check-ignore", "--no-index", "--stdin", "-z", "-v", "-n"],
            input="\0".join(paths) + "\0",
            capture_output=True,
            text=True,
            check=False,
        )
        fields = asked.stdout.split("\0")
        told = {fields[at + 3]: fields[at + 2] for at in range(0, len(fields) - 1, 4)}
    rules = Rules(patterns)
    for path in paths:
        parents = path.split("/")[:-1]
        expected = {"": None}.get(told[path], not told[path].startswith("!"))
        if parents and rules.verdict(parents[0], parents[0], directory=True) and expected:
            continue  # git answers for the ignored parent; we do not enter it
        assert rules.verdict(path, path.rpartition("/")[2], directory=False) == expected, (patterns, path)


def test_nested_files_negation_and_exclude(files: Files, root: Path) -> None:
    make(
        root,
        {
            ".gitignore": "*.log\nout/\n",
            ".git/info/exclude": "local.txt\nkept.txt\n",
            ".git/config": "",
            "a.log": "",
            "out/x": "",
            "local.txt": "",
            "kept.txt": "",
            "sub/.gitignore": "!a.log\n!/kept.txt\n/only.txt\n",
            "sub/a.log": "",
            "sub/b.log": "",
            "sub/kept.txt": "",
            "sub/only.txt": "",
            "sub/deep/only.txt": "",
            "other/.git/HEAD": "",
            "other/a.log": "",
            "node_modules/x.js": "",
        },
    )
    assert walked(files) == [
        ".gitignore",
        "other/a.log",
        "src/app.py",
        "sub/.gitignore",
        "sub/a.log",
        "sub/deep/only.txt",
        "sub/kept.txt",
    ]
    assert walked(files, "sub") == ["sub/.gitignore", "sub/a.log", "sub/deep/only.txt", "sub/kept.txt"]
    assert walked(files, "out") == ["out/x"]
    assert walked(files, "node_modules") == ["node_modules/x.js"]


def test_links_are_named_not_followed(files: Files, root: Path, outside: Path) -> None:
    (root / "link").symlink_to(outside)
    (root / "loop").symlink_to(root)
    walk = Walk(files, ".", Stop())
    assert [(entry.name, entry.is_dir, entry.is_link) for entry in walk.level()] == [
        ("link", False, True),
        ("loop", False, True),
        ("src", True, False),
    ]
    assert walked(files) == ["src/app.py"]


def test_a_limit_is_told(files: Files, root: Path) -> None:
    make(root, {f"d{n}/f": "" for n in range(10)})
    walk = Walk(files, ".", Stop(), limit=15)
    assert len(list(walk.tree())) <= 15
    assert walk.cut


def test_a_very_deep_tree_ends(files: Files, root: Path) -> None:
    here = os.open(root, os.O_RDONLY)
    for _ in range(200):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)
    walk = Walk(files, ".", Stop())
    assert len(list(walk.tree())) < 200
    assert walk.cut


def test_an_interrupted_walk_stops(files: Files) -> None:
    stop = Stop()
    walk = Walk(files, ".", stop)
    stop.ask()
    with pytest.raises(ToolError) as caught:
        list(walk.tree())
    assert caught.value.category == "cancelled"


def test_a_name_that_is_no_utf8_does_not_stop_a_walk(files: Files, root: Path) -> None:
    (root / os.fsdecode(b"\xff")).write_text("")
    assert walked(files) == ["src/app.py", "\ufffd"]


def test_globs_for_people() -> None:
    assert expanded(["*.{ts,tsx}"]) == ["*.ts", "*.tsx"]
    assert expanded(["./src/", "/"]) == ["src", "**/src/**"]
    assert expanded(["a/b"]) == ["a/b", "a/b/**"]
