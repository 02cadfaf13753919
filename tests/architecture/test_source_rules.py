"""Rules of the code that no linter knows: docstrings of modules, names, tasks with parents, no await in finally."""

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Source

BAD_NAME = re.compile(r"(Manager|Handler|Helper|Helpers|Util|Utils|Impl|Info)$|^(Base|Abstract)[A-Z]")
BAD_MODULE = re.compile(r"^(utils?|helpers?|common|misc|base|managers?|handlers?|info)$")
CONTRACT_NAMES = {"RuntimeInfo"}  # the published name of a record
BROAD = {"Exception", "BaseException"}
BOUNDARIES = {
    # Where a broad `except` may stand, and what it turns the failure into
    "src/codewhale/engine/turn.py": "a turn that failed",
    "src/codewhale/engine/call.py": "the error result of a tool call",
    "src/codewhale/engine/step.py": "the error result of a tool call",
    "src/codewhale/surfaces/http/guard.py": "a 500 answer",
    "src/codewhale/work/tasks_pool.py": "a task that failed",
    "src/codewhale/work/automations_book.py": "an automation that rests, and says why",
    "src/codewhale/surfaces/http/errors.py": "a 500 answer",
    "src/codewhale/policy/commands/judge.py": "the verdict ask: a judge that breaks has shown nothing",
    "src/codewhale/policy/commands/parts.py": "a text of which nothing is known: no allow fits it, every deny may",
    "src/codewhale/workspace/lsp/edits.py": "a note that the edit could not be checked",
    "src/codewhale/store/writer.py": "failed tickets: the writer thread has no caller to raise to",
}


def _first_line_number(node: ast.AST) -> int:
    return getattr(node, "lineno", 1)


def test_every_module_says_what_it_is_in_one_to_six_lines(product: list["Source"]) -> None:
    wrong: list[str] = []
    for source in product:
        words = ast.get_docstring(source.tree)
        if words is None:
            wrong.append(f"{source.path}: no docstring")
        elif words.count("\n") > 5 and not source.path.endswith("domain/errors.py"):
            wrong.append(f"{source.path}: docstring of {words.count(chr(10)) + 1} lines")
    assert not wrong, "\n".join(wrong)


def test_names_say_what_a_thing_is(product: list["Source"]) -> None:
    wrong = [
        f"{source.path}:{node.lineno}: {node.name}"
        for source in product
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and BAD_NAME.search(node.name) and node.name not in CONTRACT_NAMES
    ]
    wrong += [s.path for s in product if BAD_MODULE.match(s.path.rsplit("/", 1)[-1].removesuffix(".py"))]
    assert not wrong, "a name of the word list says more:\n" + "\n".join(wrong)


def test_every_task_has_a_parent(product: list["Source"]) -> None:
    """`loop.create_task` slips past a ban on `asyncio.create_task`."""
    wrong = [
        f"{source.path}:{node.lineno}: {ast.unparse(node.func)}"
        for source in product
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"create_task", "ensure_future"}
        and re.search(r"loop|asyncio", ast.unparse(node.func.value))
    ]
    assert not wrong, "start these in a TaskGroup:\n" + "\n".join(wrong)


def _awaits(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(node)
        todo.extend(ast.iter_child_nodes(node))
    return found


def test_nothing_is_awaited_in_finally(product: list["Source"]) -> None:
    """A cancelled task is cancelled again at its next await, so clean-up that awaits may not happen."""
    wrong = [
        f"{source.path}:{_first_line_number(found)}"
        for source in product
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Try)
        for found in _awaits(node.finalbody)
    ]
    assert not wrong, "\n".join(wrong)


def _is_broad(node: ast.ExceptHandler) -> bool:
    if node.type is None:
        return True
    caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(isinstance(name, ast.Name) and name.id in BROAD for name in caught)


def test_broad_except_stands_at_the_boundaries_only(product: list["Source"]) -> None:
    """A `BaseException` that is raised again (a failed context is closed on the way out) swallows nothing."""
    wrong = [
        f"{source.path}:{node.lineno}"
        for source in product
        if source.path not in BOUNDARIES
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ExceptHandler)
        and _is_broad(node)
        and not any(isinstance(last, ast.Raise) and last.exc is None for last in ast.walk(node))
    ]
    assert not wrong, "catch what can happen here, by name:\n" + "\n".join(wrong)


def test_msgspec_structs_keep_their_annotations_real(product: list["Source"]) -> None:
    wrong = [
        source.path
        for source in product
        if "from __future__ import annotations" in source.text and re.search(r"\bStruct\b", source.text)
    ]
    assert not wrong, "\n".join(wrong)
