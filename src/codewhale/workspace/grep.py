"""Searches file contents for a regular expression: ripgrep finds the lines, we read them.

ripgrep opens files by path, so a directory swapped for a link meanwhile could lead it outside; therefore only file names
and line numbers are taken from it, and every line shown is read through `Files`. Without ripgrep the same search is done
here, slower.
"""

import asyncio
import os
import re
import stat
import sys
from collections.abc import Iterator, Sequence

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import Raced, Spot
from codewhale.workspace.blocking import Stop, blocking
from codewhale.workspace.files import Files
from codewhale.workspace.ignore import Globs, Ignores, endings_only
from codewhale.workspace.processes import Command, Processes
from codewhale.workspace.text import Text, bare, decode, split_lines
from codewhale.workspace.walk import INTERNAL, UNASKED, Walk, hidden, readable, rules_above

MAX_SEARCHED = 10 * 1024 * 1024
MAX_IN_FILE = 1000
MAX_FOUND = 20_000
_MAX_OUTPUT = 2 * 1024 * 1024
_SECONDS = 20.0
_MAX_LINE = 500
_MAX_RESULT = 48 * 1024
_SEARCHED = re.compile(r"^(\d+) files searched$", re.MULTILINE)


class Query(Struct, frozen=True, kw_only=True):
    """What to search for, and where. Globs are gitignore patterns relative to `path`."""

    pattern: str
    path: str = "."
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    case_insensitive: bool = False
    context_lines: int = 2
    max_results: int = 100


class Match(Struct, frozen=True, kw_only=True):
    """A line that matched, with its neighbours; long lines are cut."""

    file: str
    line_number: int
    line: str
    context_before: tuple[str, ...]
    context_after: tuple[str, ...]


class Matches(Struct, frozen=True, kw_only=True):
    """`total_matches` and `files_searched` are lower bounds when `truncated`."""

    matches: tuple[Match, ...]
    total_matches: int
    files_searched: int
    truncated: bool


class _Place(Struct, frozen=True, kw_only=True):
    """Where to search: a real directory, its way from the anchor, and for a single file its name."""

    directory: str
    prefix: str
    base: int
    above: Ignores | None
    only: str | None


class _Found(Struct, kw_only=True):
    """Line numbers by file, in order, before anything was read."""

    lines: list[tuple[str, list[int]]]
    searched: int | None
    cut: bool


def ripgrep(processes: Processes) -> str | None:
    """The bundled ripgrep, else the one in the PATH, else None."""
    bundled = os.path.join(os.path.dirname(sys.executable), "rg")
    return bundled if os.access(bundled, os.X_OK) else processes.find("rg")


async def search(files: Files, processes: Processes, query: Query, program: str | None) -> Matches:
    """All matches in path order, bounded; `program` is ripgrep, None to do without."""
    place = files.use(query.path, lambda spot: _place(files, spot, query.path))
    found = await _run(processes, place, query, program) if program is not None else None
    if found is None or any("\ufffd" in path for path, _ in found.lines):  # a name that is not UTF-8 came garbled
        found = await blocking(lambda stop: _find(files, place, query, stop))
    return await blocking(lambda stop: _read(files, place, query, found, stop))


def _place(files: Files, spot: Spot, path: str) -> _Place:
    outer = "" if spot.anchor == files.root else spot.anchor.rstrip("/") + "/"
    if spot.found is None or stat.S_ISDIR(spot.found.st_mode):
        directory = files.directory(path)
        prefix = outer + "".join(part + "/" for part in spot.parts)
        return _Place(directory=directory, prefix=prefix, base=len(spot.parts), above=rules_above(spot), only=None)
    os.close(files.open(spot, path))  # raises for what is no file
    prefix = outer + "".join(part + "/" for part in spot.parts[:-1])
    return _Place(
        directory=os.path.dirname(spot.real), prefix=prefix, base=len(spot.parts) - 1, above=None, only=spot.name
    )


async def _run(processes: Processes, place: _Place, query: Query, program: str) -> _Found:
    seen: list[str] = []
    size = 0

    def take(text: str) -> None:
        nonlocal size
        if size > _MAX_OUTPUT:
            if not bound.expired():
                bound.reschedule(0.0)
            return
        seen.append(text)
        size += len(text)

    command = Command(argv=_argv(place, query, program), cwd=place.directory, head_bytes=2 * _MAX_OUTPUT)
    try:
        async with asyncio.timeout(_SECONDS) as bound:
            result = await processes.run(command, take)
    except TimeoutError:
        return _parsed("".join(seen), cut=True)
    if result.exit_code not in {0, 1} and result.stderr.length and not result.stdout.length:
        problem = result.stderr.text.strip()[:1000]
        raise ToolError(f"The pattern is not a valid regular expression.\n{problem}", category="invalid_input")
    return _parsed(result.stdout.text, cut=result.stdout.omitted > 0)


def _argv(place: _Place, query: Query, program: str) -> tuple[str, ...]:
    """Line numbers only: with at most one column, ripgrep leaves the lines out."""
    argv = [program, "--no-config", "--no-messages", "--color=never", "--no-heading", "--with-filename", "--null"]
    argv += ["--line-number", "--max-columns=1", "--crlf", "--hidden", "--sort=path", "--stats", "--engine=auto"]
    argv += ["--no-require-git", "--no-ignore-parent", "--no-ignore-global", "--no-ignore-dot"]
    argv += [f"--max-filesize={MAX_SEARCHED}", f"--max-count={MAX_IN_FILE}"]
    if query.case_insensitive:
        argv.append("--ignore-case")
    include = Globs(
        query.include
    ).patterns  # as --glob they would overrule .gitignore; the rest is left out when we read
    if include and endings_only(include):
        argv += [*(f"--type-add=wanted:{glob}" for glob in include), "--type=wanted"]
    argv += [f"--glob=!{glob}" for glob in (*sorted(INTERNAL), *(f"{name}/" for name in sorted(UNASKED)))]
    for glob in Globs(query.exclude).patterns:
        argv.append("--glob=!" + glob.replace("{", "\\{").replace("}", "\\}"))
    return (*argv, f"--regexp={query.pattern}", "--", "./" if place.only is None else f"./{place.only}")


