"""Asking the TypeScript server behind typescript-language-server. What that publishes has no version and comes in parts that
may be of different texts; what it answers to these two questions is about the text it was last given."""

from collections.abc import Iterator

from msgspec import Raw, Struct, field

from codewhale.workspace.lsp.wire import Diagnostic, Position, Range, decoded

COMMAND = "typescript.tsserverRequest"
_SEVERITIES = {"error": 1, "warning": 2, "suggestion": 4, "message": 3}


class _Place(Struct, frozen=True):
    line: int
    offset: int


class _Found(Struct, frozen=True, kw_only=True):
    start: _Place
    text: str
    category: str = "error"
    code: int | None = None


class _Answer(Struct, frozen=True, kw_only=True):
    body: list[_Found] = field(default_factory=list[_Found])


def questions(path: str) -> Iterator[dict[str, object]]:
    """The parameters of `workspace/executeCommand` that ask about a file."""
    for kind in ("syntacticDiagnosticsSync", "semanticDiagnosticsSync"):
        yield {"command": COMMAND, "arguments": [kind, {"file": path}]}


def diagnostics(raw: Raw) -> list[Diagnostic]:
    """An answer in the words of the protocol; nothing when it is not as expected."""
    answer = decoded(raw, _Answer)
    return [
        Diagnostic(
            range=Range(Position(one.start.line - 1, one.start.offset - 1)),
            message=one.text,
            severity=_SEVERITIES.get(one.category, 1),
            code=one.code,
        )
        for one in (answer.body if answer is not None else ())
    ]
