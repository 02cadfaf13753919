"""Errors on the wire: one JSON body for every refusal, and the status of every error class.

The status comes from the class alone, never from the text.
"""

import msgspec
from msgspec import Struct

from codewhale.domain import errors as e


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """What happened, for people; `status` repeats the HTTP status."""

    message: str
    status: int


class ErrorBody(Struct, frozen=True, kw_only=True):
    """The body of every answer that is not a success."""

    error: ErrorDetail


class HttpError(Exception):
    """A refusal decided by the surface itself. `close` ends the connection (what follows on it cannot be trusted)."""

    def __init__(
        self, status: int, message: str, *, headers: tuple[tuple[bytes, bytes], ...] = (), close: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers
        self.close = close


STATUS: dict[type[e.CodewhaleError], int] = {
    e.InvalidInput: 400,
    e.NotFound: 404,
    e.Conflict: 409,
    e.NotAvailable: 501,
    e.ConfigError: 400,
    e.StoreUnwritable: 503,
    e.StoreError: 500,
    e.ProviderError: 502,
    e.CodewhaleError: 500,
}
"""Status by class; a class that is not listed has its parent's."""

_WITH_HINT = (e.ConfigError, e.StoreError, e.ProviderError)


def status_of(error: e.CodewhaleError) -> int:
    """The HTTP status of an error of the tree."""
    return next(STATUS[cls] for cls in type(error).__mro__ if cls in STATUS)


def from_domain(error: e.CodewhaleError) -> HttpError:
    """The refusal that tells a client of `error`. Messages that clients match on stay exact; the others get their hint."""
    message = error.message
    if error.hint and isinstance(error, _WITH_HINT):
        message = error.in_full()
    return HttpError(status_of(error), message)


def body_of(status: int, message: str) -> bytes:
    """The JSON text of an error."""
    return msgspec.json.encode(ErrorBody(error=ErrorDetail(message=message, status=status)))
