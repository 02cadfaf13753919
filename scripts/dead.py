"""Dead code: what nothing in the package uses. Tests do not count as users: nothing lands unreachable from a surface.

Left out: fields of structs (the wire format), names like `__exit__` (Python's), parameters (ruff's ARG).
tests/architecture/dead_code_allowed.txt lists names that are used from outside, each with its reason; a name there that is
no longer needed is an error too.
"""

import ast
import re
import sys
from pathlib import Path

from vulture import Vulture

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = ROOT / "tests/architecture/dead_code_allowed.txt"


def main() -> int:
    """Exit code 0 when nothing is dead and the list holds nothing needless."""
    sources = [p for p in sorted((ROOT / "src/codewhale").rglob("*.py")) if "sample" not in p.parts]
    finder = Vulture(verbose=False)
    finder.scavenge([str(path) for path in sources])
    spared = {place for path in sources for place in _spared(path)}
    allowed, used, count = _allowed(), set[str](), 0
    for item in finder.get_unused_code(min_confidence=60):
        if (str(item.filename), item.name) in spared or re.fullmatch("__.*__", item.name):
            continue
        path = Path(item.filename).relative_to(ROOT).as_posix()
        rule = next((name for name in allowed if _matches(name, path, item.name)), None)
        if rule is not None:
            used.add(rule)
            continue
        count += 1
        print(f"{path}:{item.first_lineno}: unused {item.typ} {item.name}")
    for name in [name for name in allowed if name not in used]:
        count += 1
        print(f"{ALLOWED.name}: nothing dead is called {name}; take it off the list")
    if not count:
        print("Nothing is dead.")
    return 1 if count else 0


def _spared(path: Path) -> set[tuple[str, str]]:
    """Annotated names in class bodies (fields of structs and protocols) and parameters, with the file they are in."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            fields = (s.target for s in node.body if isinstance(s, ast.AnnAssign))
            names |= {target.id for target in fields if isinstance(target, ast.Name)}
        elif isinstance(node, ast.arg):
            names.add(node.arg)
    return {(str(path), name) for name in names}


def _allowed() -> dict[str, str]:
    """`NAME  # why` or `path/prefix::NAME  # why`, where NAME may be `*`."""
    lines = ALLOWED.read_text("utf-8").splitlines()
    pairs = (re.split(r"\s+#\s+", line.strip(), maxsplit=1) for line in lines if line.strip()[:1] not in ("", "#"))
    listed = {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
    for name, why in listed.items():
        if not why:
            sys.exit(f"{ALLOWED.name}: {name} says not why")
    return listed


def _matches(rule: str, path: str, name: str) -> bool:
    prefix, separator, wanted = rule.rpartition("::")
    return wanted in {name, "*"} and (not separator or path.startswith(prefix))


if __name__ == "__main__":
    sys.exit(main())
