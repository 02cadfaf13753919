"""What changed between two texts, as a unified diff that applies back exactly: line ends and a missing final newline show.

Bounded: equal beginnings and ends are skipped first; very large differences are given as one replacement, very long
diffs are cut at a hunk. `difflib` is loaded at the first change.
"""

from msgspec import Struct

from codewhale.workspace.text import split_lines

_CONTEXT = 3
_COMPARE_LINES = 4000
MAX_DIFF = 64 * 1024


class Diff(Struct, frozen=True, kw_only=True):
    """`text` in git's form, "" if nothing changed; `cut` says that later hunks were left out."""

    text: str
    added: int
    removed: int
    cut: bool = False


Opcode = tuple[str, int, int, int, int]


def unified(path: str, before: str | None, after: str | None, limit: int = MAX_DIFF) -> Diff:
    """The way from `before` to `after`; None is a file that does not exist."""
    old, new = split_lines(before or ""), split_lines(after or "")
    codes = _opcodes(old, new)
    added = sum(j2 - j1 for tag, _, _, j1, j2 in codes if tag != "equal")
    removed = sum(i2 - i1 for tag, i1, i2, _, _ in codes if tag != "equal")
    if not added and not removed and (before is None) == (after is None):
        return Diff(text="", added=0, removed=0)
    head = f"--- {_side('a', path, before)}\n+++ {_side('b', path, after)}\n"
    parts, size, cut = [head], len(head), False
    for group in _groups(codes):
        hunk = _hunk(group, old, new)
        if size + len(hunk) > limit:
            cut = True
            break
        parts.append(hunk)
        size += len(hunk)
    return Diff(text="".join(parts), added=added, removed=removed, cut=cut)


def _side(letter: str, path: str, text: str | None) -> str:
    if text is None:
        return "/dev/null"
    name = f"{letter}/{path.lstrip('/')}"
    if name.isprintable() and '"' not in name and "\\" not in name:
        return name
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t") + '"'


def _opcodes(old: list[str], new: list[str]) -> list[Opcode]:
    start = 0
    shorter = min(len(old), len(new))
    while start < shorter and old[start] == new[start]:
        start += 1
    end = 0
    while end < shorter - start and old[-1 - end] == new[-1 - end]:
        end += 1
    inner_old, inner_new = old[start : len(old) - end], new[start : len(new) - end]
    codes: list[Opcode] = [("equal", 0, start, 0, start)] if start else []
    codes += [
        (tag, i1 + start, i2 + start, j1 + start, j2 + start) for tag, i1, i2, j1, j2 in _inner(inner_old, inner_new)
    ]
    if end:
        codes.append(("equal", len(old) - end, len(old), len(new) - end, len(new)))
    return codes


def _inner(old: list[str], new: list[str]) -> list[Opcode]:
    if not old and not new:
        return []
    if not old or not new or len(old) + len(new) > _COMPARE_LINES:
        return [("replace", 0, len(old), 0, len(new))]
    from difflib import SequenceMatcher

    return list(SequenceMatcher(None, old, new).get_opcodes())


def _groups(codes: list[Opcode]) -> list[list[Opcode]]:
    """The changes with their context, neighbours that share context together."""
    groups: list[list[Opcode]] = []
    group: list[Opcode] = []
    for number, (tag, i1, i2, j1, j2) in enumerate(codes):
        if tag != "equal":
            group.append((tag, i1, i2, j1, j2))
            continue
        first, last = number == 0, number == len(codes) - 1
        if first:
            keep = min(_CONTEXT, i2 - i1)
            group.append((tag, i2 - keep, i2, j2 - keep, j2))
        elif last or i2 - i1 > 2 * _CONTEXT:
            keep = min(_CONTEXT, i2 - i1)
            group.append((tag, i1, i1 + keep, j1, j1 + keep))
            groups.append(group)
            group = [] if last else [(tag, i2 - _CONTEXT, i2, j2 - _CONTEXT, j2)]
        else:
            group.append((tag, i1, i2, j1, j2))
    if any(tag != "equal" for tag, *_ in group):
        groups.append(group)
    return groups


def _hunk(group: list[Opcode], old: list[str], new: list[str]) -> str:
    head = f"@@ -{_span(group[0][1], group[-1][2])} +{_span(group[0][3], group[-1][4])} @@\n"
    lines = [head]
    for tag, i1, i2, j1, j2 in group:
        if tag == "equal":
            lines += [_line(" ", line) for line in old[i1:i2]]
        else:
            lines += [_line("-", line) for line in old[i1:i2]]
            lines += [_line("+", line) for line in new[j1:j2]]
    return "".join(lines)


def _span(start: int, stop: int) -> str:
    count = stop - start
    first = start + 1 if count else start
    return f"{first}" if count == 1 else f"{first},{count}"


def _line(mark: str, line: str) -> str:
    return mark + line if line.endswith("\n") else f"{mark}{line}\n\\ No newline at end of file\n"
