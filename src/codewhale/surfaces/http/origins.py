"""Who may talk to us from where: the Host we are called by, and the web pages that may call us (runtime-contract §5.3).

Exact comparison only: no patterns, no suffixes, no resolving. A page of any other origin is refused, not just left without
CORS headers, because a request without a body has its effect whether or not the page may read the answer.
"""

import re
from collections.abc import Iterable

from codewhale.surfaces.http.errors import HttpError
from codewhale.surfaces.http.exchange import Headers, Scope
from codewhale.surfaces.http.facts import ServerFacts

DEFAULT_ORIGINS = (
    "http://localhost:3000",
    "http://127.0.0.1:3000",
    "http://localhost:1420",
    "http://127.0.0.1:1420",
    "tauri://localhost",
)
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
WILDCARDS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, never bound

PREFLIGHT_HEADERS = (
    (b"access-control-allow-methods", b"GET, POST, PATCH, PUT, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        (
            b"Authorization, Content-Type, Accept, Idempotency-Key, Last-Event-ID,"
            b" X-Codewhale-Runtime-Token, X-DeepSeek-Runtime-Token"
        ),
    ),
    (b"access-control-max-age", b"600"),
)

_AN_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
_SAME_SITE = frozenset({b"same-origin", b"none"})


class Origins:
    """The allow-lists of one server."""

    def __init__(self, facts: ServerFacts) -> None:
        self._port = facts.port
        self._wildcard = facts.bind_host in WILDCARDS
        names = [*LOOPBACK_NAMES]
        if not self._wildcard:
            names.append(bracketed(facts.bind_host))
        hosts = {f"{name}:{facts.port}" for name in names}
        if facts.port == 80:  # the default port is left out of Host
            hosts.update(names)
        for name in facts.public_hosts:
            hosts.update((name, f"{name}:{facts.port}"))
        self._hosts = frozenset(h.encode() for h in hosts)
        self._own = frozenset(f"{scheme}://{h}".encode() for h in hosts for scheme in ("http", "https"))
        self._listed = frozenset(o.encode() for o in (*DEFAULT_ORIGINS, *facts.cors_origins))

    def admit(self, scope: Scope, headers: Headers) -> Headers:
        """The CORS headers for the answer (none for a caller that is not a foreign page), or an `HttpError`."""
        host = self._host(scope, headers)
        origins = [value for name, value in headers if name == b"origin"]
        if len(origins) > 1:
            raise HttpError(403, "More than one Origin header")
        origin = origins[0] if origins else None
        own = origin is not None and (origin in self._own or origin == b"http://" + host)
        listed = origin is not None and origin in self._listed
        if origin is not None and not own and not listed:
            raise HttpError(403, "This origin may not use the runtime API; allow it with --cors-origin")
        if origin is None and any(n == b"sec-fetch-site" and v not in _SAME_SITE for n, v in headers):
            raise HttpError(403, "Cross-site requests are refused")
        if origin is None or not listed:
            return ()
        return ((b"access-control-allow-origin", origin), (b"vary", b"Origin"))

    def _host(self, scope: Scope, headers: Headers) -> bytes:
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1:
            raise HttpError(400, "Exactly one Host header is required", close=True)
        host = hosts[0]
        if host in self._hosts or (self._wildcard and host == self._local(scope)):
            return host
        raise HttpError(421, "This server does not answer to that host name", close=True)

    def _local(self, scope: Scope) -> bytes:
        """The address that the connection came to: with a wildcard bind the only other name we know to be ours."""
        server = scope.get("server")
        return f"{bracketed(server[0])}:{self._port}".encode() if server else b""


def never_met(origins: Iterable[str]) -> list[str]:
    """Those that no browser ever sends: with a path, a pattern, spaces, capitals, or without a scheme."""
    return [origin for origin in origins if not _AN_ORIGIN.fullmatch(origin)]


def bracketed(host: str) -> str:
    """An IPv6 address in brackets, anything else as it is."""
    return f"[{host}]" if ":" in host else host
