"""Applies the hunks of one file to its text. A hunk goes where it says, or to the only other place that it fits.

With fuzz n, up to n lines of context at each end of a hunk may differ, as in patch(1); what was needed is reported.
Lines that a hunk does not change keep their bytes; added lines take the line ends around them. Pure.
"""

from msgspec import Struct

from codewhale.domain.errors import ToolError
from codewhale.workspace.beneath import shown
from codewhale.workspace.closest import closest_region
from codewhale.workspace.patch import FilePatch, Hunk, Line
from codewhale.workspace.text import bare, end_of, split_lines

MAX_FUZZ = 3


class Applied(Struct, frozen=True, kw_only=True):
    """The new text, and for every hunk the fuzz it needed and how many lines it stood from where it said."""

    text: str
    fuzz: tuple[int, ...]
    offsets: tuple[int, ...]


class _Nowhere(Struct, frozen=True):
    """In words, why a hunk has no place; `alike` when showing the closest region helps."""

    why: str
    alike: bool = True


class _Place(Struct, frozen=True):
    """Where a hunk goes: its first compared line in the file, and how much context was left out at each end."""

    at: int
    fuzz: int
    head: int
    tail: int


def apply_hunks(text: str, patch: FilePatch, fuzz: int) -> Applied:
    """The text after all hunks. `ToolError(invalid_input)` names file, hunk and the closest region when one does not fit."""
    lines = split_lines(text)
    exact = any(line.text.endswith("\r") for hunk in patch.hunks for line in hunk.lines)
    keys = [line.removesuffix("\n") if exact else bare(line) for line in lines]
    made: list[str] = []
    done = moved = 0
    fuzzes: list[int] = []
    offsets: list[int] = []
    for number, hunk in enumerate(patch.hunks):
        expected = None if hunk.start is None else _first(hunk) + moved
        place = _find(keys, hunk, _Search(done, expected, fuzz))
        if isinstance(place, _Nowhere):
            raise ToolError(_misfit(patch, number, place, lines), category="invalid_input")
        body = hunk.lines[place.head : len(hunk.lines) - place.tail]
        count = sum(line.mark != "+" for line in body)
        made += lines[done : place.at]
        made += _new_lines(lines, place.at, body, exact)
        done = place.at + count
        offsets.append(0 if expected is None else place.at - place.head - expected)
        moved += offsets[-1]
        fuzzes.append(place.fuzz)
    made += lines[done:]
    return Applied(text="".join(_closed(made)), fuzz=tuple(fuzzes), offsets=tuple(offsets))


def _first(hunk: Hunk) -> int:
    """The 0-based old line that the header names; a hunk without old lines stands after the line it names."""
    start = hunk.start or 0
    return start if all(line.mark == "+" for line in hunk.lines) else max(start - 1, 0)


class _Search(Struct, frozen=True):
    after: int
    expected: int | None
    fuzz: int


def _find(keys: list[str], hunk: Hunk, search: _Search) -> _Place | _Nowhere:
    """The place of a hunk, or why there is none."""
    old = [line.text for line in hunk.lines if line.mark != "+"]
    if not old:
        return _pure_insertion(keys, hunk, search)
    before = _leading(hunk.lines)
    behind = _leading(hunk.lines[::-1])
    for fuzz in range(search.fuzz + 1):
        head, tail = min(fuzz, before), min(fuzz, behind)
        if fuzz and (head, tail) == (min(fuzz - 1, before), min(fuzz - 1, behind)):
            break
        wanted = old[head : len(old) - tail]
        if not wanted:
            break
        expected = None if search.expected is None else search.expected + head
        found = _places(keys, wanted, hunk, search.after, expected)
        if len(found) == 1:
            return _Place(found[0], fuzz, head, tail)
        if found:
            listed = ", ".join(str(at + 1) for at in found[:10])
            why = f"it fits {len(found)} places (lines {listed}); give more context lines or right line numbers"
            return _Nowhere(why, alike=False)
    return _Nowhere("its context and removed lines are not in the file" + " after the hunk before" * bool(search.after))


def _places(keys: list[str], wanted: list[str], hunk: Hunk, after: int, expected: int | None) -> list[int]:
    size = len(wanted)
    if expected is not None and expected >= after and keys[expected : expected + size] == wanted:
        return [expected]
    last = len(keys) - size
    if hunk.at_end:
        return [last] if last >= after and keys[last:] == wanted else []
    start = after
    if expected is None and hunk.hint:
        start = next((at + 1 for at in range(after, len(keys)) if keys[at].strip() == hunk.hint), after)
    return [at for at in range(start, last + 1) if keys[at] == wanted[0] and keys[at : at + size] == wanted]


def _pure_insertion(keys: list[str], hunk: Hunk, search: _Search) -> _Place | _Nowhere:
    if not keys:
        return _Place(0, 0, 0, 0)
    if hunk.at_end:
        return _Place(len(keys), 0, 0, 0)
    if search.expected is not None and search.after <= search.expected <= len(keys):
        return _Place(search.expected, 0, 0, 0)
    if search.expected is None and hunk.hint:
        found = [at + 1 for at in range(search.after, len(keys)) if keys[at].strip() == hunk.hint]
        if len(found) == 1:
            return _Place(found[0], 0, 0, 0)
    return _Nowhere("it only adds lines and does not say where; give context lines or a line number inside the file")


def _leading(lines: tuple[Line, ...]) -> int:
    count = 0
    for line in lines:
        if line.mark != " ":
            break
        count += 1
    return count


def _new_lines(lines: list[str], at: int, body: tuple[Line, ...], exact: bool) -> list[str]:
    """What stands in the place of the hunk's old lines."""
    end = "\n" if exact else _end_near(lines, at)
    stated = any(not line.ended for line in body)
    made: list[str] = []
    for line in body:
        if line.mark != "+":
            old = lines[at]
            at += 1
            end = end if exact else end_of(old) or end
            if line.mark == " ":
                made.append(old)
        else:
            made.append(line.text + end if line.ended else line.text)
    if not stated and lines and at == len(lines) and not end_of(lines[-1]) and made:
        made[-1] = bare(made[-1])  # the file had no final newline and the patch says nothing about it
    return made


def _end_near(lines: list[str], at: int) -> str:
    for line in (*lines[max(at - 1, 0) : at + 1], *lines[:1]):
        if end_of(line):
            return end_of(line)
    return "\n"


def _closed(lines: list[str]) -> list[str]:
    """A line that was the last and is no longer needs a line end."""
    ends = {end_of(line) for line in lines[:-1]}
    if "" not in ends:
        return lines
    end = "\r\n" if "\r\n" in ends and "\n" not in ends else "\n"
    return [line if end_of(line) or at == len(lines) - 1 else line + end for at, line in enumerate(lines)]


def _misfit(patch: FilePatch, number: int, place: _Nowhere, lines: list[str]) -> str:
    hunk = patch.hunks[number]
    which = f"hunk {number + 1} of {len(patch.hunks)}"
    said = f" (said to begin at line {hunk.start})" if hunk.start else ""
    wanted = "\n".join(line.text for line in hunk.lines if line.mark != "+")
    near = closest_region("".join(lines), wanted) if wanted and place.alike else None
    closest = f" Closest:\n{near.text}" if near else ""
    return f"{shown(patch.old or patch.path)}: {which}{said} does not apply: {place.why}. Nothing was written.{closest}"
