"""Size budgets of files, classes and functions. The exception list may only shrink."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Source

FILE_SOFT = 400
FILE_HARD = 600
LOOP_FILE = 250
TEST_FILE = 500
CLASS_LINES = 250
FUNCTION_STATEMENTS = 40

EXCEPTIONS = Path(__file__).with_name("size_exceptions.txt")
CEILING = 0
"""How many exceptions there may be. Lower it when one goes; never raise it."""

Place = tuple[str, str]
"""A place over its budget: its name as it would stand in the exception list, and what is wrong with it."""


def _statements(function: ast.AST) -> int:
    """Statements in a function, those of functions inside it not counted; the docstring is none."""
    count = 0
    todo = list(ast.iter_child_nodes(function))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            count += 1
            continue
        if isinstance(node, ast.stmt) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            count += 1
        todo.extend(ast.iter_child_nodes(node))
    return count


def _over_budget(source: "Source") -> Iterator[Place]:
    if source.lines > FILE_SOFT:
        yield source.path, f"{source.lines} lines, {FILE_SOFT} allowed"
    for node in ast.walk(source.tree):
        match node:
            case ast.ClassDef():
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > CLASS_LINES:
                    yield f"{source.path}::{node.name}", f"class of {length} lines, {CLASS_LINES} allowed"
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                count = _statements(node)
                if count > FUNCTION_STATEMENTS:
                    yield f"{source.path}::{node.name}", f"{count} statements, {FUNCTION_STATEMENTS} allowed"
            case _:
                pass


def _listed() -> dict[str, str]:
    lines = (line.strip() for line in EXCEPTIONS.read_text("utf-8").splitlines())
    pairs = (line.partition("  # ") for line in lines if line and not line.startswith("#"))
    return {place.strip(): reason.strip() for place, _, reason in pairs}


def test_everything_is_within_its_budget_or_listed(product: list["Source"]) -> None:
    listed = _listed()
    over = [f"{place}: {why}" for source in product for place, why in _over_budget(source) if place not in listed]
    assert not over, "split these:\n" + "\n".join(over)


def test_no_file_passes_the_hard_limit(product: list["Source"]) -> None:
    assert [f"{s.path}: {s.lines}" for s in product if s.lines > FILE_HARD] == []


def test_test_files_stay_readable(test_files: list["Source"]) -> None:
    assert [f"{s.path}: {s.lines}" for s in test_files if s.lines > TEST_FILE] == []


def test_the_exception_list_only_shrinks(product: list["Source"]) -> None:
    listed = _listed()
    needed = {place for source in product for place, _ in _over_budget(source)}
    assert set(listed) - needed == set(), "these are within their budget now: take them off the list"
    assert all(listed.values()), "every exception says why"
    assert len(listed) == CEILING, "CEILING is the length of the list, and it only falls"


def test_the_agent_loop_stays_small(product: list["Source"]) -> None:
    """The law of the loop: features come as middleware, tools and item kinds, so its files do not grow."""
    loop = {f"src/codewhale/engine/{name}.py" for name in ("turn", "step", "call")}
    assert {s.path for s in product} >= loop
    assert [f"{s.path}: {s.lines}" for s in product if s.path in loop and s.lines > LOOP_FILE] == []
