"""`file_search`: files whose name or path is like a query, best first."""

from collections.abc import Iterator
from heapq import nsmallest
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.files import Files
from codewhale.workspace.ignore import Globs
from codewhale.workspace.walk import Walk

_Texts = tuple[Annotated[str, Meta(min_length=1)], ...]


class FileSearch(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which files to look for."""

    query: Annotated[
        str, Meta(min_length=1, max_length=1000, description="Name, path or part of one; letters in order suffice.")
    ]
    path: Annotated[str, Meta(description="Directory to look in (default: the workspace).")] = "."
    limit: Annotated[int, Meta(ge=1, le=200, description="At most so many files (default 20).")] = 20
    extensions: Annotated[_Texts, Meta(description="Only files with one of these extensions, such as `py`.")] = ()
    exclude: Annotated[_Texts, Meta(description="Not the files that fit one of these globs.")] = ()


class Candidate(Struct, frozen=True):
    """A file that is like the query; 1.0 is its exact name."""

    path: str
    score: float


async def _run(args: FileSearch, context: ToolContext) -> ToolOutput:
    return await blocking(lambda stop: _search(context.files, args, stop))


def _search(files: Files, args: FileSearch, stop: Stop) -> ToolOutput:
    walk = Walk(files, args.path, stop)
    count = 0

    def counted() -> Iterator[Candidate]:
        nonlocal count
        for candidate in _candidates(walk, args):
            count += 1
            yield candidate

    best = nsmallest(args.limit, counted(), key=lambda each: (-each.score, len(each.path), each.path))
    counts: dict[str, object] = {"total": count, "truncated": walk.cut or count > len(best)}
    return ToolOutput(text=msgspec.json.encode({"files": best, **counts}).decode(), metadata=counts)


def _candidates(walk: Walk, args: FileSearch) -> Iterator[Candidate]:
    query = args.query.replace("\\", "/").removeprefix("./").lower()
    endings = tuple("." + extension.lstrip(".").lower() for extension in args.extensions)
    exclude = Globs(args.exclude)
    depth = len(walk.base)
    for entry in walk.tree():
        if not entry.is_file:
            continue
        name = entry.name.lower()
        if endings and not name.endswith(endings):
            continue
        inner = "/".join(entry.parts[depth:])
        if exclude.match(inner):
            continue
        value = score(query, name, "/".join(entry.parts).lower())
        if value:
            yield Candidate(walk.label(entry), value)


def score(query: str, name: str, path: str) -> float:
    """How well a file fits; all in lower case. 0 for not at all."""
    if name == query:
        return 1.0
    if path == query or path.endswith("/" + query):
        return 0.98
    if name.startswith(query):
        return 0.9
    if query in path:
        return 0.75
    letters = iter(path)
    return 0.6 if all(letter in letters for letter in query) else 0.0


TOOLS = (
    Tool(
        name="file_search",
        description=(
            "Find files by name or path, best match first: exact name, path, beginning of the name, part of it, or its "
            "letters in order. Honours .gitignore; leaves out .git, node_modules, __pycache__ and .venv unless `path` leads "
            "there; does not follow links. Returns JSON with path and score."
        ),
        arguments=FileSearch,
        effects=frozenset({"read"}),
        default="allow",
        run=_run,
        paths=lambda args: [Touch(path=args.path)],
        describe=lambda args: f"Find files like {shown(args.query)}",
    ),
)
