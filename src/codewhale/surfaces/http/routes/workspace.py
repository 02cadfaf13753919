"""The server's workspace (runtime-contract §1.4 row 7)."""

from codewhale.domain.introspection import WorkspaceStatus
from codewhale.surfaces.http.endpoint import Endpoint, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply


async def workspace_status(call: Call) -> Reply:
    """Branch and changes, as far as git tells them."""
    return json_reply(await call.client.introspection.workspace_status())


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/workspace/status",
        workspace_status,
        Spec(doc="The workspace under git; null where nothing is known.", answer=WorkspaceStatus),
    ),
)
