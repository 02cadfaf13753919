"""`grep_files`: lines of files that match a regular expression."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from codewhale.domain.decisions import Touch
from codewhale.domain.tools import ToolOutput
from codewhale.tools.tool import Tool, ToolContext
from codewhale.workspace.beneath import shown
from codewhale.workspace.grep import Query, ripgrep, search

_Globs = tuple[Annotated[str, Meta(min_length=1)], ...]


class GrepFiles(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to search for, and where."""

    pattern: Annotated[
        str, Meta(min_length=1, max_length=10_000, description="Regular expression, matched line by line.")
    ]
    path: Annotated[str, Meta(description="Directory or file to search (default: the workspace).")] = "."
    include: Annotated[_Globs, Meta(description="Only files that fit one of these globs, such as `*.py`.")] = ()
    exclude: Annotated[_Globs, Meta(description="Not the files that fit one of these globs.")] = ()
    context_lines: Annotated[int, Meta(ge=0, le=20, description="Lines shown around each match (default 2).")] = 2
    case_insensitive: Annotated[bool, Meta(description="Ignore upper and lower case.")] = False
    max_results: Annotated[int, Meta(ge=1, le=1000, description="At most so many matches (default 100).")] = 100


async def _run(args: GrepFiles, context: ToolContext) -> ToolOutput:
    query = Query(
        pattern=args.pattern,
        path=args.path,
        include=args.include,
        exclude=args.exclude,
        case_insensitive=args.case_insensitive,
        context_lines=args.context_lines,
        max_results=args.max_results,
    )
    found = await search(context.files, context.processes, query, ripgrep(context.processes))
    counts: dict[str, object] = {
        "total_matches": found.total_matches,
        "files_searched": found.files_searched,
        "truncated": found.truncated,
    }
    return ToolOutput(text=msgspec.json.encode(found).decode(), metadata=counts)


TOOLS = (
    Tool(
        name="grep_files",
        description=(
            "Search file contents with a regular expression. Honours .gitignore; leaves out .git, node_modules, __pycache__ "
            "and .venv unless `path` leads there; skips links, binary files and files over 10 MB. Returns JSON with file, "
            "line number, line and context for each match; `truncated` says that there is more."
        ),
        arguments=GrepFiles,
        effects=frozenset({"read"}),
        default="allow",
        run=_run,
        paths=lambda args: [Touch(path=args.path, beneath=True)],
        describe=lambda args: f"Search {shown(args.path)} for {shown(args.pattern)}",
    ),
)
