"""Endpoints as values: what each route takes, answers and refuses. Routing, decoding and the OpenAPI text all come from them."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

from msgspec import Struct

from codewhale.surfaces.http.exchange import Call, Reply, Stream

B = TypeVar("B")
Access = Literal["public", "token", "query_token"]
ParamKind = Literal["uint", "flag", "text"]
StreamKind = Literal["events", "oneshot"]
Replay = Callable[[Call, bytes], Stream]
"""Makes a stream again from its `Stream.receipt`, for a request that was carried out before."""


class Param(Struct, frozen=True):
    """A query parameter."""

    name: str
    kind: ParamKind
    doc: str


class Endpoint(Struct, frozen=True, kw_only=True):
    """One method of one path. `answer` is the type of a success's JSON (a tuple: one of these; None: there is no body);
    `errors` lists the statuses beyond the guard's.

    `access` `query_token` also accepts `?token=` (browsers' EventSource cannot send headers).
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    name: str
    doc: str
    run: Callable[[Call, Any], Awaitable[Reply | Stream]]
    status: int = 200
    body: type[Any] | None = None
    answer: Any = None
    media: str = "application/json"
    stream: StreamKind | None = None
    params: tuple[Param, ...] = ()
    access: Access = "token"
    errors: tuple[int, ...] = ()
    replay: Replay | None = None


class Spec(Struct, frozen=True, kw_only=True):
    """What an endpoint declares about itself beyond its route."""

    doc: str
    status: int = 200
    answer: Any = None
    media: str = "application/json"
    stream: StreamKind | None = None
    params: tuple[Param, ...] = ()
    access: Access = "token"
    errors: tuple[int, ...] = ()
    replay: Replay | None = None


def get(path: str, run: Callable[[Call], Awaitable[Reply | Stream]], spec: Spec) -> Endpoint:
    """An endpoint that reads."""
    return _endpoint("GET", path, run, spec)


def post(path: str, run: Callable[[Call], Awaitable[Reply | Stream]], spec: Spec) -> Endpoint:
    """An endpoint that acts and takes no body (one that is sent is ignored)."""
    return _endpoint("POST", path, run, spec)


def delete(path: str, run: Callable[[Call], Awaitable[Reply | Stream]], spec: Spec) -> Endpoint:
    """An endpoint that takes something away and takes no body."""
    return _endpoint("DELETE", path, run, spec)


def with_body(
    method: Literal["POST", "PUT", "PATCH"],
    path: str,
    body: type[B],
    run: Callable[[Call, B], Awaitable[Reply | Stream]],
    spec: Spec,
) -> Endpoint:
    """An endpoint that takes a JSON body of type `body`."""
    return Endpoint(
        method=method,
        path=path,
        name=_name(run),
        doc=spec.doc,
        run=run,
        status=spec.status,
        body=body,
        answer=spec.answer,
        media=spec.media,
        stream=spec.stream,
        params=spec.params,
        access=spec.access,
        errors=spec.errors,
        replay=spec.replay,
    )


def _endpoint(
    method: Literal["GET", "POST", "DELETE"], path: str, run: Callable[[Call], Awaitable[Reply | Stream]], spec: Spec
) -> Endpoint:
    async def without_body(call: Call, _: None) -> Reply | Stream:
        return await run(call)

    return Endpoint(
        method=method,
        path=path,
        name=_name(run),
        doc=spec.doc,
        run=without_body,
        status=spec.status,
        answer=spec.answer,
        media=spec.media,
        stream=spec.stream,
        params=spec.params,
        access=spec.access,
        errors=spec.errors,
        replay=spec.replay,
    )


def _name(run: Callable[..., object]) -> str:
    return getattr(run, "__name__", "endpoint")
