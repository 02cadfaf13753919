"""What a client may ask before it has a token: is anybody there, who, and what does it speak."""

from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply

SERVICE = "deepseek-runtime-api"

_documents: dict[str, bytes] = {}


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


ENDPOINTS: tuple[Endpoint, ...] = (
    get("/health", health, Spec(doc="Whether the server is up.", answer=wire.Health, access="public")),
    get(
        "/v1/runtime/info",
        runtime_info,
        Spec(doc="Where the server listens and whether it wants a token.", answer=wire.RuntimeInfo, access="public"),
    ),
    get("/openapi.json", openapi, Spec(doc="This description.", answer=dict[str, object], access="public")),
)
