"""The OpenAPI 3.1 text of the surface, generated from the endpoint table and the types. Never imported at start-up."""

from typing import Any, cast

import msgspec

from codewhale.domain import events as e
from codewhale.surfaces.http import oneshot
from codewhale.surfaces.http.endpoint import Endpoint, Param
from codewhale.surfaces.http.errors import ErrorBody
from codewhale.surfaces.http.idempotency import PATTERN
from codewhale.surfaces.http.present import Fork, Update
from codewhale.surfaces.http.routes import ENDPOINTS

Json = dict[str, Any]

REF = "#/components/schemas/{name}"
TOKEN_ERRORS = (401, 429)
BODY_ERRORS = (400, 408, 413, 415, 422)
ALWAYS = (400, 403, 414, 421, 431, 500, 503)
MEANING = {
    400: "The request makes no sense.",
    401: "A token is required.",
    403: "Requests from this origin are refused.",
    404: "There is no such thing.",
    408: "The body did not arrive in time.",
    409: "Not possible in the present state, or the idempotency key stands for another request, or for one in progress.",
    413: "The body is too large.",
    414: "The request target is too long.",
    415: "The body is not declared as JSON.",
    421: "The Host header does not name this server.",
    422: "The JSON has the wrong shape; the message names the field.",
    429: "Too many requests with a wrong token.",
    431: "The headers are too many or too large.",
    500: "The server failed.",
    501: "Part of the contract that this server cannot do yet.",
    503: "Nothing was recorded (the disk is full or read-only) or there are too many connections; try again later.",
}
STREAM_EVENTS: dict[str, type[msgspec.Struct]] = {
    "turn.started": oneshot.TurnOpened,
    "message.delta": oneshot.MessageDelta,
    "tool.started": oneshot.ToolStarted,
    "tool.progress": oneshot.ToolProgress,
    "tool.completed": oneshot.ToolCompleted,
    "status": oneshot.Notice,
    "error": oneshot.Notice,
    **{name: e.PAYLOADS[name] for name in e.PAYLOADS if name in oneshot.PASSED_ON},
    "turn.completed": oneshot.TurnClosed,
    "done": oneshot.Done,
}
"""Every event of `POST /v1/stream` and its data."""


_IDEMPOTENCY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request with the same key is carried out once and answered alike for 24 hours.",
    "schema": {"type": "string", "pattern": f"^{PATTERN}$"},
}


def document(version: str, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> Json:
    """The whole description as a JSON value."""
    published: dict[str, type[Any]] = {name: kind for name, kind in e.PAYLOADS.items() if name not in e.INTERNAL}
    published[e.ThreadForked.WIRE] = Fork
    published[e.ThreadUpdated.WIRE] = Update
    kinds: list[Any] = [ErrorBody, *published.values(), *STREAM_EVENTS.values()]
    for endpoint in endpoints:
        kinds += [kind for kind in (endpoint.body, *answers_of(endpoint)) if kind is not None]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REF, schema_hook=_anything)
    by_kind = {id(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, Json] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, by_kind)
    return {
        "openapi": "3.1.0",
        "info": {"title": "codewhale runtime API", "version": version, "license": {"name": "MIT", "identifier": "MIT"}},
        "servers": [{"url": "http://127.0.0.1:7878"}],
        "paths": paths,
        "components": {
            "schemas": {**components, **_envelopes(published)},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Codewhale-Runtime-Token"},
                "legacyHeader": {"type": "apiKey", "in": "header", "name": "X-DeepSeek-Runtime-Token"},
                "query": {"type": "apiKey", "in": "query", "name": "token"},
            },
        },
    }


def document_json(version: str) -> bytes:
    """The description as JSON text."""
    return msgspec.json.encode(document(version))


