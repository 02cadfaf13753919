"""Replaces a passage of a text: exactly one match (or all, when asked), or an error that says why not.

A search text with LF matches CR LF; what replaces it takes the line ends found there, and the lines that the replacement
leaves alone keep theirs. Pure: texts in, text out.
"""

import re
from collections.abc import Iterable

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import shown
from codewhale.workspace.closest import PLAIN, closest_region
from codewhale.workspace.text import bare, end_of, split_lines

Span = tuple[int, int]
MAX_LISTED = 10


class Edit(Struct, frozen=True, kw_only=True):
    """What to replace by what. `fuzz` allows other indentation, then typographic punctuation, for a single match."""

    search: str
    replace: str
    replace_all: bool = False
    fuzz: bool = False


class Edited(Struct, frozen=True, kw_only=True):
    """The new text, the lines (1-based, in the old text) where a match began, and which latitude was needed."""

    text: str
    lines: tuple[int, ...]
    latitude: str | None = None


def apply_edit(text: str, edit: Edit, path: str) -> Edited:
    """The text with the edit made. `ToolError(invalid_input)` names the closest region, or all matches if too many."""
    search, replace = _lf(edit.search), _lf(edit.replace)
    if not search:
        raise ToolError("`search` is empty. To make or overwrite a file use write_file.", category="invalid_input")
    if search == replace:
        raise ToolError("`search` and `replace` are the same, so there is nothing to change.", category="invalid_input")
    spans = _matches(text, search)
    latitude = None
    indented: str | None = None
    if not spans and edit.fuzz:
        spans, indented = _indentation(text, search, replace)
        latitude = "indentation" if spans else None
        if not spans:
            spans = _matches(text.translate(PLAIN), search.translate(PLAIN))
            latitude = "punctuation" if spans else None
    if not spans:
        raise ToolError(_miss(text, search, path, fuzz=edit.fuzz), category="invalid_input")
    lines = _line_numbers(text, spans)
    if len(spans) > 1 and (latitude is not None or not edit.replace_all):
        raise ToolError(_several(lines, path, latitude), category="invalid_input")
    whole = replace if indented is None else indented
    return Edited(text=_replaced(text, spans, whole), lines=tuple(lines), latitude=latitude)


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _matches(text: str, search: str) -> list[Span]:
    """Where `search` stands, from left to right, not overlapping; LF matches LF and CR LF."""
    if "\r" in text and "\n" in search:
        pattern = re.compile("\r?\n".join(re.escape(line) for line in search.split("\n")))
        return [match.span() for match in pattern.finditer(text)]
    spans: list[Span] = []
    at = text.find(search)
    while at >= 0:
        spans.append((at, at + len(search)))
        at = text.find(search, at + len(search))
    return spans


def _replaced(text: str, spans: Iterable[Span], replace: str) -> str:
    parts: list[str] = []
    done = 0
    for start, stop in spans:
        parts += (text[done:start], _with_ends(text, start, stop, replace))
        done = stop
    parts.append(text[done:])
    return "".join(parts)


def _with_ends(text: str, start: int, stop: int, replace: str) -> str:
    """`replace` for text[start:stop]: lines equal at its beginning and end stay as they are, new ones end as there."""
    if "\n" not in replace or "\r\n" not in text:
        return replace
    old, new = split_lines(text[start:stop]), split_lines(replace)
    first, most = 0, min(len(old), len(new))
    while first < most and _lf(old[first]) == new[first]:
        first += 1
    last = 0
    while last < most - first and _lf(old[-1 - last]) == new[-1 - last]:
        last += 1
    kept = len(old) - last
    ends = [end_of(line) for line in old[first:kept] if end_of(line)]
    end = ends[-1] if ends else _line_end(text, start, old[max(first - 1, 0) : first] or old[kept:])
    middle: list[str] = []
    for at, line in enumerate(new[first : len(new) - last]):
        middle.append(bare(line) + (ends[at] if at < len(ends) else end) if line.endswith("\n") else line)
    return "".join([*old[:first], *middle, *old[kept:]])


def _line_end(text: str, start: int, lines: list[str]) -> str:
    """The line end used among `lines`, or near `start` when they have none."""
    for line in lines:
        if end_of(line):
            return end_of(line)
    after = text.find("\n", start)
    at = after if after >= 0 else text.rfind("\n", 0, start)
    return "\r\n" if at > 0 and text[at - 1] == "\r" else "\n"


def _indentation(text: str, search: str, replace: str) -> tuple[list[Span], str | None]:
    """Matches of whole lines that differ in indentation alone, and the replacement moved to where the match stands."""
    wanted = [bare(line).strip() for line in split_lines(search)]
    if not any(wanted):
        return [], None
    lines = split_lines(text)
    stripped = [bare(line).strip() for line in lines]
    hits = [at for at in range(len(lines) - len(wanted) + 1) if stripped[at : at + len(wanted)] == wanted]
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    spans = [(starts[at], starts[at + len(wanted)]) for at in hits]
    if len(hits) != 1:
        return spans, None
    at = hits[0]
    if not search.endswith("\n"):
        spans = [(spans[0][0], spans[0][1] - len(end_of(lines[at + len(wanted) - 1])))]
    return spans, _moved(split_lines(search), lines[at : at + len(wanted)], replace)


def _moved(searched: list[str], found: list[str], replace: str) -> str:
    """`replace` with the indentation that `found` has where `searched` had another."""
    ours = {_indent(a): _indent(b) for a, b in zip(searched, found, strict=True) if a.strip()}
    base_old, base_new = next((_indent(a), _indent(b)) for a, b in zip(searched, found, strict=True) if a.strip())
    moved: list[str] = []
    for line in split_lines(replace):
        indent = _indent(line)
        if not line.strip():
            moved.append(line)
        elif indent in ours:
            moved.append(ours[indent] + line[len(indent) :])
        elif indent.startswith(base_old):
            moved.append(base_new + line[len(base_old) :])
        else:
            moved.append(line)
    return "".join(moved)


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _line_numbers(text: str, spans: list[Span]) -> list[int]:
    numbers: list[int] = []
    line, done = 1, 0
    for start, _ in spans:
        line += text.count("\n", done, start)
        done = start
        numbers.append(line)
    return numbers


def _several(lines: list[int], path: str, latitude: str | None) -> str:
    listed = ", ".join(map(str, lines[:MAX_LISTED])) + (" and more" if len(lines) > MAX_LISTED else "")
    way = "Add surrounding lines to `search` so that it fits one place"
    if latitude is None:
        return f"`search` occurs {len(lines)} times in {shown(path)}, at lines {listed}. {way}, or set replace_all."
    return f"Ignoring {latitude}, `search` fits {len(lines)} places in {shown(path)}, at lines {listed}. {way}."


def _miss(text: str, search: str, path: str, *, fuzz: bool) -> str:
    near = closest_region(text, search)
    if near is None:
        return f"`search` does not occur in {shown(path)}, and nothing there is like it. Read the file again."
    hint = "" if fuzz or not near.only_spelling else " `fuzz: true` would accept this."
    return f"`search` does not occur in {shown(path)}.{hint} Closest:\n{near.text}"
