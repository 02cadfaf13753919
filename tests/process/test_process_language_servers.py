"""Real language servers, where they are installed: what they say of an edit reaches the model, and nothing older does."""

import asyncio
import os
import shutil
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from codewhale.domain.language_servers import LspSettings
from codewhale.testing.edit_turn import said, turn
from codewhale.workspace.lsp.catalog import KNOWN
from codewhale.workspace.lsp.servers import View, read_only
from codewhale.workspace.processes import Processes

PATIENT = LspSettings(wait_ms=30_000)
SEARCHED = os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent)))
CASES = {
    "python": ("a.py", "x: int = 1\nold: int = 'a'\n", "x: int = 'b'\nold: int = 'a'\n", "ERROR [1:10] "),
    "cpp": (
        "a.c",
        "int f(void) { return old; }\n",
        "int f(void) { return old; }\nint g(void) { return new_; }\n",
        "ERROR [2:22] ",
    ),
    "typescript": (
        "a.ts",
        "let old: number = 'a';\n",
        "let old: number = 'a';\nlet x: number = 'b';\n",
        "ERROR [2:5] ",
    ),
    "go": ("a.go", "package a\n", 'package a\n\nvar x int = "b"\n', "ERROR [3:13] "),
    "rust": ("src/lib.rs", "pub fn f() {}\n", 'pub fn f() {}\npub fn g() -> u8 { "b" }\n', "ERROR [2:20] "),
}
AROUND = {
    "go": ("go.mod", "module a\n\ngo 1.20\n"),
    "rust": ("Cargo.toml", '[package]\nname = "a"\nversion = "0.1.0"\n'),
}


def bare(processes: Processes, root: str) -> Processes:
    """No sandbox."""
    del root
    return processes


async def works(program: str) -> bool:
    """A toolchain may have a stand-in for a server that is not installed."""
    if os.path.basename(program) != "rust-analyzer":
        return True
    started = await asyncio.create_subprocess_exec(program, "--version", stdout=PIPE, stderr=PIPE)
    await started.communicate()
    return started.returncode == 0


@pytest.mark.parametrize(
    ("language", "view"),
    [("python", bare), *((language, read_only) for language in CASES)],
    ids=lambda one: getattr(one, "__name__", one),
)
async def test_a_real_server_finds_what_an_edit_broke(tmp_path: Path, language: str, view: View) -> None:
    known = next(one for one in KNOWN if one.language == language)
    found = [program for argv in known.commands if (program := shutil.which(argv[0], path=SEARCHED)) is not None]
    if not found or not await works(found[0]):
        pytest.skip(f"no {' or '.join(argv[0] for argv in known.commands)} on this machine: {language} is not shown")
    name, before, after, expected = CASES[language]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(before)
    if language in AROUND:
        (tmp_path / AROUND[language][0]).write_text(AROUND[language][1])
    async with turn(tmp_path, PATIENT, {**os.environ, "PATH": SEARCHED}, view=view) as now:
        reports = await now.edit_files({name: after})
        assert now.said == []
        lines = said(reports).splitlines()
        assert [line[: len(expected)] for line in lines[1:-1]] == [expected]
        assert said(await now.edit_files({name: f"\n{after}" if language != "cpp" else f"\n\n{after}"})) == ""
        [mended] = await now.edit_files({name: before})
        assert (mended.found, mended.gone, mended.pending) == ((), 1, False)
