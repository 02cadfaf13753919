"""The HTTP client port: one request, a response whose body arrives in pieces. `testing/transport_kit.py` checks both
implementations.

No implementation follows redirects, asks for compression or retries a request that the server may have begun to answer.
"""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from msgspec import Struct

from codewhale.domain.errors import ConfigError
from codewhale.llm.transport.url import Url

Headers = tuple[tuple[str, str], ...]

CONNECT_TIMEOUT = 30.0
MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 128


class HttpRequest(Struct, frozen=True, kw_only=True):
    """One request. `Host`, `Content-Length` and `Accept-Encoding: identity` are added by the transport. Not for HEAD."""

    method: str
    url: Url
    headers: Headers = ()
    body: bytes = b""


class HttpResponse(Protocol):
    """A response whose head has arrived."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> Headers:
        """In order of arrival, names in lower case."""
        ...

    async def read(self) -> bytes:
        """What has arrived since the last read, as soon as there is something; `b""` at the end of the body.
        `ProviderError` (`network`, `protocol`) when the connection failed before the end."""
        ...


class Transport(Protocol):
    """Sends requests. Leaving the context by an exception or cancellation drops the connection at once; leaving it
    normally lets the connection be used again."""

    def send(self, request: HttpRequest) -> AbstractAsyncContextManager[HttpResponse]:
        """Enters when the response head is there. `ProviderError`: `network`, `timeout` (connecting), `protocol`."""
        ...

    async def close(self) -> None:
        """Drop every connection, also those in use."""
        ...


def header(headers: Headers, name: str) -> str | None:
    """The first value of the header `name` (lower case)."""
    for known, value in headers:
        if known == name:
            return value
    return None


def check_headers(headers: Headers) -> None:
    """`ConfigError` for a name or value that could end the head or smuggle a line."""
    for name, value in headers:
        if not name or not all(c.isascii() and (c.isalnum() or c in "!#$%&'*+-.^_`|~") for c in name):
            raise ConfigError(f"{name!r} is not an HTTP header name.", hint="Use letters, digits and hyphens.")
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise ConfigError(
                f"The value of the header {name} holds characters that cannot be sent.",
                hint="Look for a line break or a character outside ASCII in the key or header; copy it again.",
            )
