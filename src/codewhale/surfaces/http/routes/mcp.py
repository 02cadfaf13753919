"""The configured MCP servers (runtime-contract §1.4 rows 28-29). Reading about them starts none of them."""

from codewhale.domain.errors import NotAvailable
from codewhale.surfaces.http import wire
from codewhale.surfaces.http.endpoint import Endpoint, Param, Spec, get
from codewhale.surfaces.http.exchange import Call, Reply, json_reply

_CONNECT = Param("connect", "flag", "Start and ask the servers: 501 until this server can.")


async def list_servers(call: Call) -> Reply:
    """The servers of the configuration, by name."""
    _unconnected(call)
    return json_reply(wire.McpServers(servers=tuple(await call.client.introspection.mcp_servers())))


async def list_tools(call: Call) -> Reply:
    """The tools of connected servers, which are none; a configuration that cannot be read is told all the same."""
    _unconnected(call)
    await call.client.introspection.mcp_servers()
    return json_reply(wire.McpTools(tools=()))


def _unconnected(call: Call) -> None:
    if call.flag("connect"):
        raise NotAvailable("This server cannot connect to MCP servers yet; ask without connect=true")


ENDPOINTS: tuple[Endpoint, ...] = (
    get(
        "/v1/apps/mcp/servers",
        list_servers,
        Spec(doc="The configured MCP servers.", answer=wire.McpServers, params=(_CONNECT,), errors=(501,)),
    ),
    get(
        "/v1/apps/mcp/tools",
        list_tools,
        Spec(
            doc="The tools of connected MCP servers.",
            answer=wire.McpTools,
            params=(Param("server", "text", "Only tools of the server with exactly this name."), _CONNECT),
            errors=(501,),
        ),
    ),
)
