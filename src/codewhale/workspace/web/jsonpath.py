"""Picks values out of JSON by paths: `$.a.b`, `['a b']`, `[0]`, `[-1]`, `[*]`, `.*` and `..name`. Pure, and bounded."""

import re
from collections.abc import Iterator
from typing import cast

from codewhale.domain.errors import ToolError

MAX_MATCHES = 1000
_STEP = re.compile(
    r"\.\.(?P<deep>[\w-]+|\*)|\.(?P<name>[\w-]+|\*)|\[(?P<index>-?\d{1,9})\]|\[\*\](?P<all>)|\['(?P<one>[^']*)'\]|\[\"(?P<two>[^\"]*)\"\]"
)

Step = tuple[str, str]


def picked(document: object, path: str) -> object:
    """What the path leads to: one value (None when there is none), or a list when it holds a wildcard. `ToolError` for a path
    that is none."""
    steps = _steps(path)
    found: list[object] = [document]
    for kind, word in steps:
        found = [value for node in found for value in _children(node, kind, word)][:MAX_MATCHES]
    if any(kind in ("all", "deep") for kind, _ in steps):
        return found
    return found[0] if found else None


def _steps(path: str) -> list[Step]:
    text = path.strip()
    rest = text.removeprefix("$")
    rest = rest if rest.startswith((".", "[")) or not rest else f".{rest}"
    steps: list[Step] = []
    at = 0
    while at < len(rest):
        found = _STEP.match(rest, at)
        if found is None:
            raise ToolError(
                f"{path!r} is not a JSONPath that is understood: use $.a.b[0], [*] and ..name.",
                category="invalid_input",
            )
        steps.append(_step(found.groupdict()))
        at = found.end()
    return steps


def _step(groups: dict[str, str | None]) -> Step:
    name = next((groups[key] for key in ("name", "one", "two") if groups[key] is not None), None)
    if groups["deep"] is not None:
        return "deep", groups["deep"]
    if groups["index"] is not None:
        return "index", groups["index"]
    if name is None or (name == "*" and groups["name"] is not None):
        return "all", ""
    return "name", name


def _children(node: object, kind: str, word: str) -> Iterator[object]:
    match kind:
        case "name":
            if isinstance(node, dict) and word in node:
                yield cast("dict[str, object]", node)[word]
        case "index":
            values = cast("list[object]", node) if isinstance(node, list) else []
            if -len(values) <= int(word) < len(values):
                yield values[int(word)]
        case "deep":
            for inner in _below(node):
                if isinstance(inner, dict):
                    table = cast("dict[str, object]", inner)
                    yield from table.values() if word == "*" else [table[word]] if word in table else []
        case _:
            yield from _inside(node)


def _inside(node: object) -> list[object]:
    if isinstance(node, dict):
        return list(cast("dict[str, object]", node).values())
    return cast("list[object]", node) if isinstance(node, list) else []


def _below(node: object) -> Iterator[object]:
    """The node and everything in it, outermost first."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        yield at
        waiting += reversed(_inside(at))
