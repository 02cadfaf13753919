"""The route table: one file per family, all endpoints listed here and nowhere else."""

from codewhale.surfaces.http.endpoint import Endpoint
from codewhale.surfaces.http.routes import (
    automations,
    compact,
    context,
    events,
    mcp,
    policy,
    providers,
    requests,
    rewind,
    sessions,
    skills,
    stream,
    system,
    tasks,
    threads,
    turns,
    usage,
    workspace,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *system.ENDPOINTS,
    *threads.ENDPOINTS,
    *turns.ENDPOINTS,
    *events.ENDPOINTS,
    *requests.ENDPOINTS,
    *stream.ENDPOINTS,
    *sessions.ENDPOINTS,
    *rewind.ENDPOINTS,
    *tasks.ENDPOINTS,
    *automations.ENDPOINTS,
    *compact.ENDPOINTS,
    *context.ENDPOINTS,
    *usage.ENDPOINTS,
    *policy.ENDPOINTS,
    *workspace.ENDPOINTS,
    *skills.ENDPOINTS,
    *mcp.ENDPOINTS,
    *providers.ENDPOINTS,
)
