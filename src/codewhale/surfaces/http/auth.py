"""Credentials of a request (runtime-contract §5.2) and the brake on guessing them. Tokens are compared in constant time,
never stored, never logged.

Ten bad tries of a peer within a minute: its further bad tries get 429. Ten *different* bad tokens: all its requests do, the
right token included, until the minute is over; so a stale client that repeats one token cannot lock out its neighbours.
"""

import hmac
import time
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from msgspec import Struct, field

from codewhale.surfaces.http.endpoint import Access
from codewhale.surfaces.http.errors import HttpError
from codewhale.surfaces.http.exchange import Headers, Scope

MISSING = "runtime API bearer token required"
TRIES = 10
WINDOW = 60.0
PEERS = 1024
"""Peers whose bad tries are remembered; the oldest go first."""


class _Tries(Struct):
    since: float
    count: int = 0
    tokens: set[int] = field(default_factory=set[int])


class Authenticator:
    """Admits requests by token; with `token` None authentication is off."""

    def __init__(self, token: str | None, now: Callable[[], float] = time.monotonic) -> None:
        self._token = token.encode() if token is not None else None
        self._now = now
        self._peers: dict[str, _Tries] = {}

    def admit(self, scope: Scope, headers: Headers, access: Access | None) -> None:
        """Let the request pass or raise: 400 for a token in the query where it may not be, 401, 429. A route that does not
        exist (`access` None) needs no token: its 404 tells nothing."""
        in_query = _query_tokens(scope["query_string"])
        if in_query and access != "query_token":
            raise HttpError(400, "A token in the query is accepted on event streams only; send an Authorization header")
        if self._token is None or access is None or access == "public":
            return
        peer = scope["client"][0] if scope.get("client") else "local"
        tries = self._tries(peer)
        if tries is not None and len(tries.tokens) >= TRIES:
            raise self._too_many(tries)
        given = [*_header_tokens(headers), *in_query]
        matches = [hmac.compare_digest(candidate, self._token) for candidate in given]
        if any(matches):
            return
        if not given:
            raise HttpError(401, MISSING)
        tries = self._failed(peer, given)
        if tries.count > TRIES:
            raise self._too_many(tries)
        raise HttpError(401, MISSING)

    def _tries(self, peer: str) -> _Tries | None:
        tries = self._peers.get(peer)
        if tries is not None and self._now() - tries.since >= WINDOW:
            del self._peers[peer]
            return None
        return tries

    def _failed(self, peer: str, given: list[bytes]) -> _Tries:
        tries = self._peers.get(peer)
        if tries is None:
            while len(self._peers) >= PEERS:
                del self._peers[next(iter(self._peers))]
            tries = self._peers[peer] = _Tries(self._now())
        tries.count += 1
        tries.tokens.add(hash(given[0]))
        return tries

    def _too_many(self, tries: _Tries) -> HttpError:
        wait = max(1, int(tries.since + WINDOW - self._now() + 0.999))
        return HttpError(
            429,
            f"Too many requests with a wrong token; try again in {wait} seconds",
            headers=((b"retry-after", str(wait).encode()),),
        )


def _header_tokens(headers: Headers) -> list[bytes]:
    found: list[bytes] = []
    for name, value in headers:
        if name == b"authorization":
            found.append(value[7:] if value.startswith(b"Bearer ") else b"")
        elif name in (b"x-deepseek-runtime-token", b"x-codewhale-runtime-token"):
            found.append(value)
    return found


def _query_tokens(query: bytes) -> list[bytes]:
    """The first `token` of the query, as it stands and percent-decoded; `access_token` counts as one (and is never right)."""
    if b"token" not in query:
        return []
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if name == b"token":
            decoded = unquote_to_bytes(value)
            return [value] if decoded == value else [value, decoded]
        if name == b"access_token":
            return [b""]
    return []
