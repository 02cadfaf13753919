"""What a client may ask before it has a token: is anybody there, who, and what does it speak."""

import msgspec

from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply

SERVICE = "deepseek-runtime-api"

PAGE_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
"""A page of text: no script at all, nothing from elsewhere."""

_documents: dict[str, bytes] = {}
_pages: dict[str, bytes] = {}


async def health(call: Call) -> Reply:
    """The process is up."""
    del call
    return json_reply(wire.Health(status="ok", service=SERVICE, mode="local"))


async def runtime_info(call: Call) -> Reply:
    """Where the server listens, and whether it wants a token."""
    facts = call.facts
    return json_reply(
        wire.RuntimeInfo(
            bind_host=facts.bind_host, port=facts.port, auth_required=facts.token is not None, version=facts.version
        )
    )


async def openapi(call: Call) -> Reply:
    """The description of this API, generated at the first request for it."""
    version = call.facts.version
    document = _documents.get(version)
    if document is None:
        from codewhale.surfaces.http.openapi import document_json  # noqa: PLC0415 - not needed to start a server

        document = _documents[version] = document_json(version)
    return Reply(body=document)


async def reference(call: Call) -> Reply:
    """The same description for people."""
    version = call.facts.version
    text = _pages.get(version)
    if text is None:
        from codewhale.surfaces.http.reference import page  # noqa: PLC0415 - not needed to start a server

        text = _pages[version] = page(msgspec.json.decode((await openapi(call)).body))
    return Reply(body=text, content_type=b"text/html; charset=utf-8", headers=(PAGE_POLICY,))


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/health", health, Spec(doc="Whether the server is up.", answer=wire.Health, access="public")),
    get(
        "/v1/runtime/info",
        runtime_info,
        Spec(doc="Where the server listens and whether it wants a token.", answer=wire.RuntimeInfo, access="public"),
    ),
    get(
        "/docs",
        reference,
        Spec(doc="This description, as a page to read.", answer=str, media="text/html", access="public"),
    ),
    get("/openapi.json", openapi, Spec(doc="This description.", answer=dict[str, object], access="public")),
)
