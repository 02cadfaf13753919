"""What the checks of the code's shape look at: the product's source files, each parsed once."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Source(NamedTuple):
    """One source file: its path from the root, its text, its tree."""

    path: str
    text: str
    tree: ast.Module

    def __repr__(self) -> str:
        return self.path

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


def _sources(folder: str) -> Iterator[Source]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if "/sample/" in name or "__pycache__" in name:
            continue
        text = path.read_text("utf-8")
        yield Source(name, text, ast.parse(text, name))


@pytest.fixture(scope="session")
def product() -> list[Source]:
    """Every module of the package, without the demo's sample project."""
    return list(_sources("src/codewhale"))


@pytest.fixture(scope="session")
def test_files() -> list[Source]:
    return list(_sources("tests"))
