"""What a language server found in a file, what of it an edit brought, and how the model reads it. Pure.

A finding is known again by what it says and by the text of its line, not by the line's number: lines move. Text of a server
is data: one line each, control characters gone, markup escaped.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from codewhale.workspace.lsp.wire import Diagnostic
from codewhale.workspace.plain import plain

SEVERITIES = ("ERROR", "WARNING", "INFO", "HINT")
MAX_MESSAGE = 400
MAX_KEPT = 500
"""Most findings that are kept of one file; a file with more is not read by anybody."""


class Finding(Struct, frozen=True, kw_only=True):
    """One finding: `severity` counts from 1 (an error); line and column count from 1."""

    severity: int
    line: int
    column: int
    message: str
    code: str = ""


class Shown(Struct, frozen=True, kw_only=True):
    """How much is told: lines per file, and whether warnings are."""

    most: int = 20
    warnings: bool = False


def findings(diagnostics: Iterable[Diagnostic]) -> tuple[Finding, ...]:
    """The server's findings in the order in which they are told: the worst first, then as in the file."""
    found = [_finding(diagnostic) for diagnostic in diagnostics]
    return tuple(sorted(set(found), key=lambda one: (one.severity, one.line, one.column, one.message))[:MAX_KEPT])


def _finding(diagnostic: Diagnostic) -> Finding:
    message = diagnostic.message
    said = message if isinstance(message, str) else str(message.get("value", ""))
    words = " ".join(plain(said[: 2 * MAX_MESSAGE]).split())
    severity = diagnostic.severity if diagnostic.severity in {1, 2, 3, 4} else 1
    return Finding(
        severity=severity or 1,
        line=max(diagnostic.range.start.line, 0) + 1,
        column=max(diagnostic.range.start.character, 0) + 1,
        message=words if len(words) <= MAX_MESSAGE else words[: MAX_MESSAGE - 3] + "...",
        code="" if diagnostic.code is None else str(diagnostic.code)[:80],
    )


def brought(before: Sequence[Finding], old: str, after: Sequence[Finding], new: str) -> tuple[Finding, ...]:
    """The findings in `after` (of the text `new`) that were not there before, in order."""
    known = _keys(before, old)
    return tuple(one for one, key in _keyed(after, new) if not _take(known, key))


def gone(before: Sequence[Finding], old: str, after: Sequence[Finding], new: str) -> int:
    """How many findings of before are no longer there."""
    return len(brought(after, new, before, old))


_Key = tuple[int, str, str, str]


def _keyed(found: Sequence[Finding], text: str) -> list[tuple[Finding, _Key]]:
    lines = text.splitlines()
    return [
        (one, (one.severity, one.code, one.message, lines[one.line - 1].strip() if one.line <= len(lines) else ""))
        for one in found
    ]


def _keys(found: Sequence[Finding], text: str) -> Counter[_Key]:
    return Counter(key for _, key in _keyed(found, text))


def _take(known: Counter[_Key], key: _Key) -> bool:
    if known[key] <= 0:
        return False
    known[key] -= 1
    return True


def told(found: Sequence[Finding], shown: Shown) -> tuple[Finding, ...]:
    """Those that are told at all: errors, and warnings when wished for."""
    return tuple(one for one in found if one.severity <= (2 if shown.warnings else 1))


def element(path: str, found: Sequence[Finding], shown: Shown, *, remark: str = "") -> str:
    """The element that the model reads about one file, or nothing when there is nothing to say."""
    wanted = told(found, shown)
    lines = [
        f"{SEVERITIES[one.severity - 1]} [{one.line}:{one.column}] {_escaped(one.message)}"
        for one in wanted[: shown.most]
    ]
    if len(wanted) > shown.most:
        lines.append(f"... and {len(wanted) - shown.most} more")
    if remark:
        lines.append(f"({_escaped(remark)})")
    if not lines:
        return ""
    name = _escaped(" ".join(plain(path).split())).replace('"', "&quot;")
    return "\n".join([f'<diagnostics file="{name}">', *lines, "</diagnostics>"])


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
