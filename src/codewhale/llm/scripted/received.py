"""What the scripted model was asked, kept for tests and for people; bounded, and without keys."""

from collections import deque

import msgspec
from msgspec import Struct

from codewhale.domain.ports import SystemClock
from codewhale.llm.scripted.connection import HttpAsked

MAX_KEPT = 10_000
MAX_KEPT_BYTES = 64 * 1024 * 1024
_SECRET = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"})


class Received(Struct, kw_only=True):
    """One request as it came, and how it went: `outcome` is `open`, `complete`, `broken` (a cut or reset of the script)
    or `client_gone`. `body` is the JSON that came, or text. `number` counts from 1 since the last reset."""

    number: int
    time: str
    method: str
    path: str
    headers: dict[str, str]
    body: msgspec.Raw | str
    reply: str = ""
    attempt: int = 0
    status: int | None = None
    outcome: str = "open"


class Ledger:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._kept: deque[tuple[Received, int]] = deque()
        self._bytes = 0
        self._count = 0

    def add(self, asked: HttpAsked) -> Received:
        """Keep a request; the oldest go when there are too many."""
        self._count += 1
        received = Received(
            number=self._count,
            time=SystemClock().now(),
            method=asked.method,
            path=asked.path,
            headers={name: masked(name, value) for name, value in asked.headers.items()},
            body=_body(asked.body),
        )
        self._kept.append((received, len(asked.body)))
        self._bytes += len(asked.body)
        while len(self._kept) > 1 and (len(self._kept) > MAX_KEPT or self._bytes > MAX_KEPT_BYTES):
            self._bytes -= self._kept.popleft()[1]
        return received

    @property
    def all(self) -> list[Received]:
        return [received for received, _ in self._kept]

    @property
    def count(self) -> int:
        return self._count

    def reset(self) -> None:
        self._kept.clear()
        self._bytes = 0
        self._count = 0


def masked(name: str, value: str) -> str:
    """A header's value without what is secret in it; the scheme of an authorisation stays."""
    if name not in _SECRET:
        return value
    scheme, space, _ = value.partition(" ")
    return f"{scheme} ***" if space and name.endswith("authorization") else "***"


def _body(body: bytes) -> msgspec.Raw | str:
    try:
        msgspec.json.decode(body)
    except (ValueError, RecursionError):
        return body.decode("utf-8", "replace")
    return msgspec.Raw(body)
