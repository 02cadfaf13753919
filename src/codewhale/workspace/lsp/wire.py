"""The parts of the protocol's messages that we read (Language Server Protocol 3.17). Everything else is skipped unread."""

from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct, field

Shape = TypeVar("Shape")


class Position(Struct, frozen=True):
    """Both count from 0."""

    line: int
    character: int


class Range(Struct, frozen=True):
    """From `start`; where it ends is not told to anybody."""

    start: Position


class Diagnostic(Struct, frozen=True, kw_only=True):
    """One finding; `message` may be a marked-up text with its `value`."""

    range: Range
    message: str | dict[str, Any]
    severity: int | None = None
    code: int | str | None = None
    source: str | None = None


class Published(Struct, frozen=True, kw_only=True):
    """`textDocument/publishDiagnostics`."""

    uri: str
    diagnostics: list[Diagnostic]
    version: int | None = None


class Report(Struct, frozen=True, kw_only=True):
    """The answer to `textDocument/diagnostic`; kind `unchanged` has no items."""

    kind: str = "full"
    items: list[Diagnostic] = field(default_factory=list[Diagnostic])


class Failure(Struct, frozen=True):
    """Why a request was not answered."""

    message: str = "no reason given"
    code: int = 0


class Envelope(Struct, frozen=True, kw_only=True):
    """Any message: a request (id and method), a notification (method), or an answer (id)."""

    id: int | str | None = None
    method: str | None = None
    params: Raw = Raw(b"null")
    result: Raw = Raw(b"null")
    error: Failure | None = None


class Saving(Struct, frozen=True, kw_only=True):
    """`save`: does the server want to know of saved files."""

    save: bool | dict[str, Any] | None = None


class Commands(Struct, frozen=True, kw_only=True):
    """What `workspace/executeCommand` can be asked."""

    commands: list[str] = field(default_factory=list[str])


class Capabilities(Struct, frozen=True, kw_only=True):
    """What the server can do, as far as we make use of it."""

    textDocumentSync: int | Saving | None = None  # noqa: N815 - the protocol's word
    diagnosticProvider: bool | dict[str, Any] | None = None  # noqa: N815 - the protocol's word
    executeCommandProvider: Commands | None = None  # noqa: N815 - the protocol's word


class Initialized(Struct, frozen=True, kw_only=True):
    """The answer to `initialize`."""

    capabilities: Capabilities = Capabilities()


class Registration(Struct, frozen=True, kw_only=True):
    """One method that the server offers from now on."""

    method: str


class Registrations(Struct, frozen=True, kw_only=True):
    """What `client/registerCapability` brings."""

    registrations: list[Registration] = field(default_factory=list[Registration])


class Items(Struct, frozen=True, kw_only=True):
    """What `workspace/configuration` asks for."""

    items: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


decode_envelope = msgspec.json.Decoder(Envelope).decode
encode = msgspec.json.Encoder().encode


def decoded(raw: Raw, shape: type[Shape]) -> Shape | None:
    """None for what is not as the protocol says: it is skipped."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
