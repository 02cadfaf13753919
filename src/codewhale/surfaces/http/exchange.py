"""One request and its answer as values, and how they cross the ASGI boundary.

Handlers see a `Call` and return a `Reply` or a `Stream`; only this module and `sse` know what is sent.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from codewhale.domain.events import Event
from codewhale.domain.lexical import structure_problem
from codewhale.runtime.client import Client
from codewhale.surfaces.http.errors import HttpError, body_of
from codewhale.surfaces.http.facts import ServerFacts

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
T = TypeVar("T")

LARGEST = 2**63 - 1
"""What a number in a query is at most: as much as a database can count, and more than there is of anything."""

BODY_KEY = "codewhale.body"
ABORT_KEY = "codewhale.abort"
JSON = b"application/json"

SAFETY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class Presenter(Protocol):
    """Turns batches of events into frames of a stream; pure. `finished` becomes true when nothing may follow."""

    @property
    def finished(self) -> bool: ...

    def opening(self) -> list[bytes]:
        """Frames before the first event."""
        ...

    def frames(self, batch: Sequence[Event]) -> list[bytes]:
        """The frames of a batch, in order; one that is internal has none."""
        ...

    def failed(self, message: str) -> list[bytes]:
        """Frames that tell the reader that the log could not be read on."""
        ...


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer. Its `headers` go before those that every answer has."""

    status: int = 200
    body: bytes = b""
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Stream(Struct, frozen=True, kw_only=True):
    """An answer that goes on: the presenter's frames of the batches, until it is finished or the reader leaves. `receipt` is
    what the endpoint's `replay` makes the same stream from."""

    batches: AsyncGenerator[list[Event], None]
    presenter: Presenter
    receipt: bytes | None = None


class Call(Struct, kw_only=True):
    """One admitted request. `path` and `query` hold the parameters that the endpoint declares, decoded."""

    client: Client
    facts: ServerFacts
    headers: Headers
    body: bytes
    path: dict[str, str]
    query: dict[str, str | int | bool]

    def header(self, name: bytes) -> str | None:
        """The first header of this name, as text."""
        for key, value in self.headers:
            if key == name:
                return value.decode("latin-1")
        return None

    def text(self, name: str) -> str | None:
        """A query parameter declared as text."""
        value = self.query.get(name)
        return value if isinstance(value, str) else None

    def uint(self, name: str) -> int | None:
        """A query parameter declared as an unsigned integer."""
        value = self.query.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool:
        """A query parameter declared as a flag; absent is false."""
        return self.query.get(name) is True


def json_reply(value: object, status: int = 200) -> Reply:
    """An answer that is the JSON of `value`."""
    return Reply(status=status, body=msgspec.json.encode(value))


_DECODERS: dict[type, "msgspec.json.Decoder[Any]"] = {}


def decode_body(kind: type[T], headers: Headers, body: bytes) -> T:
    """The body as a `kind`. 415 for another content type, 400 for bad JSON, 422 for JSON of another shape."""
    media = next((value for key, value in headers if key == b"content-type"), b"")
    media = media.split(b";", 1)[0].strip().lower()
    if media != JSON and not (media.startswith(b"application/") and media.endswith(b"+json")):
        raise HttpError(415, "Content-Type must be application/json")
    _check_structure(body)
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise HttpError(422, f"The body has the wrong shape: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HttpError(400, f"The body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise HttpError(400, "The body is not usable JSON: it is nested too deeply") from error


def _check_structure(body: bytes) -> None:
    try:
        problem = structure_problem(body.decode())
    except UnicodeDecodeError as error:
        raise HttpError(400, f"The body is not valid JSON: {error}") from error
    if problem is not None:
        raise HttpError(400, f"The body is not usable JSON: it is {problem}")


def parse_query(query: bytes, kinds: dict[str, str]) -> dict[str, str | int | bool]:
    """The parameters named in `kinds` (name to `uint`, `flag` or `text`); others are ignored. 400 for a bad value."""
    if not query:
        return {}
    found: dict[str, str | int | bool] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        kind = kinds.get(name)
        if kind is None:
            continue
        if name in found:
            raise HttpError(400, f"The query parameter '{name}' is given twice")
        found[name] = _query_value(name, kind, value)
    return found


def _query_value(name: str, kind: str, value: str) -> str | int | bool:
    match kind:
        case "uint":
            if not (value.isascii() and value.isdigit() and len(value) <= 20):
                raise HttpError(400, f"The query parameter '{name}' must be an unsigned integer")
            return min(int(value), LARGEST)
        case "flag":
            if value not in ("true", "false"):
                raise HttpError(400, f"The query parameter '{name}' must be true or false")
            return value == "true"
        case _:
            return value


async def send_reply(send: Send, reply: Reply, extra: Headers = ()) -> None:
    """Send a whole answer."""
    own = {name for name, _ in reply.headers}
    headers = [*(pair for pair in SAFETY_HEADERS if pair[0] not in own), *reply.headers, *extra]
    if reply.status != 204:  # which has no body and must not give a length
        headers.append((b"content-length", str(len(reply.body)).encode()))
    if reply.body:
        headers.append((b"content-type", reply.content_type))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


async def send_error(send: Send, error: HttpError) -> None:
    """Send a refusal."""
    extra = [*error.headers, (b"connection", b"close")] if error.close else error.headers
    await send_reply(send, Reply(status=error.status, body=body_of(error.status, error.message)), extra)
