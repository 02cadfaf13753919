"""Searching: with ripgrep and without it the same is found, inside the workspace only."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from codewhale.domain.errors import ToolError
from codewhale.workspace.files import Files
from codewhale.workspace.grep import Match, Matches, Query, ripgrep, search
from codewhale.workspace.processes import Processes


@pytest.fixture
def processes() -> Iterator[Processes]:
    owner = Processes({"PATH": os.defpath})
    yield owner
    owner.close()


@pytest.fixture(params=["ripgrep", "without"])
def program(request: pytest.FixtureRequest, processes: Processes) -> str | None:
    return ripgrep(processes) if request.param == "ripgrep" else None


@pytest.fixture
def tree(root: Path) -> Path:
    contents = {
        ".gitignore": b"*.log\n/gen/\n",
        "src/.gitignore": b"!keep.log\n",
        "src/a.py": b"one\ntwo needle\nthree\nfour\nneedle five\n",
        "src/b.txt": b"Needle\r\nneedle$\r\n",
        "src/keep.log": b"needle kept\n",
        "src/drop.log": b"needle dropped\n",
        "src/latin.txt": b"gr\xfcn needle\n",
        "src/wide.txt": b"\xff\xfe" + "needle in UTF-16\n".encode("utf-16-le"),
        "src/binary.bin": b"needle\0needle\n",
        "gen/out.py": b"needle generated\n",
        ".github/ci.yml": b"needle: hidden\n",
        ".git/config": b"needle\n",
        "node_modules/m.js": b"needle\n",
        "src/long.js": b"x" * 5000 + b"needle\n",
        "a-b.txt": b"needle\n",
    }
    for path, content in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "link.txt").symlink_to("src/a.py")
    return root


async def found(files: Files, processes: Processes, program: str | None, **query: object) -> list[tuple[str, int]]:
    asked = Query(pattern="needle", **query)  # pyright: ignore[reportArgumentType]
    matches = await search(files, processes, asked, program)
    return [(match.file, match.line_number) for match in matches.matches]


async def test_a_match_with_its_context(files: Files, processes: Processes, program: str | None, tree: Path) -> None:
    matches = await search(files, processes, Query(pattern="two n", context_lines=1), program)
    assert matches.matches == (
        Match(file="src/a.py", line_number=2, line="two needle", context_before=("one",), context_after=("three",)),
    )
    assert (matches.total_matches, matches.truncated) == (1, False)


async def test_where_it_looks(files: Files, processes: Processes, program: str | None, tree: Path) -> None:
    assert await found(files, processes, program) == [
        (".github/ci.yml", 1),
        ("a-b.txt", 1),
        ("src/a.py", 2),
        ("src/a.py", 5),
        ("src/b.txt", 2),
        ("src/keep.log", 1),
        ("src/latin.txt", 1),
        ("src/long.js", 1),
        ("src/wide.txt", 1),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"path": "src/a.py"}, [("src/a.py", 2), ("src/a.py", 5)]),
        ({"path": "link.txt"}, [("src/a.py", 2), ("src/a.py", 5)]),
        ({"path": "gen"}, [("gen/out.py", 1)]),
        ({"path": "node_modules"}, [("node_modules/m.js", 1)]),
        ({"path": "src", "include": ("*.{py,log}",)}, [("src/a.py", 2), ("src/a.py", 5), ("src/keep.log", 1)]),
        ({"include": ("src",), "exclude": ("*.txt", "*.js", "a.*")}, [("src/keep.log", 1)]),
        ({"case_insensitive": True, "include": ("b.txt",)}, [("src/b.txt", 1), ("src/b.txt", 2)]),
    ],
)
async def test_narrowing(
    files: Files,
    processes: Processes,
    program: str | None,
    tree: Path,
    query: dict[str, object],
    expected: list[tuple[str, int]],
) -> None:
    assert await found(files, processes, program, **query) == expected


async def test_both_ways_give_equal_results(files: Files, processes: Processes, tree: Path) -> None:
    for pattern in ("needle$", r"\bneedle\b", "^n", "(?<=two )needle", "e{2}", r"\$", "x{20}n"):
        for path in (".", "src", "gen", "src/b.txt"):
            query = Query(pattern=pattern, path=path)
            one, other = [await search(files, processes, query, way) for way in (ripgrep(processes), None)]
            assert one.matches == other.matches, (pattern, path)
            assert (one.total_matches, one.truncated) == (other.total_matches, other.truncated), (pattern, path)


async def test_long_lines_are_cut_and_many_matches_are_counted(
    files: Files, processes: Processes, program: str | None, root: Path
) -> None:
    (root / "many.txt").write_text("x\n" * 500 + "y" * 2000 + "\n")
    first = await search(files, processes, Query(pattern="x", max_results=3, context_lines=0), program)
    assert (len(first.matches), first.total_matches, first.truncated) == (3, 500, True)
    (long,) = (await search(files, processes, Query(pattern="y", context_lines=0), program)).matches
    assert len(long.line) == 501


async def test_the_result_is_bounded(files: Files, processes: Processes, program: str | None, root: Path) -> None:
    for number in range(30):
        (root / f"f{number}.txt").write_text(("needle" + "z" * 490 + "\n") * 1000)
    result = await search(files, processes, Query(pattern="needle", max_results=1000), program)
    assert result.truncated
    assert sum(len(match.line) for match in result.matches) < 64 * 1024


async def test_a_flood_of_matches_ends_the_search_early(files: Files, processes: Processes, tmp_path: Path) -> None:
    flood = tmp_path / "rg"
    flood.write_text("#!/bin/sh\nwhile :; do printf './src/app.py\\0001:x\\n./src/none.py\\0001:x\\n'; done\n")
    flood.chmod(0o755)
    async with asyncio.timeout(15):
        result = await search(files, processes, Query(pattern="x"), str(flood))
    assert result.truncated
    assert {match.file for match in result.matches} == {"src/app.py"}


async def test_a_bad_pattern_is_explained(files: Files, processes: Processes, program: str | None) -> None:
    with pytest.raises(ToolError, match="not a valid regular expression"):
        await search(files, processes, Query(pattern="(a"), program)


async def test_a_bad_glob_is_explained_and_a_strange_one_is_a_glob(
    files: Files, processes: Processes, program: str | None, tree: Path
) -> None:
    with pytest.raises(ToolError, match="is no valid glob"):
        await found(files, processes, program, exclude=("[a",))
    (tree / "x{a.py").write_text("needle\n")
    assert ("x{a.py", 1) not in await found(files, processes, program, exclude=("x{a.py",))


@pytest.mark.parametrize("path", ["../outside", "/etc", "out"])
async def test_nothing_outside_is_searched(
    files: Files, processes: Processes, program: str | None, root: Path, outside: Path, path: str
) -> None:
    (root / "out").symlink_to(outside)
    with pytest.raises(ToolError) as caught:
        await search(files, processes, Query(pattern="secret", path=path), program)
    assert caught.value.category == "path_escape"
    assert (await search(files, processes, Query(pattern="secret"), program)).matches == ()


async def test_a_line_is_read_inside_even_if_the_finder_was_led_outside(
    files: Files, processes: Processes, root: Path, outside: Path, tmp_path: Path
) -> None:
    (root / "out").symlink_to(outside)
    fake = tmp_path / "rg"
    fake.write_text("#!/bin/sh\nprintf './out/secret.txt\\0001:x\\n./../outside/secret.txt\\0001:x\\n'\n")
    fake.chmod(0o755)
    result = await search(files, processes, Query(pattern="secret"), str(fake))
    assert result == Matches(matches=(), total_matches=0, files_searched=2, truncated=False)


async def test_a_file_whose_name_is_not_utf8_is_searched(root: Path, processes: Processes, program: str | None) -> None:
    (root / os.fsdecode(b"caf\xe9.txt")).write_bytes(b"a needle\n")
    found = await search(Files(str(root)), processes, Query(pattern="needle"), program)
    assert [match.line for match in found.matches] == ["a needle"]