def _parsed(output: str, *, cut: bool) -> _Found:
    lines: list[tuple[str, list[int]]] = []
    found = 0
    for row in output.split("\n"):
        path, nul, rest = row.partition("\0")
        number = rest.partition(":")[0]
        if not nul or not number.isdigit():
            continue
        path = path.removeprefix("./")
        if found >= MAX_FOUND:
            cut = True
            break
        found += 1
        if lines and lines[-1][0] == path:
            lines[-1][1].append(int(number))
        else:
            lines.append((path, [int(number)]))
    searched = _SEARCHED.search(output[-2000:])
    return _Found(lines=lines, searched=int(searched[1]) if searched else None, cut=cut)


def _find(files: Files, place: _Place, query: Query, stop: Stop) -> _Found:
    """The search without ripgrep: the same rules, Python's regular expressions."""
    if "\n" in query.pattern:
        raise ToolError("The pattern spans lines; only single lines are searched.", category="invalid_input")
    try:
        pattern = re.compile(query.pattern, re.IGNORECASE if query.case_insensitive else 0)
    except re.error as error:
        raise ToolError(f"The pattern is not a valid regular expression: {error}.", category="invalid_input") from error
    found = _Found(lines=[], searched=0, cut=False)
    count = 0
    for path in _candidates(files, place, query, stop, found):
        _check_wanted(stop)
        form = _text(files, place.prefix + path, found)
        if form is None:
            continue
        lines = (number for number, line in enumerate(split_lines(form.text), 1) if pattern.search(bare(line)))
        numbers = [number for number, _ in zip(lines, range(MAX_IN_FILE), strict=False)]
        if numbers:
            found.lines.append((path, numbers))
            count += len(numbers)
        if count >= MAX_FOUND:
            found.cut = True
            break
    return found


def _check_wanted(stop: Stop) -> None:
    if stop:
        raise ToolError("Interrupted while searching.", category="cancelled")


def _candidates(files: Files, place: _Place, query: Query, stop: Stop, found: _Found) -> Iterator[str]:
    if place.only is not None:
        yield place.only
        return
    exclude = Globs(query.exclude)
    include = Globs(query.include)
    walk = Walk(files, query.path, stop)
    for entry in walk.tree():
        path = "/".join(entry.parts[place.base :])
        if entry.is_file and not exclude.match(path) and (not include or include.match(path)):
            yield path
    found.cut |= walk.cut


def _text(files: Files, path: str, count: _Found | None = None) -> Text | None:
    """The file's text, None if it has none or is too large; in `count`, what was looked into."""
    try:
        read = files.read_up_to(path, MAX_SEARCHED)
        if read is None:
            return None
        if count is not None:
            count.searched = (count.searched or 0) + 1
        return decode(read.content, path)
    except ToolError:
        return None  # binary, gone or not ours to read: as ripgrep, pass over it


def _read(files: Files, place: _Place, query: Query, found: _Found, stop: Stop) -> Matches:
    """The matches with their lines, read through `Files`; what rules above the searched directory hide is left out."""
    matches: list[Match] = []
    total = size = 0
    full = False
    include = Globs(query.include if place.only is None else ())
    for path, numbers in found.lines:
        _check_wanted(stop)
        if (include and not include.match(path)) or _out_of_sight(files, place, path):
            continue
        form = _text(files, place.prefix + path) if not full else None
        lines = split_lines(form.text) if form else []
        if not full and not lines:
            continue
        total += len(numbers)
        for number in numbers if not full else ():
            if number > len(lines):
                continue
            match = _match(readable(place.prefix + path), lines, number, query.context_lines)
            size += (
                len(match.line) + sum(map(len, (*match.context_before, *match.context_after))) + len(match.file) + 90
            )
            full = len(matches) >= query.max_results or (size > _MAX_RESULT and bool(matches))
            if full:
                break
            matches.append(match)
    searched = found.searched if found.searched is not None else len(found.lines)
    cut = found.cut or total > len(matches)
    return Matches(matches=tuple(matches), total_matches=total, files_searched=searched, truncated=cut)


def _out_of_sight(files: Files, place: _Place, path: str) -> bool:
    if place.above is None:
        return False

    def act(spot: Spot) -> bool:
        if spot.found is None:
            raise Raced
        return hidden(spot, place.base, place.above)

    try:
        return files.use(place.prefix + path, act)
    except ToolError:
        return True


def _match(file: str, lines: list[str], number: int, context: int) -> Match:
    before = lines[max(0, number - 1 - context) : number - 1]
    after = lines[number : number + context]
    return Match(
        file=file,
        line_number=number,
        line=_clip(lines[number - 1]),
        context_before=tuple(map(_clip, before)),
        context_after=tuple(map(_clip, after)),
    )


def _clip(line: str) -> str:
    line = bare(line)
    return line if len(line) <= _MAX_LINE else line[:_MAX_LINE] + "…"
