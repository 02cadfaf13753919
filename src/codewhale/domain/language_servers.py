"""Which language servers may be asked about edits and how much is told of their answers: settings as values."""

from msgspec import Struct, field


class OwnServer(Struct, frozen=True, kw_only=True):
    """A server that the person configured: its command line, and the files it is for by the end of their name."""

    argv: tuple[str, ...]
    language_id: str
    extensions: tuple[str, ...]


class LspSettings(Struct, frozen=True, kw_only=True):
    """`wait_ms` is the longest that an edit waits for an answer; `servers` replaces the command line for a language."""

    enabled: bool = True
    wait_ms: int = 5000
    max_per_file: int = 20
    include_warnings: bool = False
    servers: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    custom: dict[str, OwnServer] = field(default_factory=dict[str, OwnServer])


EXTENSIONS = frozenset(
    {
        *(".py", ".pyi", ".pyw", ".go", ".rs"),
        *(".ts", ".mts", ".cts", ".tsx", ".js", ".mjs", ".cjs", ".jsx"),
        *(".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".hxx", ".ipp"),
    }
)
"""The ends of the names of files that a built-in server could know."""
