"""The MCP servers that a person configured in `mcp.json`, as far as they may be shown. Nothing is started or called.

Arguments, environment and headers are never read out of the file: they may hold secrets.
"""

from collections.abc import Mapping

import msgspec
from msgspec import Struct, field

from codewhale.domain.errors import CodewhaleError, ConfigError
from codewhale.domain.introspection import McpServer
from codewhale.llm.transport.url import parse_url

MAX_BYTES = 4 * 1024 * 1024


class ServerKeys(Struct, frozen=True, kw_only=True):
    """What is shown of one server; a program to start (`command`) or an address (`url`)."""

    command: str | None = None
    url: str | None = None
    enabled: bool = True
    disabled: bool = False
    required: bool = False
    enabled_tools: tuple[str, ...] = ()
    disabled_tools: tuple[str, ...] = ()


class FileKeys(Struct, frozen=True, kw_only=True):
    """The file: `servers` and `mcpServers` mean the same, and may stand side by side."""

    servers: dict[str, ServerKeys] = field(default_factory=dict[str, ServerKeys])
    mcpServers: dict[str, ServerKeys] = field(default_factory=dict[str, ServerKeys])  # noqa: N815 - the file's word


def mcp_servers(path: str) -> list[McpServer]:
    """The configured servers by name; none when there is no file. `CodewhaleError` when it cannot be understood."""
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error
    if len(content) > MAX_BYTES:
        raise _unusable(path, f"it is larger than {MAX_BYTES} bytes")
    try:
        keys = msgspec.json.decode(content, type=FileKeys)
    except msgspec.ValidationError as error:
        raise _unusable(path, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unusable(path, "it is not valid JSON") from None
    return _shown({**keys.mcpServers, **keys.servers})


def _shown(servers: Mapping[str, ServerKeys]) -> list[McpServer]:
    return [
        McpServer(
            name=name,
            enabled=keys.enabled and not keys.disabled,
            required=keys.required,
            command=keys.command,
            url=None if keys.url is None else _address(keys.url),
            connected=False,
            enabled_tools=keys.enabled_tools,
            disabled_tools=keys.disabled_tools,
        )
        for name, keys in sorted(servers.items())
    ]


def _address(url: str) -> str:
    """The address without user, password and query."""
    try:
        return parse_url(url).display
    except ConfigError:
        return "(not an address)"


def _unusable(path: str, why: str) -> CodewhaleError:
    return CodewhaleError(f"The MCP configuration {path} cannot be used: {why}", code="mcp_config")
