"""Receipts: what a request with an idempotency key did, kept so that the same request is never carried out twice."""

from msgspec import Struct

IN_PROGRESS = "A request with this idempotency key is in progress; ask again"
"""The message of the conflict that goes away by waiting."""

KEPT_SECONDS = 24 * 3600
KEPT_RECEIPTS = 50_000
"""A receipt goes after a day, or when so many newer ones have come."""


class RequestKey(Struct, frozen=True, kw_only=True):
    """One request as its client names it: `scope` is what the key holds for (a route with its ids), `fingerprint` is a hash
    of everything that the request says."""

    scope: str
    key: str
    fingerprint: str


class Receipt(Struct, frozen=True, kw_only=True):
    """What came of a request: the answer's status and body, or, with `status` None, not known (yet, or for ever)."""

    request: RequestKey
    expires_at: str
    status: int | None = None
    body: bytes = b""
