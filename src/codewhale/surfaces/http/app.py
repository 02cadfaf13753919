"""The ASGI application: guard, then routing, then the endpoint; every answer that is not a success has the JSON error body.

The broad `except` here is the request boundary: what it catches is reported and answered with 500.
"""

import sys
import traceback
from collections.abc import Callable

from codewhale.domain.errors import CodewhaleError
from codewhale.runtime.client import Client
from codewhale.surfaces.http.endpoint import Access, Endpoint
from codewhale.surfaces.http.errors import HttpError, from_domain
from codewhale.surfaces.http.exchange import (
    BODY_KEY,
    Call,
    Message,
    Receive,
    Reply,
    Scope,
    Send,
    decode_body,
    parse_query,
    send_error,
    send_reply,
)
from codewhale.surfaces.http.facts import ServerFacts
from codewhale.surfaces.http.guard import Guard
from codewhale.surfaces.http.idempotency import carry_out, request_key
from codewhale.surfaces.http.paths import Paths
from codewhale.surfaces.http.routes import ENDPOINTS
from codewhale.surfaces.http.sse import Streams, run_stream


def report_to_stderr(text: str) -> None:
    """Where unexpected errors go by default."""
    sys.stderr.write(text)


def printable(text: str) -> str:
    """`text` with everything escaped that a terminal or a reader of logs could take for more than a character, and its further
    lines set off: what a client sent must not look like a line of ours."""
    return "".join("\n  | " if c == "\n" else c if c.isprintable() else ascii(c)[1:-1] for c in text.rstrip()) + "\n"


class HttpApp:
    """The whole surface as one ASGI application. `streams` are the event streams open now."""

    def __init__(
        self,
        client: Client,
        facts: ServerFacts,
        *,
        endpoints: tuple[Endpoint, ...] = ENDPOINTS,
        report: Callable[[str], None] = report_to_stderr,
    ) -> None:
        self.client = client
        self.facts = facts
        self.streams = Streams()
        self.report = report
        by_path: dict[str, dict[str, Endpoint]] = {}
        for endpoint in endpoints:
            by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
        self._paths = Paths({path: _Methods(self, methods) for path, methods in by_path.items()})
        self._guard = Guard(self._route, facts, self.access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._guard(scope, receive, send)

    def access(self, method: str, path: str) -> Access | None:
        """What a request needs to be let in; None for a path or method that is not served."""
        found = self._paths.find(path)
        endpoint = None if found is None else found[0].of(method)
        return None if endpoint is None else endpoint.access

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._paths.find(scope["path"])
        if found is None:
            await send_error(send, HttpError(404, f"There is no route {scope['method']} {scope['path'][:200]}"))
            return
        methods, scope["path_params"] = found
        await methods(scope, receive, send)

    async def answer(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        """Run an endpoint and send what it answers."""
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            call, given = self._call(endpoint, scope)
            key = request_key(scope, call.headers, call.body)
            if key is None:
                result = await endpoint.run(call, given)
            else:
                result = await carry_out(self.facts.idempotency, key, endpoint, call, given)
            if isinstance(result, Reply):
                await send_reply(sending, result)
            else:
                await run_stream(scope, receive, sending, result, self.streams, self.facts.limits)
        except HttpError as error:
            await send_error(send, error)
        except CodewhaleError as error:
            await send_error(send, from_domain(error))
        except Exception:
            self.report(printable(f"{endpoint.method} {endpoint.path} failed:\n{traceback.format_exc()}"))
            if started:
                raise
            await send_error(send, HttpError(500, "Internal error; the server's error output says more"))

    def _call(self, endpoint: Endpoint, scope: Scope) -> tuple[Call, object]:
        headers = scope["headers"]
        body = scope.get(BODY_KEY, b"")
        call = Call(
            client=self.client,
            facts=self.facts,
            headers=headers,
            body=body,
            path=scope["path_params"],
            query=parse_query(scope["query_string"], {p.name: p.kind for p in endpoint.params}),
        )
        return call, None if endpoint.body is None else decode_body(endpoint.body, headers, body)


class _Methods:
    """The methods of one path. HEAD is answered like GET, except where that would open a stream."""

    def __init__(self, app: HttpApp, methods: dict[str, Endpoint]) -> None:
        self._app = app
        self._methods = methods
        reading = methods.get("GET")
        if reading is not None and reading.stream is None:
            self._methods = {**methods, "HEAD": reading}

    def of(self, method: str) -> Endpoint | None:
        return self._methods.get(method)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        endpoint = self._methods.get(method)
        if endpoint is None:
            allow = ", ".join(sorted(self._methods)).encode()
            refused = HttpError(405, f"{method} is not allowed here", headers=((b"allow", allow),))
            await send_error(send, refused)
            return
        await self._app.answer(endpoint, scope, receive, send)
