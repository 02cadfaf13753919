"""`[lsp]` of a settings file: which language servers check edits, and how much is told of what they find."""

import os
from typing import Annotated

from msgspec import Meta, Struct, field

from codewhale.domain.errors import ConfigError
from codewhale.domain.language_servers import LspSettings, OwnServer

Word = Annotated[str, Meta(min_length=1, max_length=4096)]
ENDS: dict[str, tuple[str, ...]] = {
    "csharp": (".cs",),
    "css": (".css",),
    "dart": (".dart",),
    "elixir": (".ex", ".exs"),
    "haskell": (".hs",),
    "html": (".html", ".htm"),
    "java": (".java",),
    "json": (".json",),
    "kotlin": (".kt", ".kts"),
    "lua": (".lua",),
    "markdown": (".md",),
    "php": (".php",),
    "ruby": (".rb",),
    "scala": (".scala",),
    "shellscript": (".sh", ".bash"),
    "swift": (".swift",),
    "toml": (".toml",),
    "vue": (".vue",),
    "yaml": (".yaml", ".yml"),
    "zig": (".zig",),
}
"""The ends of the names of files in a language, where the settings do not say."""


class CustomKeys(Struct, frozen=True, kw_only=True):
    """`[lsp.custom.<id>]`; a language that is not well known needs `extensions`."""

    command: Word
    args: tuple[str, ...] = ()
    language_id: Word
    extensions: tuple[Annotated[str, Meta(pattern=r"^\.[^/.\s]+$")], ...] = ()


class LspKeys(Struct, frozen=True, kw_only=True):
    """`[lsp]`."""

    enabled: bool | None = None
    poll_after_edit_ms: Annotated[int, Meta(ge=0, le=60_000)] | None = None
    max_diagnostics_per_file: Annotated[int, Meta(ge=1, le=200)] | None = None
    include_warnings: bool | None = None
    servers: dict[str, Annotated[tuple[Word, ...], Meta(min_length=1)]] = field(
        default_factory=dict[str, tuple[Word, ...]]
    )
    custom: dict[str, CustomKeys] = field(default_factory=dict[str, CustomKeys])


def lsp_settings(keys: LspKeys) -> LspSettings | None:
    """The settings that the keys make; None when there are none. `ConfigError` for a command that depends on the folder."""
    if keys == LspKeys():
        return None
    plain = LspSettings()
    return LspSettings(
        enabled=plain.enabled if keys.enabled is None else keys.enabled,
        wait_ms=plain.wait_ms if keys.poll_after_edit_ms is None else keys.poll_after_edit_ms,
        max_per_file=keys.max_diagnostics_per_file or plain.max_per_file,
        include_warnings=bool(keys.include_warnings),
        servers={name: _argv(argv, f"lsp.servers.{name}") for name, argv in keys.servers.items()},
        custom={name: _own(name, own) for name, own in keys.custom.items()},
    )


def _own(name: str, keys: CustomKeys) -> OwnServer:
    extensions = keys.extensions or ENDS.get(keys.language_id, ())
    if not extensions:
        raise ConfigError(
            f"lsp.custom.{name}: nothing says which files are {keys.language_id}",
            hint='add extensions = [".xyz"] to that table',
        )
    argv = _argv((keys.command, *keys.args), f"lsp.custom.{name}.command")
    return OwnServer(argv=argv, language_id=keys.language_id, extensions=tuple(one.lower() for one in extensions))


def _argv(argv: tuple[str, ...], key: str) -> tuple[str, ...]:
    program = os.path.expanduser(argv[0])
    if os.sep in program and not os.path.isabs(program):
        raise ConfigError(
            f"{key}: {argv[0]} would be another program in every folder",
            hint="give an absolute path, or a bare name that is looked up in PATH",
        )
    return (program, *argv[1:])
