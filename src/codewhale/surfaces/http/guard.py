"""The guard in front of routing: every request passes it, in one order, before anything of it is acted on.

Host, Origin, Sec-Fetch-Site, header limits, preflight, credentials, body. A refusal has no side effects.
"""

import asyncio
from collections.abc import Callable

from codewhale.surfaces.http.auth import Authenticator
from codewhale.surfaces.http.endpoint import Access
from codewhale.surfaces.http.errors import HttpError
from codewhale.surfaces.http.exchange import (
    BODY_KEY,
    App,
    Headers,
    Message,
    Receive,
    Reply,
    Scope,
    Send,
    send_error,
    send_reply,
)
from codewhale.surfaces.http.facts import Limits, ServerFacts
from codewhale.surfaces.http.origins import PREFLIGHT_HEADERS, Origins

URL_LIMIT = 16 * 1024


class Guard:
    """Admits requests to `app`. `access` says what a method and path need; None is a route that does not exist."""

    def __init__(self, app: App, facts: ServerFacts, access: Callable[[str, str], Access | None]) -> None:
        self._app = app
        self._limits = facts.limits
        self._access = access
        self._origins = Origins(facts)
        self._auth = Authenticator(facts.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: Headers = scope["headers"]
        try:
            cors = self._origins.admit(scope, headers)
        except HttpError as error:
            await send_error(send, _closing(error, headers))
            return
        if cors:
            send = _adding(send, cors)
        try:
            _check_size(scope, headers, self._limits)
            if cors and _is_preflight(scope, headers):
                await send_reply(send, Reply(), PREFLIGHT_HEADERS)
                return
            self._auth.admit(scope, headers, self._access(scope["method"], scope["path"]))
            scope[BODY_KEY] = await read_body(headers, receive, self._limits)
        except HttpError as error:
            await send_error(send, _closing(error, headers))
            return
        await self._app(scope, receive, send)


async def read_body(headers: Headers, receive: Receive, limits: Limits) -> bytes:
    """The whole body, counted while it is read. 413 above the cap, 408 when it does not arrive in time."""
    length = _declared_length(headers)
    if length == 0:
        return b""
    if length is not None and length > limits.body:
        raise _too_large(limits)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_timeout):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HttpError(400, "The connection ended before the body did", close=True)
                part: bytes = message.get("body", b"")
                size += len(part)
                if size > limits.body:
                    raise _too_large(limits)
                parts.append(part)
                if not message.get("more_body", False):
                    return b"".join(parts)
    except TimeoutError as error:
        raise HttpError(408, f"The body did not arrive within {limits.body_timeout:g} seconds", close=True) from error


def _declared_length(headers: Headers) -> int | None:
    """0 when there is no body, None when its length is not declared (chunked)."""
    length = 0
    for name, value in headers:
        if name == b"transfer-encoding":
            return None
        if name == b"content-length":
            if not value.isdigit():
                raise HttpError(400, "Content-Length must be an unsigned integer", close=True)
            length = int(value)
    return length


def _too_large(limits: Limits) -> HttpError:
    return HttpError(413, f"The body is larger than {limits.body} bytes", close=True)


def _check_size(scope: Scope, headers: Headers, limits: Limits) -> None:
    if len(headers) > limits.header_count or sum(len(n) + len(v) for n, v in headers) > limits.header_bytes:
        raise HttpError(431, "The request has too many or too large headers", close=True)
    if len(scope["path"]) + len(scope["query_string"]) > URL_LIMIT:
        raise HttpError(414, f"The request target is longer than {URL_LIMIT} bytes", close=True)


def _is_preflight(scope: Scope, headers: Headers) -> bool:
    return scope["method"] == "OPTIONS" and any(name == b"access-control-request-method" for name, _ in headers)


def _closing(error: HttpError, headers: Headers) -> HttpError:
    """The same refusal; it ends the connection when a body is under way that nobody will read."""
    pending = any(n == b"transfer-encoding" or (n == b"content-length" and v != b"0") for n, v in headers)
    if error.close or not pending:
        return error
    return HttpError(error.status, error.message, headers=error.headers, close=True)


def _adding(send: Send, extra: Headers) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *extra]
        await send(message)

    return with_headers