def _operation(endpoint: Endpoint, by_kind: dict[int, Json]) -> Json:
    operation: Json = {"operationId": endpoint.name, "summary": endpoint.doc, "security": _security(endpoint)}
    parameters = [_path_parameter(part) for part in endpoint.path.split("/") if part.startswith("{")]
    parameters += [_query_parameter(param) for param in endpoint.params]
    if endpoint.stream == "events":
        parameters.append({"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}})
    if endpoint.method == "POST":
        parameters.append(_IDEMPOTENCY)
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        body = {"application/json": {"schema": by_kind[id(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": body}
    operation["responses"] = {str(endpoint.status): _success(endpoint, by_kind), **_refusals(endpoint)}
    return operation


def _security(endpoint: Endpoint) -> list[Json]:
    if endpoint.access == "public":
        return []
    schemes = ["bearer", "header", "legacyHeader"]
    if endpoint.access == "query_token":
        schemes.append("query")
    return [{scheme: []} for scheme in schemes]


def _success(endpoint: Endpoint, by_kind: dict[int, Json]) -> Json:
    if endpoint.stream is None:
        answers = [by_kind[id(kind)] for kind in answers_of(endpoint)]
        if not answers:
            return {"description": "Success; there is no body."}
        content = {endpoint.media: {"schema": answers[0] if len(answers) == 1 else {"anyOf": answers}}}
        return {"description": "Success.", "content": content}
    if endpoint.stream == "events":
        schema: Json = {"$ref": REF.format(name="Event")}
        described = "Server-sent events: `event` is the name, `id` the seq, `data` one Event as a line of JSON."
    else:
        data = {name: by_kind[id(kind)] for name, kind in STREAM_EVENTS.items()}
        schema = {"type": "string", "x-sse-events": data}
        described = "Server-sent events: `event` is a name of x-sse-events, `data` a line of JSON of its type."
    return {"description": described, "content": {"text/event-stream": {"schema": schema}}}


def answers_of(endpoint: Endpoint) -> tuple[Any, ...]:
    """The types of a success's JSON: none, one, or one of several."""
    answer: Any = endpoint.answer
    if isinstance(answer, tuple):
        return cast("tuple[Any, ...]", answer)
    return () if answer is None else (answer,)


def _refusals(endpoint: Endpoint) -> dict[str, Json]:
    statuses = {*ALWAYS, *endpoint.errors}
    if endpoint.access != "public":
        statuses.update(TOKEN_ERRORS)
    if endpoint.body is not None:
        statuses.update(BODY_ERRORS)
    if endpoint.method == "POST":
        statuses.add(409)
    body = {"application/json": {"schema": {"$ref": REF.format(name="ErrorBody")}}}
    return {str(status): {"description": MEANING[status], "content": body} for status in sorted(statuses)}


def _path_parameter(part: str) -> Json:
    return {"name": part.strip("{}"), "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameter(param: Param) -> Json:
    kinds: dict[str, Json] = {
        "uint": {"type": "integer", "minimum": 0},
        "flag": {"type": "boolean", "default": False},
        "text": {"type": "string"},
    }
    return {"name": param.name, "in": "query", "required": False, "description": param.doc, "schema": kinds[param.kind]}


def _anything(kind: type) -> Json:
    """The schema of a value whose shape is not ours (a tool's arguments, metadata)."""
    if kind is not object:
        raise NotImplementedError
    return {"description": "Any JSON value."}


def _envelopes(published: dict[str, type[Any]]) -> dict[str, Json]:
    """One schema per event name, and their union told apart by `event`."""
    schemas: dict[str, Json] = {}
    mapping: dict[str, str] = {}
    for name, kind in published.items():
        own = f"{kind.__name__}Event"
        schemas[own] = _envelope(name, kind.__name__)
        mapping[name] = REF.format(name=own)
    schemas["Event"] = {
        "oneOf": [{"$ref": ref} for ref in mapping.values()],
        "discriminator": {"propertyName": "event", "mapping": mapping},
    }
    return schemas


def _envelope(name: str, payload: str) -> Json:
    seq: Json = {"type": "integer", "minimum": 0}
    time: Json = {"type": "string", "format": "date-time"}
    maybe_id: Json = {"type": ["string", "null"]}
    properties: Json = {
        "seq": seq,
        "timestamp": time,
        "thread_id": {"type": "string"},
        "turn_id": maybe_id,
        "item_id": maybe_id,
        "event": {"const": name},
        "kind": {"const": name},
        "previous_seq": {**seq, "description": "The seq sent before this one on this connection, or its cursor."},
        "schema_version": {"type": "integer"},
        "created_at": time,
        "payload": {"$ref": REF.format(name=payload)},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}
