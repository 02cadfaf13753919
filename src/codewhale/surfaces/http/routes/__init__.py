"""The route table: one file per family, all endpoints listed here and nowhere else."""

from codewhale.surfaces.http.endpoint import Endpoint
from codewhale.surfaces.http.routes import events, requests, rewind, sessions, stream, system, tasks, threads, turns

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
)
