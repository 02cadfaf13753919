"""What the HTTP surface must be told about the process it runs in. Values only: nothing here reads settings or files."""

from collections.abc import Callable

from msgspec import Struct

from codewhale.runtime.idempotency import Idempotency

MAX_BODY = 2 * 1024 * 1024
BODY_TIMEOUT = 30.0
KEEPALIVE = 15.0
STALL_TIMEOUT = 30.0


class Limits(Struct, frozen=True, kw_only=True):
    """Bounds on what a client may send and how slowly it may read; sizes in bytes, times in seconds."""

    body: int = MAX_BODY
    body_timeout: float = BODY_TIMEOUT
    header_count: int = 100
    header_bytes: int = 64 * 1024
    header_timeout: float = 10.0
    keepalive: float = KEEPALIVE
    stall: float = STALL_TIMEOUT
    chunk: int = 64 * 1024
    connections: int = 4096


class ServerFacts(Struct, frozen=True, kw_only=True):
    """The running server as its routes see it. `token` None means that authentication is off.

    `latest_seq` is the head of the log (`Store.latest_seq`); it must not block. `idempotency` None means that requests with
    an idempotency key are refused.
    """

    version: str
    workspace: str
    bind_host: str
    port: int
    token: str | None
    latest_seq: Callable[[], int]
    cors_origins: tuple[str, ...] = ()
    public_hosts: tuple[str, ...] = ()
    limits: Limits = Limits()
    idempotency: Idempotency | None = None
